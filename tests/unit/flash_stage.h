/* SPDX-License-Identifier: MIT */
/*
 * A flash chip with a file behind it, on a disk that a test lets fail: pwrite() and fdatasync() are
 * doubles (Makefile).
 */
#ifndef TESTS_UNIT_FLASH_STAGE_H
#define TESTS_UNIT_FLASH_STAGE_H

#include <sys/types.h>

#include "vmm/firmware/flash.h"

/* All ones, but a byte at PROBE of each block. */
enum { SIZE = 132 * FLASH_BLOCK, PROBE = 0x10 };

/* What the disk does, and what was asked of it. */
struct flash_disk {
	int fail_from; /* the Nth write fails and all after it, from 1; 0: none */
	int error;     /* of these; 0: they write nothing and return 0 */
	int sync_error;
	size_t at_most; /* bytes that a call takes; 0: all */
	bool interrupt; /* the next call, once */
	unsigned writes, syncs;
	off_t order[64];
};
extern struct flash_disk disk;

struct stage {
	struct flash flash;
	int fd;
	bool shown, kept; /* kept: the guest goes on before its writes are carried out */
	unsigned changes, lines;
	char line[512];
};

/* Set-up and tear-down of a test; its state is the stage. */
int flash_stage_start(void **state);
int flash_stage_end(void **state);

struct flash_calls flash_stage_calls(struct stage *stage);
void flash_stage_make(struct stage *stage, const struct flash_config *config);
/* The same chip with other properties. */
void flash_stage_restart(struct stage *stage, bool rom, bool readonly);

/* Accesses of one byte. */
unsigned get(struct stage *stage, unsigned at);
void put(struct stage *stage, unsigned at, unsigned value);
/* Programs a byte; the chip gives its status afterwards. */
void store(struct stage *stage, unsigned at, unsigned value);

unsigned in_file(struct stage *stage, unsigned at);

#endif

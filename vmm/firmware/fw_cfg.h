/* SPDX-License-Identifier: MIT */
/*
 * fw_cfg: by it the firmware asks the machine what it is. Items have numbers; those
 * from FW_CFG_FILES_FROM on are files, and a directory says their names. The guest
 * selects an item, and reads it byte by byte or has it copied into its memory (DMA).
 * Nothing of it can be written.
 *
 * What is added is copied, and is all added before the guest runs. The lock guards
 * the selection and the files' bytes; it is held during a copy. A copy has at most
 * FW_CFG_LENGTH_MAX bytes, which takes milliseconds: a pause waits for it.
 */
#ifndef VMM_FIRMWARE_FW_CFG_H
#define VMM_FIRMWARE_FW_CFG_H

#include <pthread.h>
#include <stdbool.h>

#include "vmm/bus.h"
#include "vmm/memory.h"

enum {
	FW_CFG_SIGNATURE = 0x00,
	FW_CFG_REVISION = 0x01,
	FW_CFG_CPUS = 0x05,
	FW_CFG_BOOT_MENU = 0x0e,
	FW_CFG_DIRECTORY = 0x19,
	FW_CFG_FILES_FROM = 0x20,
};
enum { FW_CFG_PORTS = 12 };
enum { FW_CFG_NAME_SIZE = 56, FW_CFG_FILES_MAX = 64, FW_CFG_NUMBERS_MAX = 8 };
enum { FW_CFG_LENGTH_MAX = 16 << 20 }; /* of an item, and of one DMA transfer: a longer one fails */

/** The file whose first selection after a reset calls `make`. */
#define FW_CFG_SCRIPT "etc/table-loader"

struct fw_cfg_item {
	uint16_t key;                /* of a number */
	bool hidden;                 /* of a file: its name in the directory is empty */
	char name[FW_CFG_NAME_SIZE]; /* of a file */
	uint8_t *bytes;
	uint32_t length;
};

struct fw_cfg {
	const struct memory *memory; /* of the guest, for DMA */
	/*
	 * Files that follow from what the firmware has set up are made now, by
	 * fw_cfg_update(). From a vCPU's thread, without the lock. NULL: there are none.
	 */
	void (*make)(void *opaque);
	/* A line for the log that a guest causes: to be limited. From a vCPU's thread. */
	void (*say)(void *opaque, const char *line);
	void *opaque;

	bool made; /* atomic */
	pthread_mutex_t lock;
	struct fw_cfg_item numbers[FW_CFG_NUMBERS_MAX];
	struct fw_cfg_item files[FW_CFG_FILES_MAX]; /* by name; file i has the number FW_CFG_FILES_FROM + i */
	unsigned number_count, file_count;
	uint8_t directory[4 + 64 * FW_CFG_FILES_MAX];

	struct fw_cfg_item selected; /* its bytes are another's; length 0: nothing is selected */
	uint32_t offset;             /* of the next byte */
	uint32_t dma_high;
};

/** As after fw_cfg_reset(), without items. The callbacks are filled in afterwards. */
void fw_cfg_init(struct fw_cfg *fw_cfg, const struct memory *memory);

/** As after power-on: nothing is hidden or made, and the signature is selected. No vCPU runs. */
void fw_cfg_reset(struct fw_cfg *fw_cfg);

void fw_cfg_free(struct fw_cfg *fw_cfg);

/** Adds a numbered item. -ENOSPC, -ENOMEM, -EEXIST, -EFBIG: it is too long. Before the guest runs. */
int fw_cfg_add(struct fw_cfg *fw_cfg, uint16_t key, const void *bytes, uint32_t length);

/**
 * Adds a file. -EINVAL: the name is empty or has more than 55 bytes; -EEXIST;
 * -EFBIG: it is too long; -ENOSPC; -ENOMEM. Before the guest runs: numbers of files follow from their names.
 */
int fw_cfg_add_file(struct fw_cfg *fw_cfg, const char *name, const void *bytes, uint32_t length);

/**
 * Gives a file other bytes. As many as before, since the guest may know its size.
 * -ENOENT, -EINVAL. Any thread.
 */
int fw_cfg_update(struct fw_cfg *fw_cfg, const char *name, const void *bytes, uint32_t length);

/** Hides a file until the next reset, or shows it again: who looks for its name does not find it. Any thread.
 */
void fw_cfg_hide(struct fw_cfg *fw_cfg, const char *name, bool hidden);

extern const struct bus_ops fw_cfg_ops; /* opaque: struct fw_cfg; FW_CFG_PORTS from PORT_FW_CFG */

#endif

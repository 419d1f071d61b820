/* SPDX-License-Identifier: MIT */
/* An image of a kernel, packed in each way, and the cache that it is unpacked into. */
#ifndef TESTS_UNIT_KERNEL_STAGE_H
#define TESTS_UNIT_KERNEL_STAGE_H

#include <sys/types.h>

#include "tool/run/kernel/cache.h"
#include "tool/run/kernel/entry.h"

enum { KERNEL = 9 << 20, PACKED_MAX = 12 << 20, SETUP = 1024 };

struct stage {
	char root[64], folder[128];
	struct kernel_cache cache;
	struct lend_error error;
	uint64_t size;
	uint8_t *kernel, *image; /* the image: a header, and then the payload */
	size_t packed;
};

/* Set-up and tear-down of a test; its state is the stage. */
int kernel_stage_start(void **state);
int kernel_stage_end(void **state);

/* Each packs KERNEL bytes, and returns how many they are then; the last is a format that nobody unpacks. */
size_t kernel_pack_zstd(const uint8_t *in, uint8_t *out);
size_t kernel_pack_lz4(const uint8_t *in, uint8_t *out);
size_t kernel_pack_xz(const uint8_t *in, uint8_t *out);
size_t kernel_pack_alone(const uint8_t *in, uint8_t *out);
size_t kernel_pack_gzip(const uint8_t *in, uint8_t *out);
size_t kernel_pack_otherwise(const uint8_t *in, uint8_t *out);

/* Makes the image of the kernel as it is now. */
void kernel_pack(struct stage *stage, size_t (*packer)(const uint8_t *in, uint8_t *out));
/* Another header for it: where the payload is, and the room that it says to need. */
void kernel_header(struct stage *stage, uint32_t offset, uint32_t length, uint32_t room);

/* Asks the cache for the image: a descriptor, or an error with its sentence. */
int kernel_find(struct stage *stage);
/* It is the kernel; returns its inode, by which files are told apart. */
ino_t kernel_find_right(struct stage *stage);
/* The only file of the cache. */
const char *kernel_entry_path(struct stage *stage);

#endif

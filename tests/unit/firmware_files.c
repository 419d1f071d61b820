/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/firmware_files.h"

static const uint8_t variables[] = {0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
				    0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50};
static const uint8_t code[] = {0x78, 0xe5, 0x8c, 0x8c, 0x3d, 0x8a, 0x1c, 0x4f,
			       0x99, 0x35, 0x89, 0x61, 0x85, 0xc3, 0x2d, 0xd3};

static void put_volume(uint8_t *bytes, const uint8_t guid[16], uint64_t length)
{
	memset(bytes, 0, 16);
	memcpy(bytes + 0x10, guid, 16);
	for (unsigned i = 0; i < 8; i++)
		bytes[0x20 + i] = (uint8_t)(length >> (8 * i));
	memcpy(bytes + 0x28, "_FVH", 4);
}

void firmware_file_fill(int fd, enum firmware_file kind, uint32_t size)
{
	uint8_t *bytes = malloc(size + 1u);

	assert_non_null(bytes);
	memset(bytes, kind == FILE_ZEROS ? 0 : 0xff, size);
	if (kind == FILE_CODE)
		put_volume(bytes, code, size / 2);
	else if (kind == FILE_STORE || kind == FILE_BOTH)
		put_volume(bytes, variables, kind == FILE_STORE ? size : VARS_4M);
	if (kind == FILE_CODE || kind == FILE_BOTH)
		memcpy(bytes + size - 16, "\x90\x90\xe9\x5b\xff\x90", 6);
	assert_int_equal(write(fd, bytes, size), size);
	free(bytes);
}

int firmware_file(enum firmware_file kind, uint32_t size)
{
	int fd = memfd_create("firmware", MFD_CLOEXEC);

	assert_true(fd >= 0);
	firmware_file_fill(fd, kind, size);
	return fd;
}

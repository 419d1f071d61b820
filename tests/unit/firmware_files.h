/* SPDX-License-Identifier: MIT */
/* Files that look like UEFI firmware to who reads their headers and their ends alone. */
#ifndef TESTS_UNIT_FIRMWARE_FILES_H
#define TESTS_UNIT_FIRMWARE_FILES_H

#include <stdint.h>

/* Of the images of the package ovmf. */
enum { CODE_4M = 0x37c000, VARS_4M = 0x84000, CODE_2M = 0x1e0000, VARS_2M = 0x20000, WHOLE_4M = 0x400000 };

enum firmware_file {
	FILE_ZEROS,
	FILE_ONES,
	FILE_CODE,  /* a volume of code, and a reset vector */
	FILE_STORE, /* a volume of variables as large as the file */
	FILE_BOTH,  /* a volume of variables of VARS_4M bytes, and a reset vector */
};

/** Fills an open, empty file. */
void firmware_file_fill(int fd, enum firmware_file kind, uint32_t size);

/** An anonymous file. */
int firmware_file(enum firmware_file kind, uint32_t size);

#endif

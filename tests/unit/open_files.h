/* SPDX-License-Identifier: MIT */
/* Descriptors of a test: how many are open, and files in memory. */
#ifndef TESTS_UNIT_OPEN_FILES_H
#define TESTS_UNIT_OPEN_FILES_H

#include <stdint.h>

/** How many descriptors this process has open. The one that counts them counts, too. */
unsigned open_fds(void);

/** A file in memory of that many bytes, which are 0. The caller closes it. */
int memory_file(uint64_t size);

#endif

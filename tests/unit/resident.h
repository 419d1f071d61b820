/* SPDX-License-Identifier: MIT */
/*
 * How many pages a piece of memory takes: what nobody has written takes none, though a read of it maps
 * the kernel's page of zeros (Documentation/admin-guide/mm/pagemap.rst).
 */
#ifndef TESTS_UNIT_RESIDENT_H
#define TESTS_UNIT_RESIDENT_H

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"

static inline size_t resident(uintptr_t at, size_t length)
{
	const uint64_t present = UINT64_C(1) << 63, exclusive = UINT64_C(1) << 56;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t found = 0;

	assert_true(fd >= 0);
	for (uintptr_t i = at / page; i <= (at + length - 1) / page; i++) {
		uint64_t entry = 0;

		assert_int_equal(pread(fd, &entry, sizeof(entry), (off_t)(i * sizeof(entry))), sizeof(entry));
		found += (entry & present) && (entry & exclusive);
	}
	close(fd);
	return found;
}

#endif

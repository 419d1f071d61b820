/* SPDX-License-Identifier: MIT */
/* See open_files.h. */
#include <dirent.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/open_files.h"

unsigned open_fds(void)
{
	DIR *all = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(all);
	while (readdir(all))
		count++;
	closedir(all);
	return count;
}

int memory_file(uint64_t size)
{
	int fd = memfd_create("lend-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor is. glibc's fstat() makes the call newfstatat in some versions, which
 * tells of any path whether it exists: a sandbox that refuses that one must not stop us.
 */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int file_stat(int fd, struct stat *out)
{
	return syscall(SYS_fstat, fd, out) ? -errno : 0;
}

#endif

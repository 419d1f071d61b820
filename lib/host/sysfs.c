/* SPDX-License-Identifier: MIT */
/* Small reads below a root directory; see sysfs.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/sysfs.h"

int sysfs_path(char out[PATH_MAX], const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(out, PATH_MAX, format, args);
	va_end(args);
	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int sysfs_read(const char *dir, const char *name, char *out, size_t size)
{
	char path[PATH_MAX];
	ssize_t length;
	int fd, ret;

	ret = sysfs_path(path, "%s/%s", dir, name);
	if (ret)
		return ret;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, out, size - 1);
	ret = length < 0 ? -errno : (int)length;
	close(fd);
	if (ret < 0)
		return ret;
	out[ret] = '\0';
	if (ret > 0 && out[ret - 1] == '\n')
		out[--ret] = '\0';
	return ret;
}

int sysfs_number(const char *dir, const char *name, long *out)
{
	char text[32], *end;
	long value;
	int ret;

	ret = sysfs_read(dir, name, text, sizeof(text));
	if (ret < 0)
		return ret;
	errno = 0;
	value = strtol(text, &end, 0);
	if (errno || end == text || *end)
		return -EINVAL;
	*out = value;
	return 0;
}

int sysfs_link(const char *dir, const char *name, char *out, size_t size)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t length;
	int ret;

	ret = sysfs_path(path, "%s/%s", dir, name);
	if (ret)
		return ret;
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= size)
		return -ENAMETOOLONG;
	strcpy(out, last);
	return 0;
}

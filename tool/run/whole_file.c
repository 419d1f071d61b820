/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/run/whole_file.h"

/* Up to `room` bytes, and not as many as the file says: a file of the kernel's own says nothing. */
static int read_up_to(int fd, char *bytes, size_t room, size_t *length)
{
	ssize_t more = 1;

	for (*length = 0; more && *length < room;) {
		more = read(fd, bytes + *length, room - *length);
		if (more < 0 && errno != EINTR)
			return -errno;
		*length += more > 0 ? (size_t)more : 0;
	}
	return 0;
}

static int read_regular(int fd, size_t max, void **bytes, size_t *length)
{
	struct stat st;
	void *fitting;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	*bytes = malloc(max + 1);
	if (!*bytes)
		return -ENOMEM;
	ret = read_up_to(fd, *bytes, max + 1, length);
	if (!ret && *length > max)
		ret = -EFBIG;
	if (ret) {
		free(*bytes);
		return ret;
	}
	fitting = realloc(*bytes, *length + 1);
	*bytes = fitting ? fitting : *bytes;
	/* static: `bytes` is what realloc() gave */
	return 0;
}

int whole_file(const char *path, size_t max, void **bytes, size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int ret = fd < 0 ? -errno : read_regular(fd, max, bytes, length);

	if (fd >= 0)
		close(fd);
	if (ret)
		*bytes = NULL;
	return ret;
}

const char *whole_file_text(int error)
{
	return error == -ENOEXEC ? "it is not a regular file" : strerror(-error);
}

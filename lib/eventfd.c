/* SPDX-License-Identifier: MIT */
/* See eventfd.h. */
#include <errno.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/eventfd.h"

int eventfd_try(int fd, uint64_t *count)
{
	const struct iovec data = {count, sizeof(*count)};
	ssize_t ret = preadv2(fd, &data, 1, -1, RWF_NOWAIT);

	if (ret < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return ret == sizeof(*count) ? 1 : -EIO;
}

uint64_t eventfd_take(int fd)
{
	uint64_t count;

	return eventfd_try(fd, &count) == 1 ? count : 0;
}

/*
 * RWF_NOWAIT is for reads alone: eventfd_write() is no write_iter, and takes no flags; io_uring
 * looks at O_NONBLOCK, too; and the file cannot be opened anew by /proc/self/fd. So the kernel has
 * no write to an eventfd that is sure not to wait.
 */
void eventfd_add(int fd)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	uint64_t one = 1;

	if (poll(&room, 1, 0) == 1 && room.revents & POLLOUT)
		(void)!write(fd, &one, sizeof(one));
}

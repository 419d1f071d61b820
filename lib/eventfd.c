/* SPDX-License-Identifier: MIT */
/* See eventfd.h. */
#include <errno.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/eventfd.h"

/* Linux before 5.8 reads no eventfd that way. */
uint64_t eventfd_take(int fd)
{
	uint64_t count = 0;
	const struct iovec data = {&count, sizeof(count)};
	ssize_t ret = preadv2(fd, &data, 1, -1, RWF_NOWAIT);

	if (ret < 0 && errno == EOPNOTSUPP)
		ret = read(fd, &count, sizeof(count));
	return ret == sizeof(count) ? count : 0;
}

/* There is no such flag for a write. */
void eventfd_add(int fd)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	uint64_t one = 1;

	if (poll(&room, 1, 0) == 1 && room.revents & POLLOUT)
		(void)!write(fd, &one, sizeof(one));
}

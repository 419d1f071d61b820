/* SPDX-License-Identifier: MIT */
/*
 * A signal is 8 bytes, the number 1, to a descriptor of the client. It should be an
 * eventfd, but it is the client's choice: whatever it is, it raises no SIGPIPE, and a
 * full one does not block us. A signal that does not fit is not lost: the client has one
 * to read.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "lib/eventfd.h"
#include "lib/file.h"
#include "lib/server/irqs.h"

enum signal_way {
	WAY_EVENTFD, /* blocks when it is full, if the client wants that: it shares O_NONBLOCK with us */
	WAY_OTHER,   /* a pipe, a socket */
};

uint8_t irq_signal_way(int fd)
{
	struct stat about;

	if (file_stat(fd, &about) < 0)
		return WAY_OTHER;
	/* Files of the kernel's own have no type. */
	return about.st_mode & S_IFMT ? WAY_OTHER : WAY_EVENTFD;
}

/* A pipe or a socket that nobody reads raises SIGPIPE: it is held back, and taken away. */
static void write_other(int fd)
{
	static const uint64_t one = 1;
	const struct iovec iov = {(void *)&one, sizeof(one)};
	const struct timespec now = {0};
	sigset_t pipe, before, waiting;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&waiting);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	if (pwritev2(fd, &iov, 1, -1, RWF_NOWAIT) < 0 && errno == EPIPE && !sigismember(&waiting, SIGPIPE))
		sigtimedwait(&pipe, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void irq_signal(const struct server_vector *vector)
{
	if (vector->way == WAY_OTHER)
		write_other(vector->fd);
	else
		eventfd_add(vector->fd);
}

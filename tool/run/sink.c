/* SPDX-License-Identifier: MIT */
/* Output that never waits; see sink.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/run/sink.h"

/* When poll() says that a terminal or pipe takes output, it takes this much without blocking. */
enum { CAREFUL = 256 };

int sink_init(struct sink *sink, size_t size)
{
	*sink = (struct sink){.fd = -1};
	return ring_init(&sink->queue, size);
}

/* The same file once more, non-blocking, as a description of our own; -1: not possible. */
static int reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void sink_attach(struct sink *sink, int fd)
{
	struct stat st;
	int again;

	sink->fd = fd;
	sink->own = sink->socket = sink->careful = sink->gone = false;
	if (fd < 0 || fstat(fd, &st)) {
		sink->gone = true;
		return;
	}
	sink->socket = S_ISSOCK(st.st_mode);
	/* A regular file does not block, and opened again it would be written from its start. */
	if (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		return;
	again = reopen(fd);
	sink->own = again >= 0;
	sink->careful = again < 0;
	if (sink->own)
		sink->fd = again;
}

void sink_detach(struct sink *sink)
{
	if (sink->own)
		close(sink->fd);
	sink->fd = -1;
	sink->own = sink->gone = false;
}

void sink_free(struct sink *sink)
{
	sink_detach(sink);
	ring_free(&sink->queue);
}

static bool would_block(const struct sink *sink)
{
	struct pollfd fd = {.fd = sink->fd, .events = POLLOUT};

	return sink->careful && poll(&fd, 1, 0) <= 0;
}

/* Bytes that went out; 0: not now. */
static size_t write_some(struct sink *sink, const uint8_t *data, size_t length)
{
	ssize_t done;

	if (would_block(sink))
		return 0;
	if (sink->careful && length > CAREFUL)
		length = CAREFUL;
	if (sink->socket)
		done = send(sink->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		done = write(sink->fd, data, length);
	if (done >= 0)
		return (size_t)done;
	if (errno != EAGAIN && errno != EINTR)
		sink->gone = true;
	return 0;
}

void sink_flush(struct sink *sink)
{
	const uint8_t *data;
	size_t length, done = 1;

	while (done && sink_waits(sink)) {
		length = ring_peek(&sink->queue, &data);
		done = write_some(sink, data, length);
		ring_drop(&sink->queue, done);
	}
	if (sink->gone) {
		sink->dropped += sink->queue.used;
		ring_drop(&sink->queue, sink->queue.used);
	}
}

static void queue(struct sink *sink, const uint8_t *data, size_t length)
{
	if (length > sink->queue.size) {
		sink->dropped += length - sink->queue.size;
		data += length - sink->queue.size;
		length = sink->queue.size;
	}
	if (length > ring_room(&sink->queue)) {
		size_t excess = length - ring_room(&sink->queue);

		sink->dropped += excess;
		ring_drop(&sink->queue, excess);
	}
	ring_put(&sink->queue, data, length);
}

void sink_write(struct sink *sink, const void *data, size_t length)
{
	const uint8_t *from = data;
	size_t done = 1;

	while (length && done && sink->fd >= 0 && !sink->gone && !sink->queue.used) {
		done = write_some(sink, from, length);
		from += done;
		length -= done;
	}
	if (sink->gone)
		sink->dropped += length;
	else
		queue(sink, from, length);
}

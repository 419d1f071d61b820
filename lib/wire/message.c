/* SPDX-License-Identifier: MIT */
/* Messages on a socket: vfio-user, whose transport is a stream with descriptors in it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/wire/message.h"

/** Memory that is kept for the next message; that of a larger one is freed after it. */
enum { KEPT_ROOM = 64 << 10 };

void wire_reader_init(struct wire_reader *reader, size_t max)
{
	*reader = (struct wire_reader){.max = max};
}

void wire_close_fds(int *fds, unsigned *count)
{
	for (unsigned i = 0; i < *count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*count = 0;
}

void wire_drop_fds(struct wire_reader *reader)
{
	wire_close_fds(reader->fds, &reader->fd_count);
}

void wire_reader_end(struct wire_reader *reader)
{
	wire_drop_fds(reader);
	wire_close_fds(reader->ahead_fds, &reader->ahead_fd_count);
	free(reader->payload);
	wire_reader_init(reader, reader->max);
}

bool wire_has_more(const struct wire_reader *reader)
{
	return reader->ahead_at < reader->ahead_end;
}

bool wire_is_drained(const struct wire_reader *reader)
{
	return reader->drained && !wire_has_more(reader);
}

size_t wire_payload(const struct wire_reader *reader)
{
	return reader->header.size - sizeof(reader->header);
}

int wire_take_of(int *fds, unsigned count, unsigned index)
{
	int fd;

	if (index >= count)
		return -1;
	fd = fds[index];
	fds[index] = -1;
	return fd;
}

int wire_take_fd(struct wire_reader *reader, unsigned index)
{
	return wire_take_of(reader->fds, reader->fd_count, index);
}

/* The descriptors that were read ahead are those of the message that has begun. */
static int adopt_fds(struct wire_reader *reader)
{
	int ret = 0;

	for (unsigned i = 0; i < reader->ahead_fd_count; i++) {
		if (reader->fd_count < WIRE_FDS_MAX) {
			reader->fds[reader->fd_count++] = reader->ahead_fds[i];
		} else {
			close(reader->ahead_fds[i]);
			ret = -EPROTO;
		}
	}
	reader->ahead_fd_count = 0;
	return ret;
}

/* All descriptors that came are kept or closed, whatever becomes of the message. */
static int take_fds(struct wire_reader *reader, struct msghdr *msg)
{
	int ret = msg->msg_flags & MSG_CTRUNC ? -EPROTO : 0;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(msg); at; at = CMSG_NXTHDR(msg, at)) {
		size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(at) + i * sizeof(fd), sizeof(fd));
			if (reader->ahead_fd_count < WIRE_FDS_MAX) {
				reader->ahead_fds[reader->ahead_fd_count++] = fd;
			} else {
				close(fd);
				ret = -EPROTO;
			}
		}
	}
	return ret;
}

/* Receives at most `length` bytes, and descriptors to ahead_fds. 0: it would block. */
static long receive(struct wire_reader *reader, int socket, void *data, size_t length)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {data, length};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got;
	int ret;

	do
		got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	reader->drained = got < (ssize_t)length && !msg.msg_controllen;
	if (got < 0)
		return errno == EAGAIN ? 0 : -errno;
	ret = take_fds(reader, &msg);
	if (ret < 0)
		return ret;
	return got ? got : -ECONNRESET;
}

/* Reads ahead. What was there is used up, so descriptors of it are those of the message that goes on. */
static long refill(struct wire_reader *reader, int socket)
{
	int ret = adopt_fds(reader);
	long got = ret < 0 ? ret : receive(reader, socket, reader->ahead, sizeof(reader->ahead));

	reader->ahead_at = 0;
	reader->ahead_end = got > 0 ? (size_t)got : 0;
	return got;
}

/* Takes at most `length` bytes of the message that goes on. 0: it would block. */
static long take(struct wire_reader *reader, int socket, void *data, size_t length)
{
	long got;

	if (!wire_has_more(reader)) {
		if (length < sizeof(reader->ahead) && !reader->exact) {
			got = refill(reader, socket);
		} else {
			got = receive(reader, socket, data, length);
			return got > 0 && adopt_fds(reader) < 0 ? -EPROTO : got;
		}
		if (got <= 0)
			return got;
	}
	if (length > reader->ahead_end - reader->ahead_at)
		length = reader->ahead_end - reader->ahead_at;
	memcpy(data, reader->ahead + reader->ahead_at, length);
	reader->ahead_at += length;
	return (long)length;
}

/* Memory for the payload. What a peer claims is below the limit, and is there once it is touched. */
static int make_room(struct wire_reader *reader)
{
	size_t need = wire_payload(reader);
	uint8_t *at;

	if (need <= reader->room)
		return 0;
	at = realloc(reader->payload, need);
	if (!at)
		return -ENOMEM;
	reader->payload = at;
	reader->room = need;
	return 0;
}

static void begin(struct wire_reader *reader)
{
	wire_drop_fds(reader);
	reader->got = 0;
	if (reader->room > KEPT_ROOM) {
		free(reader->payload);
		reader->payload = NULL;
		reader->room = 0;
	}
}

/* Whether no other message begins in what was read ahead. */
static bool is_last_ahead(const struct wire_reader *reader)
{
	return reader->ahead_end - reader->ahead_at <= reader->header.size - reader->got;
}

int wire_read(struct wire_reader *reader, int socket)
{
	struct wire_header *header = &reader->header;
	long got;

	if (reader->got >= sizeof(*header) && reader->got == header->size)
		begin(reader);
	while (reader->got < sizeof(*header)) {
		got = take(reader, socket, (uint8_t *)header + reader->got, sizeof(*header) - reader->got);
		if (got <= 0)
			return (int)got;
		reader->got += (size_t)got;
	}
	if (header->size < sizeof(*header) || header->size > reader->max)
		return -EMSGSIZE;
	if (is_last_ahead(reader) && adopt_fds(reader) < 0)
		return -EPROTO;
	if (make_room(reader) < 0)
		return -ENOMEM;
	while (reader->got < header->size) {
		got = take(reader, socket, reader->payload + (reader->got - sizeof(*header)),
			   header->size - reader->got);
		if (got <= 0)
			return (int)got;
		reader->got += (size_t)got;
	}
	return 1;
}

size_t wire_size(struct wire_out *out)
{
	size_t size = sizeof(out->header);

	for (unsigned i = 0; i < out->part_count; i++)
		size += out->parts[i].iov_len;
	out->header.size = (uint32_t)size;
	return size;
}

static void put_fds(struct msghdr *msg, const int *fds, unsigned count)
{
	struct cmsghdr *at;

	msg->msg_controllen = CMSG_SPACE(sizeof(int) * count);
	at = CMSG_FIRSTHDR(msg);
	/* static: the room has been counted for `count` descriptors, so there is a first header */
	at->cmsg_level = SOL_SOCKET;
	at->cmsg_type = SCM_RIGHTS;
	at->cmsg_len = CMSG_LEN(sizeof(int) * count);
	memcpy(CMSG_DATA(at), fds, sizeof(int) * count);
}

/* The parts from byte `from` on. Returns how many. */
static unsigned rest(struct wire_out *out, size_t from, struct iovec iov[4])
{
	struct iovec whole[4] = {{&out->header, sizeof(out->header)}};
	unsigned count = 0;

	memcpy(&whole[1], out->parts, out->part_count * sizeof(whole[0]));
	for (unsigned i = 0; i <= out->part_count; i++) {
		size_t skip = from < whole[i].iov_len ? from : whole[i].iov_len;

		from -= skip;
		if (skip == whole[i].iov_len)
			continue;
		iov[count++] = (struct iovec){(uint8_t *)whole[i].iov_base + skip, whole[i].iov_len - skip};
	}
	return count;
}

long wire_write(struct wire_out *out, int socket, size_t from)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
		struct cmsghdr align;
	} control = {0};
	size_t size = wire_size(out);
	struct iovec iov[4];

	if (out->fd_count > WIRE_FDS_MAX)
		return -EINVAL;
	while (from < size) {
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = rest(out, from, iov)};
		ssize_t sent;

		if (!from && out->fd_count) {
			msg.msg_control = control.bytes;
			put_fds(&msg, out->fds, out->fd_count);
		}
		sent = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? (long)from : -errno;
		from += (size_t)sent;
	}
	return (long)from;
}

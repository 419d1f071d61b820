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

void wire_drop_fds(struct wire_reader *reader)
{
	for (unsigned i = 0; i < reader->fd_count; i++)
		if (reader->fds[i] >= 0)
			close(reader->fds[i]);
	reader->fd_count = 0;
}

void wire_reader_end(struct wire_reader *reader)
{
	wire_drop_fds(reader);
	free(reader->payload);
	*reader = (struct wire_reader){.max = reader->max};
}

size_t wire_payload(const struct wire_reader *reader)
{
	return reader->header.size - sizeof(reader->header);
}

int wire_take_fd(struct wire_reader *reader, unsigned index)
{
	int fd;

	if (index >= reader->fd_count)
		return -1;
	fd = reader->fds[index];
	reader->fds[index] = -1;
	return fd;
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
			if (reader->fd_count < WIRE_FDS_MAX) {
				reader->fds[reader->fd_count++] = fd;
			} else {
				close(fd);
				ret = -EPROTO;
			}
		}
	}
	return ret;
}

/* Receives at most `length` bytes. 0: it would block. Descriptors are taken, wherever they are. */
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
	if (got < 0)
		return errno == EAGAIN ? 0 : -errno;
	ret = take_fds(reader, &msg);
	if (ret < 0)
		return ret;
	return got ? got : -ECONNRESET;
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

int wire_read(struct wire_reader *reader, int socket)
{
	struct wire_header *header = &reader->header;
	long got;

	if (reader->got >= sizeof(*header) && reader->got == header->size)
		begin(reader);
	while (reader->got < sizeof(*header)) {
		got = receive(reader, socket, (uint8_t *)header + reader->got, sizeof(*header) - reader->got);
		if (got <= 0)
			return (int)got;
		reader->got += (size_t)got;
	}
	if (header->size < sizeof(*header) || header->size > reader->max)
		return -EMSGSIZE;
	if (make_room(reader) < 0)
		return -ENOMEM;
	while (reader->got < header->size) {
		got = receive(reader, socket, reader->payload + (reader->got - sizeof(*header)),
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

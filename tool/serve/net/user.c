/* SPDX-License-Identifier: MIT */
/*
 * Frames of passt. It speaks them on a stream socket, each behind its length in four bytes,
 * big endian. So frames are read into memory of ours first, many at once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool/serve/net/backend.h"
#include "tool/serve/net/mac.h"

enum { PREFIX = 4, BUFFER = 256 << 10, MTU = 65520, LONGEST = NET_FRAME - NET_HEADER };

struct user {
	struct net_backend base;
	size_t start, end; /* of the bytes in `buffer` that are not taken */
	size_t sent, rest; /* of `left` */
	uint8_t left[PREFIX + NET_FRAME];
	uint8_t buffer[BUFFER];
};

static struct user *user_of(struct net_backend *backend)
{
	return (struct user *)backend; /* its first field */
}

/* The length of the frame at the front; -EAGAIN: it is not whole yet. */
static ssize_t whole_frame(const struct user *user)
{
	uint32_t length;

	if (user->end - user->start < PREFIX)
		return -EAGAIN;
	memcpy(&length, user->buffer + user->start, PREFIX);
	length = ntohl(length);
	if (length > LONGEST)
		return -EPROTO;
	return user->end - user->start - PREFIX >= length ? (ssize_t)length : -EAGAIN;
}

static int read_more(struct user *user)
{
	ssize_t got;

	if (user->start == user->end)
		user->start = user->end = 0;
	if (BUFFER - user->end < PREFIX + LONGEST) {
		memmove(user->buffer, user->buffer + user->start, user->end - user->start);
		user->end -= user->start;
		user->start = 0;
	}
	got = recv(user->base.fds[0], user->buffer + user->end, BUFFER - user->end, MSG_DONTWAIT);
	if (got > 0)
		user->end += (size_t)got;
	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return got ? 0 : -ECONNRESET;
}

static ssize_t receive(struct net_backend *backend, unsigned pair, const struct iovec *iov, unsigned count)
{
	struct user *user = user_of(backend);
	ssize_t length = whole_frame(user);
	size_t done = 0;

	(void)pair;
	while (length == -EAGAIN) {
		int ret = read_more(user);

		if (ret)
			return ret;
		length = whole_frame(user);
	}
	if (length < 0)
		return length;
	user->start += PREFIX;
	for (unsigned i = 0; i < count && done < (size_t)length; i++) {
		const size_t left = (size_t)length - done,
			     here = left < iov[i].iov_len ? left : iov[i].iov_len;

		memcpy(iov[i].iov_base, user->buffer + user->start + done, here);
		done += here;
	}
	user->start += (size_t)length;
	return length;
}

static int flush(struct net_backend *backend)
{
	struct user *user = user_of(backend);

	while (user->rest) {
		ssize_t sent = send(backend->fds[0], user->left + user->sent, user->rest,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return -EAGAIN;
		if (sent < 0) /* it is gone: reading says so */
			sent = (ssize_t)user->rest;
		user->sent += (size_t)sent;
		user->rest -= (size_t)sent;
	}
	return 0;
}

/* Keeps what the socket did not take, so that the frame is whole on the stream. */
static void keep_rest(struct user *user, const struct iovec *iov, unsigned count, size_t skip)
{
	user->sent = user->rest = 0;
	for (unsigned i = 0; i < count; i++) {
		const size_t from = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		memcpy(user->left + user->rest, (const uint8_t *)iov[i].iov_base + from,
		       iov[i].iov_len - from);
		user->rest += iov[i].iov_len - from;
		skip -= from;
	}
}

static int transmit(struct net_backend *backend, unsigned pair, const struct iovec *iov, unsigned count)
{
	struct user *user = user_of(backend);
	struct iovec all[NET_PIECES + 2];
	struct msghdr message = {.msg_iov = all, .msg_iovlen = count + 1};
	uint32_t prefix;
	size_t length = 0;
	ssize_t sent;

	(void)pair;
	if (flush(backend))
		return -EAGAIN;
	for (unsigned i = 0; i < count; i++)
		length += iov[i].iov_len;
	prefix = htonl((uint32_t)length);
	all[0] = (struct iovec){&prefix, PREFIX};
	memcpy(all + 1, iov, count * sizeof(*iov));
	sent = sendmsg(backend->fds[0], &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
	if ((size_t)sent == PREFIX + length)
		return 0;
	keep_rest(user, all, count + 1, (size_t)sent);
	return 1;
}

static void end(struct net_backend *backend)
{
	close(backend->fds[0]);
	free(user_of(backend));
}

struct net_backend *net_user_take(int fd)
{
	struct user *user = calloc(1, sizeof(*user));

	if (!user)
		return NULL;
	user->base = (struct net_backend){.name = NET_USER_NAME,
					  .pairs = 1,
					  .fds = {fd},
					  .mtu = MTU,
					  .renewed = true,
					  .receive = receive,
					  .send = transmit,
					  .flush = flush,
					  .end = end};
	/* static: `base` is its first member */
	return &user->base;
}

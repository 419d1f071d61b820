/* SPDX-License-Identifier: MIT */
/* See client.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool/run/qmp/client.h"

/* A client that sends without end is left after so many chunks, for the sake of the others. */
enum { CHUNK = 4096, CHUNKS_A_ROUND = 64, OUTPUT_FIRST = 4096 };

struct qmp_client *qmp_client_new(int fd)
{
	struct qmp_client *client = calloc(1, sizeof(*client));

	if (client)
		client->fd = fd;
	return client;
}

static void close_came(struct qmp_client *client)
{
	while (client->fd_count)
		close(client->fds[--client->fd_count]);
	client->fds_lost = false;
}

void qmp_client_free(struct qmp_client *client)
{
	close_came(client);
	while (client->kept_count)
		close(client->kept[--client->kept_count].fd);
	json_decref(client->id);
	json_decref(client->wait.rows);
	free(client->request);
	free(client->output);
	close(client->fd);
	free(client);
}

/* The kernel may have put in one more than asked for, for alignment: those are open, too. */
static void take_fds(struct qmp_client *client, struct msghdr *message)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
			if (client->fd_count <= QMP_FDS_MAX)
				client->fds[client->fd_count++] = fd;
			else
				close(fd);
		}
	}
	client->fds_lost |= message->msg_flags & MSG_CTRUNC;
}

/* Takes `count` bytes, which were seen already, with what came with them. */
static ssize_t take_bytes(struct qmp_client *client, char *bytes, size_t count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE((QMP_FDS_MAX + 1) * sizeof(int))];
	} control;
	struct iovec data = {bytes, count};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t ret = recvmsg(client->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (ret > 0)
		take_fds(client, &message);
	return ret;
}

/* A part that is too much is scanned and not kept. */
static void keep(struct qmp_client *client, size_t before, const char *bytes, size_t count)
{
	size_t length = client->scan.length - before;

	if (!length || client->scan.length > QMP_REQUEST_MAX)
		return;
	if (!client->request)
		client->request = malloc(QMP_REQUEST_MAX);
	if (client->request)
		memcpy(client->request + before, bytes + count - length, length);
	else
		client->gone = true;
}

/*
 * Bytes are looked at first, and then no more is taken than belongs to this request: so the
 * descriptors that come are its own, and what follows waits in the socket.
 */
int qmp_client_read(struct qmp_client *client)
{
	char bytes[CHUNK];

	for (int i = 0; i < CHUNKS_A_ROUND && !client->gone && !client->ended; i++) {
		struct qmp_scan scan = client->scan;
		ssize_t ret = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_PEEK);
		size_t before = scan.length, count;
		bool whole;

		if (ret > 0) {
			count = qmp_scan(&scan, bytes, (size_t)ret, &whole);
			ret = take_bytes(client, bytes, count);
		}
		if (ret == 0)
			client->ended = true;
		else if (ret < 0 && errno != EAGAIN && errno != EINTR)
			client->gone = true;
		if (ret <= 0)
			return 0;
		/* The kernel ends a read where descriptors begin, so less may have come than was seen. */
		count = qmp_scan(&client->scan, bytes, (size_t)ret, &whole);
		keep(client, before, bytes, count);
		if (whole)
			return !client->gone;
	}
	return 0;
}

void qmp_client_done(struct qmp_client *client)
{
	close_came(client);
	client->scan = (struct qmp_scan){0};
	free(client->request);
	client->request = NULL;
}

/* Room for `count` bytes behind what waits. */
static bool make_room(struct qmp_client *client, size_t count)
{
	size_t room = client->output_room ? client->output_room : OUTPUT_FIRST;
	char *output;

	if (client->output_used)
		memmove(client->output, client->output + client->output_start, client->output_used);
	client->output_start = 0;
	if (client->output_used + count > QMP_OUTPUT_MAX)
		return false;
	while (room < client->output_used + count)
		room *= 2;
	output = realloc(client->output, room);
	if (!output)
		return false;
	client->output = output;
	client->output_room = room;
	return true;
}

void qmp_client_send(struct qmp_client *client, json_t *message)
{
	size_t length = message ? json_dumpb(message, NULL, 0, JSON_COMPACT) : 0;

	if (client->gone) {
		json_decref(message);
		return;
	}
	/* One that reads nothing has lost its answers, so it has no use for later ones. */
	if (!length || !make_room(client, length + 2)) {
		client->gone = true;
	} else {
		char *end = client->output + client->output_used;

		json_dumpb(message, end, length, JSON_COMPACT);
		memcpy(end + length, "\r\n", 2);
		client->output_used += length + 2;
		qmp_client_flush(client);
	}
	json_decref(message);
}

void qmp_client_flush(struct qmp_client *client)
{
	while (client->output_used && !client->gone) {
		ssize_t ret = send(client->fd, client->output + client->output_start, client->output_used,
				   MSG_DONTWAIT | MSG_NOSIGNAL);

		if (ret < 0 && errno != EAGAIN && errno != EINTR)
			client->gone = true;
		if (ret <= 0)
			return;
		client->output_start += (size_t)ret;
		client->output_used -= (size_t)ret;
	}
	free(client->output);
	client->output = NULL;
	client->output_start = client->output_used = client->output_room = 0;
}

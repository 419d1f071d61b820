/* SPDX-License-Identifier: MIT */
/*
 * The first command: both sides tell their version and their limits. A client may have
 * no more room for the reply than its request was long, so the reply leaves out what
 * does not fit, the least important first.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/server/requests.h"

/* Bytes of a reply with a second socket. */
enum { TWIN_ROOM = 256 };

static int refuse(struct lend_server *server, struct server_message *message)
{
	if (server->connected)
		return error_say(&server->why, -EINVAL, "it told its version twice");
	if (message->fd_count)
		return error_say(&server->why, -EINVAL, "descriptors came with its version");
	if (wire_version_read(message->payload, message->length, &server->client, &server->why) < 0)
		return -EINVAL;
	if (server->client.major != WIRE_MAJOR)
		return error_say(&server->why, -EINVAL, "it speaks version %u.%u of the protocol, and not 0",
				 server->client.major, server->client.minor);
	return 0;
}

/* Texts for clients whose room is too small even for the number of descriptors; its default is 1. */
static long write_least(const struct wire_limits *limits, char *out, size_t room)
{
	static const char *const texts[] = {"{\"capabilities\":{}}", "{}"};
	struct wire_version version = {(uint16_t)limits->major, (uint16_t)limits->minor};

	memcpy(out, &version, sizeof(version));
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t length = strlen(texts[i]) + 1;

		if (sizeof(version) + length > room)
			continue;
		memcpy(out + sizeof(version), texts[i], length);
		return (long)(sizeof(version) + length);
	}
	return sizeof(version);
}

static long write_reply(struct wire_limits *limits, char *out, size_t room)
{
	/* Who asks for a second socket expects more text than it sent: the number of the descriptor. */
	if (limits->twin && room < TWIN_ROOM)
		room = TWIN_ROOM;
	long length = wire_version_write(limits, out, room);

	if (length == -ENOSPC) { /* a map too many is answered with an error */
		limits->maps = WIRE_MAPS_MAX;
		length = wire_version_write(limits, out, room);
	}
	if (length == -ENOSPC) {
		limits->write_multi = false;
		length = wire_version_write(limits, out, room);
	}
	return length == -ENOSPC ? write_least(limits, out, room) : length;
}

static int open_twin(struct lend_server *server, struct server_reply *reply)
{
	int pair[2];
	int ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ret = server_watch(server, pair[0], SERVER_TWIN, EPOLLIN, EPOLL_CTL_ADD);
	if (ret < 0) {
		close(pair[0]);
		close(pair[1]);
		return ret;
	}
	channel_begin(&server->twin, pair[0], WIRE_MESSAGE_MAX);
	server->twin.events = EPOLLIN;
	reply->close = reply->fd = pair[1];
	reply->fds = &reply->fd;
	reply->fd_count = 1;
	return 0;
}

int version_request(struct lend_server *server, struct server_message *message, struct server_reply *reply)
{
	struct wire_limits ours = WIRE_LIMITS_INIT;
	bool has_text = message->length > sizeof(struct wire_version);
	char *out = (char *)server_scratch(server, WIRE_VERSION_MAX);
	int ret = out ? refuse(server, message) : -ENOMEM;
	long length;

	reply->ends = ret < 0;
	if (ret < 0)
		return ret;
	ours.minor = server->client.minor < WIRE_MINOR ? server->client.minor : WIRE_MINOR;
	ours.fds = WIRE_FDS_MAX;
	ours.maps = SERVER_MAPS_MAX;
	ours.write_multi = server->client.write_multi;
	ours.twin = server->client.twin && server->client.fds;
	ours.twin_fd = ours.twin ? 0 : -1;
	length = write_reply(&ours, out, has_text ? message->length : WIRE_VERSION_MAX);
	if (length >= 0 && ours.twin)
		length = open_twin(server, reply) < 0 ? -ENFILE : length;
	if (length < 0) {
		reply->ends = true;
		return error_say(&server->why, (int)length, "there is no room to answer it: %s",
				 strerror((int)-length));
	}
	server->client.write_multi = ours.write_multi;
	server->client.minor = ours.minor;
	server->connected = true;
	server->main.reader.max = WIRE_MESSAGE_MAX;
	reply_add(reply, out, (size_t)length);
	return 0;
}

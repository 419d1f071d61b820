/* SPDX-License-Identifier: MIT */
/* See client.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tool/clock.h"
#include "tool/clean.h"
#include "tool/ctl/client.h"
#include "tool/tool.h"

enum { LINE_FIRST = 4096, LINE_MAX_BYTES = 4 << 20 };

/* Waits for a descriptor. 0, -ETIMEDOUT, or another negative errno. */
static int wait_for(int fd, short events, uint64_t until)
{
	struct pollfd it = {.fd = fd, .events = events};

	for (;;) {
		uint64_t now = clock_ms(), left = until > now ? until - now : 0;
		int ret = poll(&it, 1, until == UINT64_MAX ? -1 : left > 60000 ? 60000 : (int)left);

		if (ret > 0)
			return 0;
		if (ret < 0 && errno != EINTR)
			return -errno;
		if (ret == 0 && !left)
			return -ETIMEDOUT;
	}
}

/* Takes what there is, behind what came already. 1: bytes; 0: there are none now; or negative errno. */
static int take_bytes(struct ctl_client *client)
{
	ssize_t ret;

	if (client->room - client->length < LINE_FIRST) {
		size_t room = client->room ? 2 * client->room : 2 * LINE_FIRST;
		char *line = room > LINE_MAX_BYTES ? NULL : realloc(client->line, room);

		if (!line)
			return room > LINE_MAX_BYTES ? -EMSGSIZE : -ENOMEM;
		client->line = line;
		client->room = room;
	}
	ret = recv(client->fd, client->line + client->length, client->room - client->length, MSG_DONTWAIT);
	if (ret < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
	if (!ret)
		return -EPIPE;
	client->length += (size_t)ret;
	return 1;
}

/* The bytes of the next message with its new line; 0: it is not whole yet. */
static size_t whole_line(struct ctl_client *client)
{
	const char *end = client->length == client->scanned ? NULL
							    : memchr(client->line + client->scanned, '\n',
								     client->length - client->scanned);

	client->scanned = client->length;
	return end ? (size_t)(end - client->line) + 1 : 0;
}

/* One message. 0, -ETIMEDOUT, -EPIPE, or another negative errno. */
static int next_message(struct ctl_client *client, uint64_t until, json_t **out)
{
	size_t length;

	while (!(length = whole_line(client))) {
		int ret = wait_for(client->fd, POLLIN, until);

		ret = ret ? ret : take_bytes(client);
		if (ret < 0)
			return ret;
	}
	*out = json_loadb(client->line, length, 0, NULL);
	memmove(client->line, client->line + length, client->length - length);
	client->length -= length;
	client->scanned = 0;
	return json_is_object(*out) ? 0 : (json_decref(*out), -EPROTO);
}

static int say(int ret, struct lend_error *error)
{
	switch (ret) {
	case -EPIPE:
		return tool_fail(error, ret, "the machine has ended");
	case -ETIMEDOUT:
		return tool_fail(error, ret, "the machine does not answer; its process may be stopped");
	case -EPROTO:
	case -EMSGSIZE:
		return tool_fail(error, ret, "what came is no QMP: is this the control socket of a machine?");
	default:
		return ret ? tool_fail(error, ret, "cannot talk to the machine: %s", strerror(-ret)) : 0;
	}
}

/* Whether it is an event, which is then told. */
static bool told(struct ctl_client *client, const json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "event"));

	if (name && client->event)
		client->event(client->opaque, name, message);
	return name;
}

int ctl_wait(struct ctl_client *client, uint64_t until, struct lend_error *error)
{
	json_t *message;
	int ret = next_message(client, until, &message);

	if (ret)
		return ret == -ETIMEDOUT || ret == -EPIPE ? ret : say(ret, error);
	told(client, message);
	json_decref(message);
	return 0;
}

static int send_all(int fd, const char *bytes, size_t length, uint64_t until)
{
	while (length) {
		ssize_t ret = send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (ret < 0 && errno != EAGAIN && errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
		if (ret < 0) {
			int wait = wait_for(fd, POLLOUT, until);

			if (wait)
				return wait;
			continue;
		}
		bytes += ret;
		length -= (size_t)ret;
	}
	return 0;
}

static int send_request(struct ctl_client *client, const char *command, json_t *arguments, uint64_t until)
{
	json_t *request = json_pack("{s:s, s:i, s:o*}", "execute", command, "id", (int)++client->serial,
				    "arguments", arguments);
	char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	int ret = -ENOMEM;

	if (line) {
		ret = send_all(client->fd, line, strlen(line), until);
		ret = ret ? ret : send_all(client->fd, "\n", 1, until);
	}
	free(line);
	json_decref(request);
	return ret;
}

static int refused(const json_t *reply, struct lend_error *error)
{
	const char *text = json_string_value(json_object_get(json_object_get(reply, "error"), "desc"));

	tool_fail(error, 0, "%s", text ? text : "the machine refused, and does not say why");
	clean_text(error->text);
	return -EREMOTEIO;
}

/* Waits for the reply to the last request. */
static int await_reply(struct ctl_client *client, uint64_t until, json_t **result, struct lend_error *error)
{
	for (;;) {
		json_t *message, *value;
		int ret = next_message(client, until, &message);

		if (ret)
			return say(ret, error);
		if (told(client, message) ||
		    json_integer_value(json_object_get(message, "id")) != (json_int_t)client->serial) {
			json_decref(message);
			continue;
		}
		value = json_object_get(message, "return");
		ret = value ? 0 : refused(message, error);
		if (result)
			*result = ret ? NULL : json_incref(value);
		json_decref(message);
		return ret;
	}
}

int ctl_execute(struct ctl_client *client, const char *command, json_t *arguments, json_t **result,
		struct lend_error *error)
{
	uint64_t until = clock_ms() + (client->reply_ms ? client->reply_ms : CTL_REPLY_MS);
	int ret = send_request(client, command, arguments, until);

	return ret ? say(ret, error) : await_reply(client, until, result, error);
}

static int greet(struct ctl_client *client, struct lend_error *error)
{
	json_t *greeting;
	int ret = next_message(client, clock_ms() + CTL_REPLY_MS, &greeting);

	if (ret)
		return say(ret, error);
	ret = json_object_get(greeting, "QMP") ? 0 : -EPROTO;
	json_decref(greeting);
	return ret ? say(ret, error) : ctl_execute(client, "qmp_capabilities", NULL, NULL, error);
}

int ctl_connect(struct ctl_client *client, const char *path, struct lend_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return tool_fail(error, -ENAMETOOLONG, "%s: the path of a socket has at most %zu bytes", path,
				 sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return tool_fail(error, -errno, "cannot make a socket: %s", strerror(errno));
	ret = connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	if (ret)
		tool_fail(error, ret,
			  ret == -ECONNREFUSED ? "%s: no machine listens there; lend ps lists those that run"
					       : "%s: %s; lend ps lists the machines that run",
			  path, strerror(-ret));
	ret = ret ? ret : greet(client, error);
	if (ret)
		ctl_close(client);
	return ret;
}

void ctl_close(struct ctl_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	free(client->line);
	client->line = NULL;
	client->length = client->room = client->scanned = 0;
}

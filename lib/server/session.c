/* SPDX-License-Identifier: MIT */
/* A client's life, and the work of one call; see session.h. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/server/dma.h"
#include "lib/server/requests.h"
#include "lib/server/session.h"

/* Before it has told its version, a client has no reason for long messages. */
enum { FIRST_MESSAGE_MAX = sizeof(struct wire_header) + WIRE_VERSION_MAX };

enum { AGAIN_MS = 500 };

/* It stays among what is watched, since adding it again can fail, and no client would be heard then. */
static void watch_listener(struct lend_server *server, bool on)
{
	if (server->listener >= 0)
		server_watch(server, server->listener, SERVER_LISTENER, on ? EPOLLIN : 0, EPOLL_CTL_MOD);
}

int session_begin(struct lend_server *server, int fd)
{
	int ret = server_watch(server, fd, SERVER_MAIN, EPOLLIN, EPOLL_CTL_ADD);

	if (ret < 0)
		return ret;
	channel_begin(&server->main, fd, FIRST_MESSAGE_MAX);
	server->main.events = EPOLLIN;
	server->client = (struct wire_limits)WIRE_LIMITS_INIT;
	server->lost = 0;
	server->silent = server->abandoned = false;
	server->why.text[0] = 0;
	/* The next client waits in the socket's queue. */
	watch_listener(server, false);
	return 0;
}

/*
 * There is no descriptor or no memory for a client. It stays in the queue, so that the socket would wake us
 * for ever, and nobody tells when there is room: it is tried again.
 */
static void accept_later(struct lend_server *server)
{
	const struct itimerspec when = {.it_value = {.tv_nsec = AGAIN_MS * 1000000}};

	if (!timerfd_settime(server->timer, 0, &when, NULL))
		watch_listener(server, false);
}

static void on_timer(struct lend_server *server)
{
	uint64_t count;

	if (read(server->timer, &count, sizeof(count)) == sizeof(count) && server->main.fd < 0)
		watch_listener(server, true);
}

static void accept_client(struct lend_server *server)
{
	int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
		accept_later(server);
	else if (fd >= 0 && session_begin(server, fd) < 0)
		close(fd);
}

void session_end(struct lend_server *server, bool tell)
{
	bool was_connected = server->connected;

	/* No message is sent or waited for from here on, whatever a slot asks for. */
	server->lost = -ENOTCONN;
	if (was_connected && server->ops.lost)
		server->ops.lost(server->device.dev);
	server_maps_remove_all(server);
	server->connected = false;
	if (tell && was_connected)
		server_reset(server, LEND_SERVER_LOST);
	irqs_forget(server);
	dma_drop_kept(server);
	server_kicked(server);
	channel_end(&server->main);
	channel_end(&server->twin);
	if (server->only)
		server->finished = true;
	else
		watch_listener(server, true);
}

static void say_end(struct lend_server *server, int ret)
{
	if (server->why.text[0])
		server_log(server, LEND_LOG_WARNING, "the client's session ends: %s", server->why.text);
	else if (ret == -ECONNRESET || ret == -EPIPE)
		server_log(server, LEND_LOG_INFO, "the client is gone");
	else
		server_log(server, LEND_LOG_WARNING, "the client's session ends: %s", strerror(-ret));
}

/* A size that makes no sense is answered; there is no way to find the next message after it. */
static void refuse_size(struct lend_server *server)
{
	const struct wire_header *header = &server->main.reader.header;
	struct wire_out out = {
		.header = {.id = header->id,
			   .command = header->command,
			   .flags = WIRE_REPLY | WIRE_ERROR,
			   .error = EINVAL},
	};

	channel_send(&server->main, &out);
}

/* 1: there is a message; 0: none now; else the session ends. */
static int next_message(struct lend_server *server, struct server_message *out)
{
	int ret;

	if (dma_next_kept(server, out))
		return 1;
	ret = channel_receive(&server->main, out);
	if (ret == -EMSGSIZE)
		refuse_size(server);
	return ret;
}

static int serve_main(struct lend_server *server)
{
	for (unsigned i = 0; i < SERVER_BUDGET; i++) {
		struct server_message message;
		int ret = server->lost ? server->lost : channel_flush(&server->main);

		if (ret <= 0)
			return ret;
		ret = next_message(server, &message);
		if (ret <= 0)
			return ret;
		ret = request_carry_out(server, &message);
		if (ret < 0)
			return ret;
		if (!server->kept && wire_is_drained(&server->main.reader))
			return 0;
	}
	/* The socket does not tell of what was kept or read ahead. */
	if (server->kept || channel_has_more(&server->main))
		server_kick(server);
	return 0;
}

/* The client has no commands there: what comes is an answer that is late. */
static int serve_twin(struct lend_server *server)
{
	struct server_message message;
	int ret = 0;

	for (unsigned i = 0; i < SERVER_BUDGET && server->twin.fd >= 0; i++) {
		ret = channel_flush(&server->twin);
		if (ret >= 0)
			ret = channel_receive(&server->twin, &message);
		if (ret <= 0)
			return ret;
		dma_answered(server, &message);
		channel_release(&server->twin, &message);
	}
	return 0;
}

/* Waits for room as long as something is kept, and for messages else. */
static void update_watch(struct lend_server *server, struct server_channel *channel,
			 enum server_source source)
{
	uint32_t events = channel_is_full(channel) ? EPOLLOUT : EPOLLIN;

	if (channel->fd < 0 || channel->events == events)
		return;
	if (!server_watch(server, channel->fd, source, events, EPOLL_CTL_MOD))
		channel->events = events;
}

static void work_on_client(struct lend_server *server, bool twin)
{
	int ret = serve_main(server);

	if (ret >= 0 && twin)
		ret = serve_twin(server);
	if (ret < 0) {
		say_end(server, ret);
		session_end(server, true);
		return;
	}
	update_watch(server, &server->main, SERVER_MAIN);
	update_watch(server, &server->twin, SERVER_TWIN);
}

int lend_server_work(struct lend_server *server)
{
	struct epoll_event events[8];
	int count = epoll_wait(server->epoll, events, 8, 0);
	bool twin = false;

	for (int i = 0; i < count; i++) {
		twin |= events[i].data.u32 == SERVER_TWIN;
		if (events[i].data.u32 == SERVER_KICK)
			server_kicked(server);
		if (events[i].data.u32 == SERVER_TIMER)
			on_timer(server);
		if (events[i].data.u32 == SERVER_LISTENER && server->main.fd < 0)
			accept_client(server);
		else if (events[i].data.u32 == SERVER_MASK || events[i].data.u32 == SERVER_UNMASK)
			irqs_line_event(server, events[i].data.u32 == SERVER_UNMASK);
	}
	if (count > 0 && server->main.fd >= 0)
		work_on_client(server, twin);
	return server->finished ? -ESHUTDOWN : 0;
}

bool lend_server_connected(const struct lend_server *server)
{
	return server->connected;
}

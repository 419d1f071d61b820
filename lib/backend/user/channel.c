/* SPDX-License-Identifier: MIT */
/* Bytes in and out of the two sockets of a session. All of it with the session's lock, and nothing blocks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "lib/backend/user/channel.h"

/* A server that sends without end must not keep the lock. */
enum { MESSAGES_A_ROUND = 64, KEPT_ROOM = 64 << 10 };

const char *user_command_name(unsigned command)
{
	static const char *const names[] = {
		[WIRE_VERSION] = "VERSION",
		[WIRE_DMA_MAP] = "DMA_MAP",
		[WIRE_DMA_UNMAP] = "DMA_UNMAP",
		[WIRE_GET_INFO] = "DEVICE_GET_INFO",
		[WIRE_GET_REGION_INFO] = "DEVICE_GET_REGION_INFO",
		[WIRE_GET_REGION_IO_FDS] = "DEVICE_GET_REGION_IO_FDS",
		[WIRE_GET_IRQ_INFO] = "DEVICE_GET_IRQ_INFO",
		[WIRE_SET_IRQS] = "DEVICE_SET_IRQS",
		[WIRE_REGION_READ] = "REGION_READ",
		[WIRE_REGION_WRITE] = "REGION_WRITE",
		[WIRE_DMA_READ] = "DMA_READ",
		[WIRE_DMA_WRITE] = "DMA_WRITE",
		[WIRE_RESET] = "DEVICE_RESET",
	};

	return command < sizeof(names) / sizeof(*names) && names[command] ? names[command] : "a command";
}

/* The server's end of the session. A poll that runs sees it by the shutdown. */
static void lost(struct user_session *session, int code)
{
	if (code == -ECONNRESET || code == -EPIPE)
		user_session_die(session, "its server is gone: it closed the connection");
	else if (code == -EMSGSIZE)
		user_session_die(session, "its server sent a message of a wrong size");
	else
		user_session_die(session, "the connection to its server failed: %s", strerror(-code));
}

/*
 * While an answer waits for room, nothing is read, and whoever watches `events`
 * must not be woken by what could be read.
 */
static void listen_for(struct user_session *session, struct user_channel *channel)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP};

	if (channel->stuck == channel->answering)
		return;
	channel->stuck = channel->answering;
	if (channel->stuck)
		event.events = EPOLLOUT | EPOLLRDHUP;
	epoll_ctl(session->events, EPOLL_CTL_MOD, channel->fd, &event);
}

static void answer_sent(struct user_channel *channel)
{
	channel->answering = false;
	if (channel->room <= KEPT_ROOM)
		return;
	free(channel->data);
	channel->data = NULL;
	channel->room = 0;
}

static void flush(struct user_session *session, struct user_channel *channel)
{
	while (channel->first && !session->dead) {
		struct user_out *out = channel->first;
		long sent = wire_write(&out->message, channel->fd, out->sent);

		if (sent < 0) {
			lost(session, (int)sent);
			return;
		}
		out->sent = (size_t)sent;
		if (out->sent < wire_size(&out->message))
			break;
		channel->first = out->next;
		if (!channel->first)
			channel->last = &channel->first;
		if (!out->call)
			answer_sent(channel);
		else if (out->message.header.flags & WIRE_NO_REPLY)
			user_call_finish(session, out->call, 0);
	}
	listen_for(session, channel);
}

void user_channel_send(struct user_session *session, struct user_channel *channel, struct user_out *out)
{
	out->next = NULL;
	out->sent = 0;
	*channel->last = out;
	channel->last = &out->next;
	flush(session, channel);
}

static void take_command(struct user_session *session, struct user_channel *channel)
{
	if (!user_dma_answer(session, channel))
		return;
	channel->answering = true;
	channel->answer.call = NULL;
	user_channel_send(session, channel, &channel->answer);
}

/* Other types than command and reply mean nothing. */
static void take_message(struct user_session *session, struct user_channel *channel)
{
	unsigned type = channel->reader.header.flags & WIRE_TYPE;

	if (type == WIRE_REPLY)
		user_call_reply(session, &channel->reader);
	else if (!type)
		take_command(session, channel);
	wire_drop_fds(&channel->reader);
}

static void receive(struct user_session *session, struct user_channel *channel, const bool *enough)
{
	/* What was read ahead is taken in any case, since no poll() tells of it; and no more is read then. */
	for (int i = 0; i < MESSAGES_A_ROUND || wire_has_more(&channel->reader); i++) {
		int ret;

		channel->reader.exact = i >= MESSAGES_A_ROUND;
		if (session->dead || channel->answering || (*enough && !wire_has_more(&channel->reader)))
			return;
		ret = wire_read(&channel->reader, channel->fd);

		if (ret < 0)
			lost(session, ret);
		if (ret <= 0)
			return;
		take_message(session, channel);
	}
}

void user_channel_pump(struct user_session *session, struct user_channel *channel, const bool *enough)
{
	if (session->dead || channel->fd < 0)
		return;
	flush(session, channel);
	receive(session, channel, enough);
}

void user_session_pump(struct user_session *session)
{
	static const bool never = false;

	for (unsigned i = 0; i < USER_CHANNELS; i++)
		user_channel_pump(session, &session->channels[i], &never);
}

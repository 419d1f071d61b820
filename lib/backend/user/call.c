/* SPDX-License-Identifier: MIT */
/*
 * Calls: many threads, one poll(). Who waits and finds nobody polling, polls, and
 * reads for all. When its own reply is there, it leaves the poll to another one.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/backend/user/call.h"
#include "lib/eventfd.h"

enum { ERRNO_MAX = 4095 };

void user_call_finish(struct user_session *session, struct user_call *call, int ret)
{
	struct user_call **link = &session->waiting;

	while (*link && *link != call)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = call->next;
	call->ret = ret;
	call->done = true;
	if (call == session->poller)
		eventfd_add(session->kick);
	else
		pthread_cond_signal(&call->wake);
}

static struct user_call *find(struct user_session *session, uint16_t id)
{
	struct user_call *call = session->waiting;

	while (call && call->message.message.header.id != id)
		call = call->next;
	return call;
}

static size_t room_of(const struct user_call *call)
{
	size_t room = 0;

	for (unsigned i = 0; i < call->in_count; i++)
		room += call->in[i].iov_len;
	return room;
}

static void copy_in(struct user_call *call, const uint8_t *from)
{
	size_t left = call->got;

	for (unsigned i = 0; i < call->in_count && left; i++) {
		size_t part = left < call->in[i].iov_len ? left : call->in[i].iov_len;

		memcpy(call->in[i].iov_base, from, part);
		from += part;
		left -= part;
	}
}

/* What an error reply carries beside its error is left out; 0 is an error too. */
static int error_of(const struct wire_header *header)
{
	return header->error && header->error <= ERRNO_MAX ? -(int)header->error : -EINVAL;
}

void user_call_reply(struct user_session *session, struct wire_reader *reader)
{
	struct user_call *call = find(session, reader->header.id);
	size_t length = wire_payload(reader);

	if (!call || call->command != reader->header.command) {
		if (!session->stray)
			context_log(session->context, LEND_LOG_WARNING,
				    "%s: its server sent a reply that nobody waits for; more of them are "
				    "not logged",
				    session->name);
		session->stray = true;
		return;
	}
	if (reader->header.flags & WIRE_ERROR) {
		user_call_finish(session, call, error_of(&reader->header));
		return;
	}
	if (length < call->least || length > room_of(call)) {
		user_session_die(session, "its server answered %s with %zu bytes, instead of %zu to %zu",
				 user_command_name(call->command), length, call->least, room_of(call));
		return;
	}
	call->got = length;
	call->fds_got = reader->fd_count;
	copy_in(call, reader->payload);
	for (unsigned i = 0; i < call->taken_max && reader->fd_count <= call->taken_max; i++)
		call->taken_fds[i] = wire_take_fd(reader, i);
	user_call_finish(session, call, 0);
}

/*
 * One poll(), without the lock, and what it brings. What comes behind the own reply is
 * left to the next one.
 */
static void poll_once(struct user_session *session, struct user_call *call)
{
	struct pollfd polls[USER_CHANNELS + 1];
	uint64_t now = clock_ms();

	for (unsigned i = 0; i < USER_CHANNELS; i++) {
		const struct user_channel *channel = &session->channels[i];
		int events = (channel->answering ? 0 : POLLIN) | (channel->first ? POLLOUT : 0);

		polls[i] = (struct pollfd){.fd = channel->fd, .events = (short)events};
	}
	polls[USER_CHANNELS] = (struct pollfd){.fd = session->kick, .events = POLLIN};
	session->poller = call;
	pthread_mutex_unlock(&session->lock);
	poll(polls, USER_CHANNELS + 1, call->deadline > now ? (int)(call->deadline - now) : 0);
	pthread_mutex_lock(&session->lock);
	session->poller = NULL;
	if (polls[USER_CHANNELS].revents)
		eventfd_take(session->kick);
	for (unsigned i = 0; i < USER_CHANNELS; i++)
		if (polls[i].revents)
			user_channel_pump(session, &session->channels[i], &call->done);
}

static void wait_for_another(struct user_session *session, struct user_call *call)
{
	const struct timespec until = {.tv_sec = (time_t)(call->deadline / 1000),
				       .tv_nsec = (long)(call->deadline % 1000 * 1000000)};

	pthread_cond_timedwait(&call->wake, &session->lock, &until);
}

static void wait_for(struct user_session *session, struct user_call *call)
{
	while (!call->done) {
		if (clock_ms() >= call->deadline) {
			user_session_pump(session);
			if (!call->done)
				user_session_die(session, "its server did not %s %s within %u.%u s",
						 call->posted ? "take" : "answer",
						 user_command_name(call->command), session->timeout_ms / 1000,
						 session->timeout_ms % 1000 / 100);
		} else if (session->poller) {
			wait_for_another(session, call);
		} else {
			poll_once(session, call);
		}
	}
	if (!session->poller && session->waiting)
		pthread_cond_signal(&session->waiting->wake);
}

static void send_call(struct user_session *session, struct user_call *call)
{
	struct user_channel *channel = &session->channels[USER_MAIN];

	do
		session->last_id++;
	while (find(session, session->last_id));
	call->message = (struct user_out){
		.message = {.header = {.id = session->last_id,
				       .command = (uint16_t)call->command,
				       .flags = call->posted ? WIRE_NO_REPLY : 0},
			    .part_count = call->out_count,
			    .fds = call->fds,
			    .fd_count = call->fd_count},
		.call = call,
	};
	memcpy(call->message.message.parts, call->out, sizeof(call->out));
	call->deadline = clock_ms() + session->timeout_ms;
	call->next = session->waiting;
	session->waiting = call;
	user_channel_send(session, channel, &call->message);
	/* Who polls does not know yet that something is left to send. */
	if (channel->first && session->poller)
		eventfd_add(session->kick);
}

int user_call(struct user_session *session, struct user_call *call)
{
	pthread_condattr_t clock;

	call->done = false;
	call->got = 0;
	call->fds_got = 0;
	for (unsigned i = 0; i < call->taken_max; i++)
		call->taken_fds[i] = -1;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&call->wake, &clock);
	pthread_condattr_destroy(&clock);
	pthread_mutex_lock(&session->lock);
	/*
	 * With one socket, a server may expect the answer to its command as the very
	 * next message: what it sent is answered before a command goes out.
	 */
	if (session->channels[USER_TWIN].fd < 0)
		user_session_pump(session);
	if (session->dead) {
		call->ret = -ENOTCONN;
	} else {
		send_call(session, call);
		wait_for(session, call);
	}
	pthread_mutex_unlock(&session->lock);
	pthread_cond_destroy(&call->wake);
	return call->ret;
}

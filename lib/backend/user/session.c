/* SPDX-License-Identifier: MIT */
/* A session from the connection to its end (session.h). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/backend/user/call.h"
#include "lib/backend/user/session.h"
#include "lib/eventfd.h"
#include "lib/error.h"

/* The first reason counts. */
void user_session_die(struct user_session *session, const char *format, ...)
{
	va_list args;

	if (session->dead)
		return;
	session->dead = true;
	va_start(args, format);
	vsnprintf(session->reason, sizeof(session->reason), format, args);
	va_end(args);
	if (session->open)
		context_log(session->context, LEND_LOG_ERROR, "%s: %s", session->name, session->reason);
	for (unsigned i = 0; i < USER_CHANNELS; i++) {
		struct user_channel *channel = &session->channels[i];

		if (channel->fd < 0)
			continue;
		epoll_ctl(session->events, EPOLL_CTL_DEL, channel->fd, NULL);
		shutdown(channel->fd, SHUT_RDWR);
		channel->first = NULL;
		channel->last = &channel->first;
	}
	while (session->waiting)
		user_call_finish(session, session->waiting, -ENOTCONN);
	if (session->error_fd >= 0)
		eventfd_add(session->error_fd);
}

void user_session_reason(struct user_session *session, char *out, size_t room)
{
	pthread_mutex_lock(&session->lock);
	snprintf(out, room, "%s", session->reason);
	pthread_mutex_unlock(&session->lock);
}

void user_session_use(struct user_session *session, bool waits)
{
	pthread_mutex_lock(&session->lock);
	session->open = true;
	session->waits = waits;
	pthread_mutex_unlock(&session->lock);
}

int user_session_fd(const struct user_session *session)
{
	return session->events;
}

void user_session_serve(void *opaque)
{
	struct user_session *session = opaque;

	pthread_mutex_lock(&session->lock);
	user_session_pump(session);
	if (eventfd_take(session->told) && session->error_fd >= 0)
		eventfd_add(session->error_fd);
	pthread_mutex_unlock(&session->lock);
}

void user_channel_open(struct user_channel *channel, int fd)
{
	*channel = (struct user_channel){.fd = fd, .last = &channel->first};
	wire_reader_init(&channel->reader, WIRE_MESSAGE_MAX);
}

void user_channel_close(struct user_channel *channel)
{
	if (channel->fd < 0)
		return;
	wire_reader_end(&channel->reader);
	free(channel->data);
	close(channel->fd);
	channel->fd = -1;
}

void user_session_free(struct user_session *session)
{
	for (unsigned i = 0; i < USER_CHANNELS; i++)
		user_channel_close(&session->channels[i]);
	if (session->kick >= 0)
		close(session->kick);
	if (session->events >= 0)
		close(session->events);
	if (session->told >= 0)
		close(session->told);
	free(session->maps);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

/* With a twin socket nothing but replies comes on the main one, and only a call reads those. */
int user_session_watch(struct user_session *session)
{
	bool twin = session->channels[USER_TWIN].fd >= 0;
	struct epoll_event main = {.events = twin ? EPOLLRDHUP : EPOLLIN | EPOLLRDHUP};
	struct epoll_event other = {.events = EPOLLIN | EPOLLRDHUP};

	if (epoll_ctl(session->events, EPOLL_CTL_ADD, session->channels[USER_MAIN].fd, &main) ||
	    (twin && epoll_ctl(session->events, EPOLL_CTL_ADD, session->channels[USER_TWIN].fd, &other)))
		return -errno;
	return 0;
}

static int take_version(struct user_session *session, const void *payload, size_t length, unsigned fds,
			int twin, struct lend_error *error)
{
	struct lend_error why = {""};
	int ret = wire_version_read(payload, length, &session->server, &why);

	if (ret < 0)
		return error_say(error, -EPROTO, "%s: its server tells nonsense of itself: %s", session->name,
				 why.text);
	if (session->server.major != WIRE_MAJOR || session->server.minor > WIRE_MINOR)
		return error_say(
			error, -EPROTO,
			"%s: its server speaks version %u.%u of vfio-user; only %d.0 to %d.%d can be "
			"used",
			session->name, session->server.major, session->server.minor, WIRE_MAJOR, WIRE_MAJOR,
			WIRE_MINOR);
	if (!session->server.twin)
		return 0;
	if (twin < 0 || session->server.twin_fd != 0)
		return error_say(error, -EPROTO,
				 "%s: its server announces a twin socket as descriptor %d, and sent %u "
				 "descriptors",
				 session->name, session->server.twin_fd, fds);
	return 1;
}

/* The first message, on both sides. */
static int tell_version(struct user_session *session, struct lend_error *error)
{
	struct wire_limits ours = WIRE_LIMITS_INIT;
	char request[WIRE_VERSION_MAX], reply[WIRE_VERSION_MAX];
	long length;
	int twin = -1, ret;
	struct user_call call = {.command = WIRE_VERSION,
				 .out_count = 1,
				 .in = {{reply, sizeof(reply)}},
				 .in_count = 1,
				 .least = sizeof(struct wire_version),
				 .taken_fds = &twin,
				 .taken_max = 1};

	ours.fds = WIRE_FDS_MAX;
	ours.twin = true;
	length = wire_version_write(&ours, request, sizeof(request));
	if (length < 0)
		return error_say(error, (int)length, "%s: out of memory", session->name);
	call.out[0] = (struct iovec){request, (size_t)length};
	ret = user_call(session, &call);
	if (ret == -ENOTCONN)
		return error_say(error, ret, "%s: %s", session->name, session->reason);
	if (ret < 0)
		return error_say(error, -EPROTO, "%s: its server refuses version %d.%d of vfio-user: %s",
				 session->name, WIRE_MAJOR, WIRE_MINOR, strerror(-ret));
	ret = take_version(session, reply, call.got, call.fds_got, twin, error);
	if (ret == 1)
		user_channel_open(&session->channels[USER_TWIN], twin);
	else if (twin >= 0)
		close(twin);
	return ret < 0 ? ret : 0;
}

int user_session_start(struct lend_context *context, const char *name, int fd, unsigned timeout_ms,
		       struct user_session **out, struct lend_error *error)
{
	struct user_session *session = calloc(1, sizeof(*session));
	int ret;

	if (!session) {
		close(fd);
		return error_say(error, -ENOMEM, "%s: out of memory", name);
	}
	pthread_mutex_init(&session->lock, NULL);
	snprintf(session->name, sizeof(session->name), "%s", name);
	session->context = context;
	session->timeout_ms = timeout_ms ? timeout_ms : USER_TIMEOUT_MS;
	session->error_fd = session->kick = session->events = session->told = -1;
	session->channels[USER_TWIN].fd = -1;
	user_channel_open(&session->channels[USER_MAIN], fd);
	ret = tell_version(session, error);
	if (ret < 0) {
		user_session_free(session);
		return ret;
	}
	*out = session;
	return 0;
}

int user_session_new(struct lend_context *context, const char *name, int fd, unsigned timeout_ms,
		     struct user_session **out, struct lend_error *error)
{
	struct user_session *session;
	int ret = user_session_start(context, name, fd, timeout_ms, &session, error);

	if (ret < 0)
		return ret;
	/* static: user_session_start() sets it wherever it returns 0 or more */
	session->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	session->events = epoll_create1(EPOLL_CLOEXEC);
	session->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = session->kick < 0 || session->events < 0 || session->told < 0 ||
			      epoll_ctl(session->events, EPOLL_CTL_ADD, session->told,
					&(struct epoll_event){.events = EPOLLIN})
		      ? -errno
		      : user_session_watch(session);
	if (ret < 0) {
		user_session_free(session);
		return error_say(error, ret, "%s: its socket cannot be watched: %s", name, strerror(-ret));
	}
	*out = session;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Taking a session up again whose server has come back. A second session tells
 * versions with the server and makes the memory known, while the first one stays
 * dead for all others; then the first one takes over the connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/backend/user/call.h"
#include "lib/backend/user/session.h"
#include "lib/eventfd.h"
#include "lib/error.h"

bool user_session_waits(struct user_session *session)
{
	bool waits;

	pthread_mutex_lock(&session->lock);
	waits = session->dead && session->waits;
	pthread_mutex_unlock(&session->lock);
	return waits;
}

void user_session_give_up(struct user_session *session)
{
	pthread_mutex_lock(&session->lock);
	session->waits = false;
	if (session->dead && session->error_fd >= 0)
		eventfd_add(session->error_fd);
	pthread_mutex_unlock(&session->lock);
}

void user_session_lose(struct user_session *session, int why)
{
	pthread_mutex_lock(&session->lock);
	user_session_die(session, "its server is back, and the device cannot go on with it: %s",
			 strerror(-why));
	pthread_mutex_unlock(&session->lock);
}

/* What the server may ask for before the first session goes on. */
static int copy_maps(struct user_session *from, struct user_session *to)
{
	int ret = 0;

	pthread_mutex_lock(&from->lock);
	to->maps = calloc(from->map_count + 1, sizeof(*to->maps));
	if (to->maps) {
		if (from->map_count) /* else there may be no array */
			memcpy(to->maps, from->maps, from->map_count * sizeof(*to->maps));
		to->map_count = from->map_count;
		/* static: the session that is returned owns the maps */
		to->map_room = from->map_count + 1;
		to->map_changes = from->map_changes;
	} else {
		ret = -ENOMEM;
	}
	pthread_mutex_unlock(&from->lock);
	return ret;
}

static bool same_limits(const struct wire_limits *a, const struct wire_limits *b)
{
	return a->fds == b->fds && a->data == b->data && a->maps == b->maps &&
	       a->page_sizes == b->page_sizes && a->twin == b->twin;
}

int user_session_retry(struct user_session *session, int fd, struct user_session **out,
		       struct lend_error *error)
{
	struct user_session *fresh;
	int ret = user_session_start(session->context, session->name, fd, session->timeout_ms, &fresh, error);

	if (ret < 0)
		return ret;
	if (!same_limits(&session->server, &fresh->server))
		ret = error_say(error, -EPROTO, "%s: its server has other limits than before", session->name);
	if (!ret)
		ret = copy_maps(session, fresh);
	for (size_t i = 0; i < fresh->map_count && !ret; i++) {
		ret = user_domain_tell(fresh, &fresh->maps[i]);
		if (ret < 0)
			error_say(error, ret, "%s: its server does not take the guest's memory again: %s",
				  session->name, fresh->dead ? fresh->reason : strerror(-ret));
	}
	if (ret < 0) {
		user_session_free(fresh);
		return ret;
	}
	*out = fresh;
	return 0;
}

static void adopt_channel(struct user_channel *to, struct user_channel *from)
{
	user_channel_close(to);
	user_channel_open(to, from->fd);
	to->reader = from->reader; /* a part of a message may have come */
	from->fd = -1;
	free(from->data);
	from->data = NULL;
}

int user_session_adopt(struct user_session *session, struct user_session *fresh)
{
	int ret = -EAGAIN;

	pthread_mutex_lock(&session->lock);
	if (fresh->dead || !session->dead || session->poller || session->map_changes != fresh->map_changes ||
	    fresh->channels[USER_MAIN].answering || fresh->channels[USER_TWIN].answering)
		goto unlock;
	for (unsigned i = 0; i < USER_CHANNELS; i++)
		adopt_channel(&session->channels[i], &fresh->channels[i]);
	session->dead = session->stray = false;
	session->reason[0] = '\0';
	ret = user_session_watch(session);
	if (ret < 0)
		user_session_die(session, "its socket cannot be watched: %s", strerror(-ret));
unlock:
	pthread_mutex_unlock(&session->lock);
	return ret;
}

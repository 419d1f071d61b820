/* SPDX-License-Identifier: MIT */
/*
 * SET_IRQS: a message takes as many descriptors as the server says, and never
 * mixes vectors that get one with vectors that get none. The error interrupt is
 * ours too: its eventfd is signalled when the session dies. A server that had it
 * could make that write wait (eventfd.h), so it gets another one.
 */
#include <errno.h>
#include <unistd.h>

#include "lib/backend/user/call.h"
#include "lib/backend/user/irqs.h"
#include "lib/eventfd.h"

static int tell(struct user_session *session, const struct backend_irqs *irqs, uint32_t data, unsigned start,
		unsigned count, unsigned fd_count)
{
	static const uint32_t actions[] = {
		[BACKEND_IRQ_TRIGGER] = WIRE_IRQS_TRIGGER,
		[BACKEND_IRQ_MASK] = WIRE_IRQS_MASK,
		[BACKEND_IRQ_UNMASK] = WIRE_IRQS_UNMASK,
	};
	struct wire_set_irqs what = {.argsz = sizeof(what),
				     .flags = data | actions[irqs->action],
				     .index = irqs->index,
				     .start = start,
				     .count = count};
	struct user_call call = {.command = WIRE_SET_IRQS,
				 .out = {{&what, sizeof(what)}},
				 .out_count = 1,
				 .fds = fd_count ? irqs->fds + (start - irqs->start) : NULL,
				 .fd_count = fd_count};

	return user_call(session, &call);
}

/* How many from `at` on are alike, and fit into a message. */
static unsigned run_of(const struct user_session *session, const struct backend_irqs *irqs, unsigned at)
{
	bool set = irqs->fds[at] >= 0;
	unsigned most = session->server.fds < WIRE_FDS_MAX ? session->server.fds : WIRE_FDS_MAX;
	unsigned run = 0;

	while (at + run < irqs->count && (irqs->fds[at + run] >= 0) == set && (!set || run < most))
		run++;
	return run;
}

static int set_fds(struct user_session *session, const struct backend_irqs *irqs)
{
	unsigned done = 0;
	int ret = 0;

	while (done < irqs->count && !ret) {
		unsigned run = run_of(session, irqs, done);

		if (!run)
			return -EOPNOTSUPP; /* it takes no descriptor at all */
		ret = tell(session, irqs, WIRE_IRQS_EVENTFD, irqs->start + done, run,
			   irqs->fds[done] >= 0 ? run : 0);
		done += ret ? 0 : run;
	}
	/* All or none, as VFIO does. */
	if (ret && done)
		tell(session, irqs, WIRE_IRQS_EVENTFD, irqs->start, done, 0);
	return ret;
}

static int set(struct user_session *session, const struct backend_irqs *irqs)
{
	int ret;

	if (irqs->fds)
		return set_fds(session, irqs);
	ret = tell(session, irqs, WIRE_IRQS_NONE, irqs->start, irqs->count, 0);
	/* Some servers refuse to turn off what they do not have. */
	return ret == -EINVAL && !irqs->count ? 0 : ret;
}

static void set_error(struct user_session *session, int fd)
{
	pthread_mutex_lock(&session->lock);
	session->error_fd = fd;
	if (session->dead && fd >= 0)
		eventfd_add(fd);
	pthread_mutex_unlock(&session->lock);
}

/* The server gets an eventfd of the session's: see user_session_serve(). */
static int set_error_of(struct user_session *session, const struct backend_irqs *irqs, bool has_error)
{
	struct backend_irqs what = *irqs;
	bool on = irqs->fds && irqs->count && irqs->fds[0] >= 0;

	set_error(session, on ? irqs->fds[0] : -1);
	if (on)
		what.fds = &session->told;
	return has_error ? set(session, &what) : 0;
}

int user_irqs_set(struct user_session *session, const struct backend_irqs *irqs, bool has_error)
{
	int ret = irqs->index == LEND_IRQ_ERR ? set_error_of(session, irqs, has_error) : set(session, irqs);

	/* Of a dead device everything is off. */
	return ret == -ENOTCONN || irqs->index == LEND_IRQ_ERR ? 0 : ret;
}

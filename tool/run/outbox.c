/* SPDX-License-Identifier: MIT */
/* See outbox.h. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tool/run/outbox.h"

struct outbox_entry {
	struct outbox_entry *next;
	enum outbox_rule rule;
	uint32_t type; /* of the message */
	size_t length;
	uint8_t bytes[];
};

/* The kernel has no memory for it now, or the keeper does not read: later it may go. */
static bool is_full(int error)
{
	return error == -EAGAIN || error == -ENOBUFS || error == -ENOMEM;
}

static void drop_first(struct outbox *outbox)
{
	struct outbox_entry *entry = outbox->first;

	outbox->first = entry->next;
	if (!outbox->first)
		outbox->last = &outbox->first;
	outbox->count--;
	outbox->events -= entry->rule == OUTBOX_EVENT;
	free(entry);
}

/* Sends what waits. 0: all is sent. A keeper that is gone gets nothing of it any more. */
static int flush(struct outbox *outbox)
{
	int ret = 0;

	while (outbox->first && !is_full(ret)) {
		ret = control_put(outbox->fd, outbox->first->bytes, outbox->first->length);
		if (!is_full(ret))
			drop_first(outbox);
	}
	return is_full(ret) ? -EAGAIN : ret;
}

/* The socket's room is told once each time, so that nobody turns in a circle. */
static void arm(struct outbox *outbox)
{
	struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT};

	epoll_ctl(outbox->room, EPOLL_CTL_MOD, outbox->fd, &event);
}

static struct outbox_entry **same_state(struct outbox *outbox, uint32_t type)
{
	struct outbox_entry **at = &outbox->first;

	while (*at && ((*at)->rule != OUTBOX_STATE || (*at)->type != type))
		at = &(*at)->next;
	return at;
}

static bool may_wait(const struct outbox *outbox, enum outbox_rule rule)
{
	switch (rule) {
	case OUTBOX_LINE:
		return false;
	case OUTBOX_EVENT:
		return outbox->events < OUTBOX_EVENTS;
	case OUTBOX_ROW:
		return outbox->count < OUTBOX_ROWS;
	case OUTBOX_STATE:
	case OUTBOX_LAST:
		break;
	}
	return true;
}

static void link_in(struct outbox *outbox, struct outbox_entry *entry)
{
	struct outbox_entry **at =
		entry->rule == OUTBOX_STATE ? same_state(outbox, entry->type) : outbox->last;
	struct outbox_entry *old = *at;

	entry->next = old ? old->next : NULL;
	*at = entry;
	if (!entry->next)
		outbox->last = &entry->next;
	outbox->count += !old;
	outbox->events += entry->rule == OUTBOX_EVENT;
	free(old);
}

static int keep(struct outbox *outbox, enum outbox_rule rule, const struct control_message *message,
		size_t length)
{
	struct outbox_entry *entry = may_wait(outbox, rule) ? malloc(sizeof(*entry) + length) : NULL;

	if (!entry) {
		outbox->lost += rule != OUTBOX_ROW;
		return -EAGAIN;
	}
	entry->rule = rule;
	entry->type = message->type;
	entry->length = length;
	memcpy(entry->bytes, message, length);
	link_in(outbox, entry);
	/* static: the queue owns it */
	arm(outbox);
	return 0;
}

int outbox_put(struct outbox *outbox, enum outbox_rule rule, const struct control_message *message)
{
	size_t length = control_length(message);
	int ret;

	pthread_mutex_lock(&outbox->lock);
	ret = flush(outbox);
	if (!ret)
		ret = control_put(outbox->fd, message, length);
	if (is_full(ret))
		ret = keep(outbox, rule, message, length);
	pthread_mutex_unlock(&outbox->lock);
	return ret;
}

int outbox_fd(const struct outbox *outbox)
{
	return outbox->room;
}

void outbox_serve(struct outbox *outbox)
{
	struct epoll_event event;

	pthread_mutex_lock(&outbox->lock);
	epoll_wait(outbox->room, &event, 1, 0);
	if (is_full(flush(outbox)))
		arm(outbox);
	pthread_mutex_unlock(&outbox->lock);
}

void outbox_drain(struct outbox *outbox)
{
	struct pollfd room = {.fd = outbox->fd, .events = POLLOUT};

	pthread_mutex_lock(&outbox->lock);
	while (is_full(flush(outbox)))
		poll(&room, 1, -1);
	pthread_mutex_unlock(&outbox->lock);
}

unsigned long outbox_lost(struct outbox *outbox)
{
	unsigned long lost;

	pthread_mutex_lock(&outbox->lock);
	lost = outbox->lost;
	pthread_mutex_unlock(&outbox->lock);
	return lost;
}

int outbox_init(struct outbox *outbox, int fd)
{
	struct epoll_event event = {.events = EPOLLONESHOT};

	*outbox = (struct outbox){.fd = fd, .last = &outbox->first};
	pthread_mutex_init(&outbox->lock, NULL);
	outbox->room = epoll_create1(EPOLL_CLOEXEC);
	return outbox->room < 0 || epoll_ctl(outbox->room, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

void outbox_free(struct outbox *outbox)
{
	while (outbox->first)
		drop_first(outbox);
	if (outbox->room >= 0)
		close(outbox->room);
	pthread_mutex_destroy(&outbox->lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * SET_IRQS. What a message may be is checked first, in one place. Then its descriptors
 * take the place of the old ones, and the device, if it does interrupts itself, is told.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/server/server.h"

static bool is_one_bit(uint32_t bits)
{
	return bits && !(bits & (bits - 1));
}

static int check(const struct lend_server *server, const struct wire_set_irqs *request,
		 const struct server_message *message)
{
	uint32_t data = request->flags & WIRE_IRQS_DATA, action = request->flags & WIRE_IRQS_ACTION;
	const struct server_irq *irq;

	if (request->argsz < sizeof(*request) ||
	    request->flags & ~(uint32_t)(WIRE_IRQS_DATA | WIRE_IRQS_ACTION))
		return -EINVAL;
	if (!is_one_bit(data) || !is_one_bit(action) || request->index >= LEND_IRQ_COUNT)
		return -EINVAL;
	if (data != WIRE_IRQS_EVENTFD && message->fd_count)
		return -EINVAL;
	if (!request->count)
		return data == WIRE_IRQS_NONE && action == WIRE_IRQS_TRIGGER && !request->start ? 0 : -EINVAL;
	irq = &server->irqs.index[request->index];
	if (request->start >= irq->count || request->count > irq->count - request->start)
		return -EINVAL;
	/* Only the line can be masked by a descriptor; errors and requests not at all. */
	if (action != WIRE_IRQS_TRIGGER && (request->index >= LEND_IRQ_ERR ||
					    (data == WIRE_IRQS_EVENTFD && request->index != LEND_IRQ_INTX)))
		return -EINVAL;
	if (data == WIRE_IRQS_BOOL && message->length != sizeof(*request) + request->count)
		return -EINVAL;
	if (data == WIRE_IRQS_EVENTFD && message->fd_count && message->fd_count != request->count)
		return -EINVAL;
	return 0;
}

/* Hands a request on to a device that does its interrupts itself. */
static int pass_on(struct lend_server *server, enum lend_irq_action action, unsigned index, unsigned start,
		   unsigned count, const int *fds)
{
	const struct lend_irqs irqs = {sizeof(irqs), action, index, start, count, fds};
	int ret = server->ops.set_irqs ? server->ops.set_irqs(server->device.dev, &irqs) : 0;

	return ret > 0 ? -ENOSPC : ret;
}

static enum lend_irq_action action_of(uint32_t flags)
{
	return flags & WIRE_IRQS_TRIGGER ? LEND_IRQ_TRIGGER
	       : flags & WIRE_IRQS_MASK  ? LEND_IRQ_MASK
					 : LEND_IRQ_UNMASK;
}

static void set_fd(struct server_vector *vector, int fd)
{
	if (vector->fd >= 0)
		close(vector->fd);
	vector->fd = fd;
	vector->way = fd >= 0 ? irq_signal_way(fd) : 0;
}

static void drop_line_fd(struct lend_server *server, bool unmask)
{
	int *fd = unmask ? &server->irqs.unmask_fd : &server->irqs.mask_fd;

	if (*fd < 0)
		return;
	/* The client's own copy keeps the file open, so that epoll would not forget it. */
	if (!server->ops.set_irqs)
		server_watch(server, *fd, unmask ? SERVER_UNMASK : SERVER_MASK, 0, EPOLL_CTL_DEL);
	close(*fd);
	*fd = -1;
}

static void switch_off(struct lend_server *server, unsigned index)
{
	struct server_irq *irq = &server->irqs.index[index];

	for (unsigned i = 0; i < irq->count; i++) {
		set_fd(&irq->vectors[i], -1);
		irq->vectors[i].masked = false;
	}
	if (index == LEND_IRQ_INTX) {
		drop_line_fd(server, false);
		drop_line_fd(server, true);
	}
	irq->on = false;
}

static void forget_pending(struct server_irq *irq)
{
	memset(irq->pending, 0, (irq->count + 63ul) / 64 * sizeof(irq->pending[0]));
}

static void switch_on(struct server_irqs *irqs, unsigned index)
{
	irqs->index[index].on = true;
	if (index > LEND_IRQ_MSIX || irqs->latest == (int)index)
		return;
	/* What was pending in another mode has no meaning any more. */
	if (irqs->latest >= 0)
		forget_pending(&irqs->index[irqs->latest]);
	irqs->latest = (int)index;
}

static int set_eventfds(struct lend_server *server, const struct wire_set_irqs *request,
			struct server_message *message)
{
	struct server_irq *irq = &server->irqs.index[request->index];
	int fds[2048];
	int ret;

	if (request->count > sizeof(fds) / sizeof(fds[0]))
		return -EINVAL;
	for (unsigned i = 0; i < request->count; i++)
		fds[i] = message->fd_count ? message->fds[i] : -1;
	ret = pass_on(server, LEND_IRQ_TRIGGER, request->index, request->start, request->count, fds);
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < request->count; i++)
		set_fd(&irq->vectors[request->start + i], message_take_fd(message, i));
	switch_on(&server->irqs, request->index);
	irqs_masks_changed(server);
	return 0;
}

/* The line's own eventfds: that of unmask tells of the guest's end of interrupt. */
static int set_line_fd(struct lend_server *server, const struct wire_set_irqs *request,
		       struct server_message *message)
{
	bool unmask = request->flags & WIRE_IRQS_UNMASK;
	int fd = message->fd_count ? message->fds[0] : -1;
	int ret = pass_on(server, action_of(request->flags), LEND_IRQ_INTX, 0, 1, &fd);

	if (ret < 0)
		return ret;
	drop_line_fd(server, unmask);
	/* By edges: a semaphore with a large count is readable for ever, and means one event. */
	if (fd >= 0 && !server->ops.set_irqs)
		ret = server_watch(server, fd, unmask ? SERVER_UNMASK : SERVER_MASK, EPOLLIN | EPOLLET,
				   EPOLL_CTL_ADD);
	if (ret < 0)
		return -EINVAL;
	*(unmask ? &server->irqs.unmask_fd : &server->irqs.mask_fd) = message_take_fd(message, 0);
	return 0;
}

static int act(struct lend_server *server, const struct wire_set_irqs *request, unsigned vector)
{
	struct server_vector *at = &server->irqs.index[request->index].vectors[vector];
	enum lend_irq_action action = action_of(request->flags);

	if (server->ops.set_irqs)
		return pass_on(server, action, request->index, vector, 1, NULL);
	if (action != LEND_IRQ_TRIGGER)
		at->masked = action == LEND_IRQ_MASK;
	else if (at->fd >= 0)
		irq_signal(at);
	return 0;
}

/* Without data for all of the range; with it for each vector whose byte is not 0. */
static int act_on_range(struct lend_server *server, const struct wire_set_irqs *request,
			const struct server_message *message)
{
	const uint8_t *chosen = request->flags & WIRE_IRQS_BOOL ? message->payload + sizeof(*request) : NULL;
	int ret = 0;

	for (unsigned i = 0; i < request->count && !ret; i++)
		if (!chosen || chosen[i])
			ret = act(server, request, request->start + i);
	irqs_masks_changed(server);
	return ret;
}

int irqs_request(struct lend_server *server, struct server_message *message)
{
	int ret;
	struct wire_set_irqs request;
	bool trigger;

	memcpy(&request, message->payload, sizeof(request));
	ret = check(server, &request, message);
	if (ret < 0)
		return ret;
	trigger = request.flags & WIRE_IRQS_TRIGGER;
	if (!request.count) {
		ret = pass_on(server, LEND_IRQ_TRIGGER, request.index, 0, 0, NULL);
		if (!ret)
			switch_off(server, request.index);
	} else if (request.flags & WIRE_IRQS_EVENTFD) {
		ret = trigger ? set_eventfds(server, &request, message)
			      : set_line_fd(server, &request, message);
	} else {
		return act_on_range(server, &request, message);
	}
	if (!ret && server->ops.irqs_changed && trigger)
		server->ops.irqs_changed(server->device.dev);
	return ret;
}

void irqs_forget(struct lend_server *server)
{
	irqs_reset(server);
	for (unsigned i = 0; i < LEND_IRQ_COUNT; i++) {
		if (server->irqs.index[i].on)
			pass_on(server, LEND_IRQ_TRIGGER, i, 0, 0, NULL);
		switch_off(server, i);
	}
	server->irqs.latest = -1;
}

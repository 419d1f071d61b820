/* SPDX-License-Identifier: MIT */
/* What is signalled, masked and pending; see irqs.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/eventfd.h"
#include "lib/server/server.h"

static size_t words(unsigned vectors)
{
	return (vectors + 63ul) / 64;
}

static int begin_index(struct server_irq *irq)
{
	irq->vectors = calloc(irq->count + 1ul, sizeof(irq->vectors[0]));
	irq->pending = calloc(words(irq->count) + 1, sizeof(irq->pending[0]));
	if (!irq->vectors || !irq->pending)
		return -ENOMEM;
	for (unsigned i = 0; i <= irq->count; i++)
		irq->vectors[i].fd = -1;
	return 0;
}

/* A client arms the error interrupt of a described device, if it is told that there is one. */
int irqs_begin(struct lend_server *server)
{
	const struct lend_server_config *config = server->device.config;
	const unsigned described[LEND_IRQ_COUNT] = {config ? config->intx : 0, config ? config->msi : 0,
						    config ? config->msix : 0, 1, 0};
	int ret = 0;

	server->irqs.latest = server->irqs.mask_fd = server->irqs.unmask_fd = -1;
	for (unsigned i = 0; i < LEND_IRQ_COUNT && !ret; i++) {
		struct server_irq *irq = &server->irqs.index[i];

		irq->count = config ? described[i] : server->device.irqs[i].count;
		irq->noresize = !config && server->device.irqs[i].noresize;
		ret = begin_index(irq);
	}
	return ret;
}

void irqs_end(struct server_irqs *irqs)
{
	for (unsigned i = 0; i < LEND_IRQ_COUNT; i++) {
		free(irqs->index[i].vectors);
		free(irqs->index[i].pending);
	}
}

int lend_server_irq_mode(const struct lend_server *server)
{
	for (int i = LEND_IRQ_MSIX; i >= LEND_IRQ_INTX; i--)
		if (server->irqs.index[i].on)
			return i;
	return -1;
}

static bool can_signal(const struct lend_server *server, unsigned index, unsigned vector)
{
	const struct server_irq *irq = &server->irqs.index[index];
	const struct server_vector *at = &irq->vectors[vector];

	return irq->on && at->fd >= 0 && !at->masked && !at->off_by_table &&
	       !config_masks(&server->config, index, vector);
}

/*
 * While a client changes the set of its vectors, it switches the index off for a moment:
 * what comes then is pending for the index that was on.
 */
void lend_server_signal(struct lend_server *server, unsigned vector)
{
	int mode = lend_server_irq_mode(server);
	unsigned index = (unsigned)(mode < 0 ? server->irqs.latest : mode);
	struct server_irq *irq;

	if ((index != LEND_IRQ_MSI && index != LEND_IRQ_MSIX) || server->ops.set_irqs)
		return;
	irq = &server->irqs.index[index];
	if (vector >= irq->count)
		return;
	if (can_signal(server, index, vector))
		irq_signal(&irq->vectors[vector]);
	else
		irq->pending[vector / 64] |= 1ULL << vector % 64;
}

static void signal_pending(struct lend_server *server, unsigned index)
{
	struct server_irq *irq = &server->irqs.index[index];

	for (unsigned word = 0; irq->on && word < words(irq->count); word++) {
		for (uint64_t left = irq->pending[word]; left; left &= left - 1) {
			unsigned vector = word * 64 + (unsigned)__builtin_ctzll(left);

			if (!can_signal(server, index, vector))
				continue;
			irq->pending[word] &= ~(1ULL << vector % 64);
			irq_signal(&irq->vectors[vector]);
		}
	}
}

static void update_line(struct lend_server *server)
{
	struct server_vector *line = &server->irqs.index[LEND_IRQ_INTX].vectors[0];

	if (!server->irqs.level || server->ops.set_irqs || line->fd < 0 || line->masked ||
	    lend_server_irq_mode(server) != LEND_IRQ_INTX || config_line_is_off(&server->config))
		return;
	line->masked = true;
	irq_signal(line);
}

void lend_server_line(struct lend_server *server, bool up)
{
	if (!server->irqs.index[LEND_IRQ_INTX].count || server->ops.set_irqs)
		return;
	server->irqs.level = up;
	update_line(server);
}

void irqs_masks_changed(struct lend_server *server)
{
	update_line(server);
	signal_pending(server, LEND_IRQ_MSI);
	signal_pending(server, LEND_IRQ_MSIX);
}

/* What is no eventfd is given up at its first event: one that is always readable would be read for ever. */
void irqs_line_event(struct lend_server *server, bool unmask)
{
	int *fd = unmask ? &server->irqs.unmask_fd : &server->irqs.mask_fd;
	uint64_t count;
	int ret = *fd < 0 ? 0 : eventfd_try(*fd, &count);

	if (!ret)
		return;
	if (ret < 0) {
		server_watch(server, *fd, unmask ? SERVER_UNMASK : SERVER_MASK, 0, EPOLL_CTL_DEL);
		close(*fd);
		*fd = -1;
		return;
	}
	server->irqs.index[LEND_IRQ_INTX].vectors[0].masked = !unmask;
	update_line(server);
}

void irqs_reset(struct lend_server *server)
{
	server->irqs.level = false;
	for (unsigned i = 0; i < LEND_IRQ_COUNT; i++) {
		struct server_irq *irq = &server->irqs.index[i];

		memset(irq->pending, 0, words(irq->count) * sizeof(irq->pending[0]));
		for (unsigned j = 0; j < irq->count; j++)
			irq->vectors[j].masked = irq->vectors[j].off_by_table = false;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: the client's eventfds by index and vector, what is masked and what is
 * pending. A vector that cannot be signalled is pending, and is signalled when the
 * reason ends. The line is a level: it is masked when it is signalled, and signalled
 * again at the unmask while it is up.
 */
#ifndef LIB_SERVER_IRQS_H
#define LIB_SERVER_IRQS_H

#include "lend/server.h"

struct server_message;

struct server_vector {
	int fd;            /* the client's; -1: it does not listen */
	uint8_t way;       /* enum signal_way: how it is written to */
	bool masked;       /* by a message, or the line by its signal */
	bool off_by_table; /* by the MSI-X table */
};

struct server_irq {
	unsigned count;
	bool noresize;
	bool on;
	struct server_vector *vectors;
	uint64_t *pending; /* a bit a vector */
};

struct server_irqs {
	struct server_irq index[LEND_IRQ_COUNT];
	int latest; /* the index that was switched on last; -1: none */
	bool level; /* of the line */
	int mask_fd, unmask_fd;
};

int irqs_begin(struct lend_server *server);
void irqs_end(struct server_irqs *irqs);

/** WIRE_SET_IRQS. 0 or -errno, which the client gets. */
int irqs_request(struct lend_server *server, struct server_message *message);

/** Closes what the client gave, and forgets what is pending. */
void irqs_forget(struct lend_server *server);
/** The device is reset: nothing is pending, masked or up. */
void irqs_reset(struct lend_server *server);
/** A mask in config space or in the table changed: signals what can be signalled now. */
void irqs_masks_changed(struct lend_server *server);
/** One of the client's eventfds for masking the line is readable. */
void irqs_line_event(struct lend_server *server, bool unmask);

/* How a vector is signalled (irq_signal.c). */

/** Chooses how a descriptor is written to. */
uint8_t irq_signal_way(int fd);
/** Signals a client's descriptor: does not wait for room in it, raises no SIGPIPE. */
void irq_signal(const struct server_vector *vector);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * COM1: a 16550A. Output goes to a non-blocking descriptor through a small
 * ring: when the reader is slow the transmitter stays busy, as a slow line's
 * would, and neither a vCPU nor the loop ever waits for it.
 */
#ifndef VMM_SERIAL_H
#define VMM_SERIAL_H

#include <pthread.h>

#include "lend/types.h"
#include "vmm/bus.h"
#include "vmm/loop.h"

enum { SERIAL_FIFO = 16, SERIAL_RX = SERIAL_FIFO, SERIAL_TX = 4096, SERIAL_PORTS = 8 };

struct serial {
	pthread_mutex_t lock; /* guards all below */
	struct loop *loop;
	int fd;      /* -1: nobody */
	bool gone;   /* the other end hung up, or was never there: output is discarded */
	int irq;     /* eventfd of an irqfd on GSI 4 */
	bool raised; /* the interrupt output; an edge goes to irq when it rises */
	bool watched;
	uint64_t accesses;
	uint8_t ier, lcr, mcr, scr, dll, dlm, fcr;
	bool thre; /* transmitter-empty interrupt is pending */
	uint8_t rx[SERIAL_RX];
	unsigned rx_count;
	uint8_t tx[SERIAL_TX];
	unsigned tx_count;
};

/** `fd` is borrowed; `irq` is taken over. */
int serial_init(struct serial *serial, struct loop *loop, int fd, int irq);
void serial_free(struct serial *serial);
void serial_reset(struct serial *serial);

extern const struct bus_ops serial_ops; /* opaque: struct serial */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Doorbells: writes of the guest that the device hears of by an eventfd of its own
 * (transport_ops.doorbells). The monitor's hypervisor signals it while the BAR is
 * placed, so that such a write is no trap and no message. In the ledger they are
 * ioeventfds, behind the learned writes (ledger.h).
 */
#ifndef LIB_PCI_BARS_DOORBELLS_H
#define LIB_PCI_BARS_DOORBELLS_H

#include <stdbool.h>
#include <stdint.h>

/* KVM has room for 1000 on a bus, which all devices of a machine share. */
enum { DOORBELLS_MAX = 64 };

/** A write of the guest for which the monitor signals `fd`; of BAR `bar`, and as backend_doorbell. */
struct ioeventfd {
	int fd;
	unsigned bar, length;
	uint64_t offset, data;
	bool match;
};

/** Guarded by the function's lock. The eventfds are the function's. */
struct doorbells {
	unsigned count;
	bool said; /* that the monitor does not take one */
	struct ioeventfd at[DOORBELLS_MAX];
	unsigned fd_count;
	int fds[DOORBELLS_MAX]; /* those of all doorbells, each once */
};

struct lend_function;

/** Asks the device for them. After all windows are set up; there are none. 0 or a negative errno. */
int doorbells_read(struct lend_function *function);
/** Takes all back, and asks the device anew: it has other ones. 0 or a negative errno. */
int doorbells_again(struct lend_function *function);
/** Hands out those of the BARs that answer. */
void doorbells_sync(struct lend_function *function);
/** Closes them. */
void doorbells_destroy(struct lend_function *function);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Config space that the guest reads without leaving: pages of ECAM in read-only memory slots of KVM.
 * A write to one leaves the guest, and the engine (pci/topology.h) carries it out.
 *
 * Two kinds of pages are shown. A function of the machine's own has its registers in its page, and
 * nowhere else, so a change is seen at once. A function that does not exist is a page of ones. A page
 * of a device of the host is never shown, because registers of it are the device's.
 *
 * Of the root bus all but the devices' pages are shown; below a port, where a guest looks at the
 * first device alone, that device while nothing is there.
 */
#ifndef VMM_PCI_ECAM_H
#define VMM_PCI_ECAM_H

#include <pthread.h>
#include <stdint.h>

#include "lend/types.h"

/* For each slot at most four runs of the root bus, or one below its port; and one behind the last slot. */
enum { ECAM_RUNS_MAX = 4 * 31 + 1 };

/** Pages in one memory slot. */
struct ecam_run {
	uint64_t at, length; /* for the guest; bytes */
	const uint8_t *va;
	int slot;
};

struct ecam {
	uint8_t *pages;       /* fixed: the root bus, and one device of ones; NULL: nothing is shown */
	pthread_mutex_t lock; /* guards what follows; slots' is taken inside of it */
	uint64_t base;        /* of ECAM, for the guest */
	unsigned buses;       /* that it has; 0: it answers nowhere */
	struct ecam_run runs[ECAM_RUNS_MAX];
	unsigned run_count;
};

struct vmm;

/** Gives the machine's own functions their pages. After they have their places, and before the guest runs. */
int ecam_init(struct vmm *vmm, struct lend_error *error);

/**
 * ECAM answers from `base` on, `length` bytes; 0: nowhere, and no page is shown when this returns.
 * Any thread, vCPUs included. Before anything else of the guest is put where it was.
 */
void ecam_place(struct vmm *vmm, uint64_t base, uint64_t length);

/** After the last vCPU has ended. */
void ecam_free(struct vmm *vmm);

#endif

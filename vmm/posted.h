/* SPDX-License-Identifier: MIT */
/*
 * Posted writes: KVM keeps what is written to some places in a ring and lets the guest go on
 * (coalesced MMIO, Documentation/virt/kvm/api.rst 4.116). They are carried out, in their order, before the
 * next exit of any processor is, and before processors pause. That fits where a write has no effect that
 * is seen without a read, and the read is an exit.
 */
#ifndef VMM_POSTED_H
#define VMM_POSTED_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "vmm/bus.h"

struct posted {
	struct bus *memory_bus, *port_bus;
	struct kvm_coalesced_mmio_ring *ring; /* in what the first processor has mapped; NULL: none is kept */
	unsigned room;                        /* entries that the ring has */
	pthread_mutex_t lock;                 /* of who carries them out; held while a handler runs */
	bool again;                           /* atomic: posted_again() */
	/* Called before the first of many is carried out, and after the last one; NULL: nobody is. */
	void (*batch)(void *opaque, bool begins);
	void *opaque;
};

/** `ring` is of `bytes`, and stays valid until posted_end(). */
void posted_init(struct posted *posted, struct bus *memory_bus, struct bus *port_bus, void *ring,
		 size_t bytes);

/** The ring goes away. Nobody else calls at the same time. */
void posted_end(struct posted *posted);

/** Carries out what was kept. From any thread that holds no lock of a handler. */
void posted_fetch(struct posted *posted);

/**
 * KVM has stopped keeping writes to some place: what it has kept of them is carried out when the exit that
 * is being handled is done, by posted_settle(). From any thread, also with a handler's lock.
 */
void posted_again(struct posted *posted);
void posted_settle(struct posted *posted);

#endif

/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "vmm/posted.h"

void posted_init(struct posted *posted, struct bus *memory_bus, struct bus *port_bus, void *ring,
		 size_t bytes)
{
	*posted = (struct posted){.memory_bus = memory_bus, .port_bus = port_bus, .ring = ring};
	posted->room = (unsigned)((bytes - sizeof(*posted->ring)) / sizeof(posted->ring->coalesced_mmio[0]));
	pthread_mutex_init(&posted->lock, NULL);
}

void posted_end(struct posted *posted)
{
	if (posted->ring)
		pthread_mutex_destroy(&posted->lock);
	posted->ring = NULL;
}

static void carry_out(struct posted *posted, const struct kvm_coalesced_mmio *write)
{
	struct bus *bus = write->pio ? posted->port_bus : posted->memory_bus;
	unsigned length = write->len > sizeof(write->data) ? sizeof(write->data) : write->len;
	uint64_t value = 0;

	memcpy(&value, write->data, length);
	if (length)
		bus_write(bus, write->phys_addr, length, value);
}

/*
 * KVM writes `last`, and we write `first`, which gives it the room of an entry back. An entry stays until it
 * is carried out, and the last one until the batch has ended, so that who comes meanwhile finds it, and waits
 * for the lock.
 */
static void carry_out_all(struct posted *posted, unsigned first, unsigned last)
{
	struct kvm_coalesced_mmio_ring *ring = posted->ring;

	if (posted->batch)
		posted->batch(posted->opaque, true);
	while (first != last) {
		__atomic_store_n(&ring->first, first, __ATOMIC_RELEASE);
		carry_out(posted, &ring->coalesced_mmio[first]);
		first = (first + 1) % posted->room;
	}
	if (posted->batch)
		posted->batch(posted->opaque, false);
	__atomic_store_n(&ring->first, last, __ATOMIC_RELEASE);
}

void posted_fetch(struct posted *posted)
{
	struct kvm_coalesced_mmio_ring *ring = posted->ring;
	unsigned first, last;

	if (!ring ||
	    __atomic_load_n(&ring->first, __ATOMIC_RELAXED) == __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE))
		return;
	pthread_mutex_lock(&posted->lock);
	first = ring->first;
	/* What others add meanwhile is not waited for: they could go on without end. */
	last = __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE) % posted->room;
	if (first != last)
		carry_out_all(posted, first, last);
	pthread_mutex_unlock(&posted->lock);
}

void posted_again(struct posted *posted)
{
	__atomic_store_n(&posted->again, true, __ATOMIC_RELEASE);
}

void posted_settle(struct posted *posted)
{
	if (__atomic_load_n(&posted->again, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&posted->again, false, __ATOMIC_ACQ_REL))
		posted_fetch(posted);
}

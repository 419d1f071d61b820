/* SPDX-License-Identifier: MIT */
/* The machine's own functions: the host bridge at 00:00.0 and the root ports. */
#ifndef VMM_PCI_BRIDGE_H
#define VMM_PCI_BRIDGE_H

#include "lend/function.h"
#include "vmm/pci/bridge_config.h"

void host_bridge_init(struct bridge_config *config);

/** What a root port is told before boot: numbers of buses, windows (length 0: none). */
struct port_setup {
	bool unplaced; /* firmware numbers the buses and opens the windows */
	bool hotplug;  /* the device below may come and go; its errors reach the guest */
	bool filled;   /* one is there */
	uint8_t slot, secondary;
	uint64_t room_low, room_high;             /* bytes that firmware keeps free for a device that comes */
	struct lend_link link;                    /* of what is below it */
	uint8_t atomics;                          /* AtomicOps that it completes, as in lend_link */
	uint64_t memory_start, memory_length;     /* 1 MiB granular, below 4 GiB */
	uint64_t prefetch_start, prefetch_length; /* 1 MiB granular, 64 bits */
	uint32_t io_start, io_length;             /* 4 KiB granular */
};

void root_port_init(struct bridge_config *config, const struct port_setup *setup);

/** What is below the port came or went: what the port says of it (link, presence, AtomicOps). */
void root_port_update(struct bridge_config *config, const struct port_setup *setup);

#endif

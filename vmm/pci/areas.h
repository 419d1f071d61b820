/* SPDX-License-Identifier: MIT */
/*
 * The BARs of one slot of the root bus, or below one port, by the kind of window that they lie in.
 * Rules: behind a port only a prefetchable 64-bit BAR may lie above 4 GiB (Linux refuses others
 * there); on the root bus every 64-bit BAR may, but one that is small stays below. Every memory BAR
 * gets a page of its own, so that it can be mapped.
 */
#ifndef VMM_PCI_AREAS_H
#define VMM_PCI_AREAS_H

#include "vmm/pci/topology.h"

enum area { AREA_NONE, AREA_LOW, AREA_HIGH, AREA_IO };

/** The largest power of two that is not more than `bytes`: the largest BAR that has room there. */
uint64_t power_in(uint64_t bytes);

/** What is kept free below a port for a device that comes later. */
uint64_t area_room(const struct pci_slot *slot, enum area area);

/** The largest alignment that a BAR of one kind in the slot has; 0: there is none. */
uint64_t area_largest(const struct pci_slot *slot, enum area area);

/**
 * All BARs of one kind in one slot from `at` on, by their sizes; puts those that end at `limit` or
 * before it. Returns where they end.
 */
uint64_t area_place(const struct pci_slot *slot, enum area area, uint64_t at, bool ascending, uint64_t limit);

/** Whether the smallest BAR is better the first. */
bool area_ascends(const struct pci_slot *slot, enum area area, uint64_t start);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * BARs: their registers (bar.c), the host's maps of their bytes (bar_map.c),
 * their places in the guest (bar_place.c), and accesses that trap (bar_access.c).
 */
#ifndef LIB_PCI_BARS_BAR_H
#define LIB_PCI_BARS_BAR_H

#include "lib/pci/function.h"

/** Reads types and sizes, sets up the registers. -EPROTO: they make no sense. */
int bars_setup(struct lend_function *function, struct lend_error *error);

/** Sets up the registers of BAR `index` by bars[index].guest. */
void bar_registers(struct lend_function *function, unsigned index);

/** Where BAR `index` is to be, by the guest's registers, decode bits and power state; false: nowhere. */
bool bar_wanted(const struct lend_function *function, unsigned index, lend_gpa_t *address);

/**
 * Maps into this process what the guest may reach without a trap. What cannot be
 * mapped traps. To be called before the function is in use.
 */
void bars_map(struct lend_function *function);
/** Maps them again, at the same addresses: the device has other files now. 0 or a negative errno. */
int bars_map_again(struct lend_function *function);
/** Removes these maps. Nothing may use them any more. */
void bars_unmap(struct lend_function *function);

/** Removes the BARs that the state does not want any more; negative errno: some are still in place. */
int bars_disable(struct lend_function *function);
/** Places BARs where the state wants them. */
void bars_enable(struct lend_function *function);
/** Asks the monitor again for the places of the BARs that are hidden; those that have one get their peers. */
void bars_shown(struct lend_function *function);
/** Removes as many BARs as the monitor lets go of; returns how many. */
int bars_remove(struct lend_function *function);
/** Makes the placed BARs reachable for other devices, or takes that back if nobody needs it (peers.c). */
void peers_sync(struct lend_function *function);
/** Another function came to the space, or left it. */
void peers_company(struct lend_function *function);
/** Tells the monitor the direct areas of a placed BAR again, because they have changed. */
int bar_refresh(struct lend_function *function, unsigned index);

/** The direct areas that a BAR at `address` has now; returns how many. `out` has AREAS_ROOM. */
size_t bar_direct(const struct lend_function *function, unsigned index, lend_gpa_t address,
		  struct lend_bar_direct *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * BARs: what the guest sizes (bar.c), the host's maps of the device's bytes
 * (bar_map.c), where the monitor has them (bar_place.c), trapped accesses
 * (bar_access.c).
 */
#ifndef LIB_PCI_BARS_BAR_H
#define LIB_PCI_BARS_BAR_H

#include "lib/pci/function.h"

/** Reads types and sizes, sets up the registers. -EPROTO: they make no sense. */
int bars_setup(struct lend_function *function, struct lend_error *error);

/** Sets the registers of BAR `index` up for what bars[index].guest says. */
void bar_registers(struct lend_function *function, unsigned index);

/** Where the guest wants BAR `index`, by its registers, decode bits and power state; false: nowhere. */
bool bar_wanted(const struct lend_function *function, unsigned index, lend_gpa_t *address);

/** Maps what may be reached without a trap; what cannot be mapped is trapped. Before the function is in use.
 */
void bars_map(struct lend_function *function);
void bars_unmap(struct lend_function *function);

/** Takes away the BARs that the state no longer wants; negative errno: some are still there. */
int bars_disable(struct lend_function *function);
/** Places BARs where the state wants them. */
void bars_enable(struct lend_function *function);
/** Takes all BARs away, as far as it can; returns how many went. */
int bars_remove(struct lend_function *function);
/** Gives other devices what they do not reach yet of the BARs that are placed, or takes it back (peers.c). */
void peers_sync(struct lend_function *function);
/** Another function came to the space, or went. */
void peers_company(struct lend_function *function);
/** Gives the monitor the direct areas of a placed BAR anew. */
int bar_refresh(struct lend_function *function, unsigned index);

/** The direct areas of a BAR as they are now, were it at `address`; returns how many. */
size_t bar_direct(const struct lend_function *function, unsigned index, lend_gpa_t address,
		  struct lend_bar_direct *out);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef LIB_PCI_CAPS_UNLINKED_H
#define LIB_PCI_CAPS_UNLINKED_H

#include "lib/pci/caps/capabilities.h"

/**
 * Blocks the registers of capabilities that are to be hidden and that the kernel
 * took out of the standard or the extended chain. `caps` are those that it left
 * in; they must be claimed already.
 */
void unlinked_setup(struct lend_function *function, const struct cap *caps, unsigned count, bool extended);

#endif

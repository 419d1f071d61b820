/* SPDX-License-Identifier: MIT */
/* Config bytes in no capability (spec/vfio-pci.md, the third rule of ours; exam.md, XSA-131). */
#ifndef LIB_PCI_STRICT_H
#define LIB_PCI_STRICT_H

#include "lib/pci/capabilities.h"

/** The bytes that a standard capability has by its own account; where it gives none, up to the next one. */
unsigned cap_extent(const struct lend_function *function, const struct cap *cap);

/** Writes to bytes of the capabilities' areas that are in none of `caps` do not reach the device. */
void strict_standard(struct lend_function *function, const struct cap *caps, unsigned count);
void strict_extended(struct lend_function *function, const struct cap *caps, unsigned count);

#endif

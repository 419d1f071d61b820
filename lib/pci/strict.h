/* SPDX-License-Identifier: MIT */
/* How long capabilities are. */
#ifndef LIB_PCI_STRICT_H
#define LIB_PCI_STRICT_H

#include "lib/pci/capabilities.h"

/** The bytes that a standard capability has by its own account; where it gives none, up to the next one. */
unsigned cap_extent(const struct lend_function *function, const struct cap *cap);

#endif

/* SPDX-License-Identifier: MIT */
/* x-config=strict: what lies in no capability cannot be written (XSA-131). */
#ifndef LIB_PCI_CONFIG_STRICT_H
#define LIB_PCI_CONFIG_STRICT_H

#include "lib/pci/function.h"

/** Blocks the bytes that belong to no capability; after the chains were walked. */
void strict_setup(struct lend_function *function);

#endif

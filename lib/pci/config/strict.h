/* SPDX-License-Identifier: MIT */
/* x-config=strict: the guest cannot write bytes that lie in no capability (XSA-131). */
#ifndef LIB_PCI_CONFIG_STRICT_H
#define LIB_PCI_CONFIG_STRICT_H

#include "lib/pci/function.h"

/** Blocks writes to bytes in no capability that the guest has. Call it after the chains were walked. */
void strict_setup(struct lend_function *function);

#endif

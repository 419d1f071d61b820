/* SPDX-License-Identifier: MIT */
/* What differs from one device to the next. */
#ifndef LIB_PCI_QUIRK_H
#define LIB_PCI_QUIRK_H

#include "lib/pci/function.h"

/** The ids that the guest sees. */
struct quirk_ids {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code; /* 24 bits */
};
struct quirk_ids quirk_ids(const struct lend_function *function);

#endif

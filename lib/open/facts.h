/* SPDX-License-Identifier: MIT */
/* Facts: what the caller says of a device, in place of sysfs (struct lend_device_facts). */
#ifndef LIB_OPEN_FACTS_H
#define LIB_OPEN_FACTS_H

#include <linux/pci_regs.h>

#include "lend/host.h"
#include "lend/device.h"

/** Checks that a configuration with facts has one descriptor, and one that fits its way. -EINVAL. */
int facts_check(const struct lend_device_config *config, struct lend_error *error);

/** Fills `out` as lend_host_find() would. -EINVAL: the name is none of a device. */
int facts_take(const struct lend_device_facts *facts, struct lend_host_device *out, struct lend_error *error);

/** Copies the config space of the facts to `raw`; returns how many bytes. After facts_take(). */
unsigned facts_raw_config(const struct lend_device_facts *facts, uint8_t raw[PCI_CFG_SPACE_EXP_SIZE]);

#endif

/* SPDX-License-Identifier: MIT */
/* Opening by what the caller says of a device, in place of sysfs. */
#ifndef LIB_OPEN_FACTS_H
#define LIB_OPEN_FACTS_H

#include <linux/pci_regs.h>

#include "lend/host.h"
#include "lend/device.h"

/** Whether the descriptors of a configuration with facts are such that nothing else has to be opened. */
int facts_check(const struct lend_device_config *config, struct lend_error *error);

/** What lend_host_find() would have found. -EINVAL: the name is no device's. */
int facts_take(const struct lend_device_facts *facts, struct lend_host_device *out, struct lend_error *error);

/** The config space that they have, at most all of `raw`: how many bytes. facts_take() has taken them. */
unsigned facts_raw_config(const struct lend_device_facts *facts, uint8_t raw[PCI_CFG_SPACE_EXP_SIZE]);

#endif

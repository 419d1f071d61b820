/* SPDX-License-Identifier: MIT */
/* Opening by what the caller says of a device, in place of sysfs. */
#ifndef LIB_OPEN_FACTS_H
#define LIB_OPEN_FACTS_H

#include "lend/host.h"
#include "lend/device.h"

/** Whether the descriptors of a configuration with facts are such that nothing else has to be opened. */
int facts_check(const struct lend_device_config *config, struct lend_error *error);

/** What lend_host_find() would have found. -EINVAL: the name is no device's. */
int facts_take(const struct lend_device_facts *facts, struct lend_host_device *out, struct lend_error *error);

#endif

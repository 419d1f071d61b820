/* SPDX-License-Identifier: MIT */
#include "lib/pci/quirk.h"

struct quirk_ids quirk_ids(const struct lend_function *function)
{
	const struct lend_device_info *info = &function->device->info;

	return (struct quirk_ids){
		.vendor = info->vendor,
		.device = info->device,
		.subsystem_vendor = info->subsystem_vendor,
		.subsystem = info->subsystem,
		.class_code = info->class_code,
	};
}

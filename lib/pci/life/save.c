/* SPDX-License-Identifier: MIT */
/* Saving a function's state. */
#include <errno.h>
#include <string.h>

#include "lend/state.h"
#include "lib/pci/interrupts/messages.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/life/state_file.h"

size_t lend_function_state_size(void)
{
	return sizeof(struct state_file);
}

/* Config space as the guest sees it: virtual bits from the state, the others read from the device now. */
static int save_config(struct lend_function *function, uint8_t *out)
{
	const struct config *config = &function->config;
	uint64_t there = function->device->regions[LEND_REGION_CONFIG].size;
	int ret;

	ret = device_read(function->device, LEND_REGION_CONFIG, 0, out,
			  there < config->size ? (unsigned)there : config->size);
	for (unsigned i = 0; i < config->size && !ret; i++)
		out[i] = (uint8_t)((out[i] & ~config->rows[i].virt) |
				   (function->state.config[i] & config->rows[i].virt));
	return ret;
}

int lend_function_save(struct lend_function *function, void *buffer, size_t size)
{
	const struct lend_device_info *info = &function->device->info;
	struct state_file file = {
		.magic = STATE_MAGIC,
		.version = STATE_VERSION,
		.size = sizeof(file),
		.vendor = info->vendor,
		.device = info->device,
		.config_size = function->config.size,
		.msix_count = function->msix.cap ? function->msix.count : 0,
		.msi_count = function->msi.cap ? function->msi.count : 0,
	};
	int ret;

	if (size < sizeof(file))
		return -ENOSPC;
	function_lock(function);
	if (is_gone(function)) {
		function_unlock(function);
		return -ENODEV;
	}
	if (function->messages.count)
		pending_collect(function, 0, function->messages.count - 1);
	memcpy(file.table, function->state.table, (size_t)file.msix_count * TABLE_ENTRY);
	memcpy(file.pending, function->state.pending, sizeof(file.pending));
	ret = save_config(function, file.config);
	function_unlock(
		function); /* serves what the kernel told meanwhile: a device that went reads all ones */
	if (!ret && is_gone(function))
		ret = -ENODEV;
	if (ret < 0)
		return ret;
	memcpy(buffer, &file, sizeof(file));
	return (int)sizeof(file);
}

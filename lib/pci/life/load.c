/* SPDX-License-Identifier: MIT */
/*
 * Loading a function's state. The bytes are written as a guest would write them,
 * so that the rules of each register hold: first the addresses of BARs, then all
 * other registers, then decode, and last the registers that turn interrupts on.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/state.h"
#include "lib/error.h"
#include "lib/le.h"
#include "lib/pci/config/config.h"
#include "lib/pci/interrupts/messages.h"
#include "lib/pci/interrupts/mode.h"
#include "lib/pci/interrupts/msix.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/life/state_file.h"
#include "lib/pci/reset/quiesce.h"

static int check(const struct lend_function *function, const struct state_file *file, size_t size,
		 struct lend_error *error)
{
	const struct lend_device_info *info = &function->device->info;

	if (size < offsetof(struct state_file, config) || file->magic != STATE_MAGIC)
		return error_say(error, -EINVAL, "%s: these %zu bytes are no state of a function",
				 function->name, size);
	if (file->version > STATE_VERSION)
		return error_say(error, -ENOTSUP,
				 "%s: the state is of version %u, and this library knows up to %d",
				 function->name, file->version, STATE_VERSION);
	if (file->version != STATE_VERSION || file->size != sizeof(*file) || size < sizeof(*file))
		return error_say(error, -EINVAL, "%s: the state is cut short, or damaged", function->name);
	if (file->vendor != info->vendor || file->device != info->device ||
	    file->config_size != function->config.size ||
	    file->msix_count != (function->msix.cap ? function->msix.count : 0) ||
	    file->msi_count != (function->msi.cap ? function->msi.count : 0))
		return error_say(error, -ENODEV,
				 "%s: the state is that of another kind of device (%04x:%04x)",
				 function->name, file->vendor, file->device);
	return 0;
}

/* Message interrupts are off here. A vector takes its entry when they go on. */
static void load_messages(struct lend_function *function, const struct state_file *file)
{
	unsigned count = function->messages.room;

	for (unsigned i = 0; i < function->msix.count * TABLE_ENTRY; i += TABLE_ENTRY)
		msix_table_store(function, i, file->table + i, TABLE_ENTRY);
	function->messages.pending = 0;
	for (unsigned i = 0; i < count; i++) {
		if (!(file->pending[i / 8] >> i % 8 & 1))
			continue;
		function->state.pending[i / 8] |= (uint8_t)(1u << i % 8);
		function->messages.pending++;
	}
}

static void write_config(struct lend_function *function, const struct state_file *file, unsigned offset,
			 unsigned length)
{
	lend_function_config_write(function, offset, length,
				   (uint32_t)le_load(file->config + offset, length));
}

/* Registers that turn something on are written after all others. */
static bool is_late(const struct lend_function *function, unsigned offset)
{
	unsigned msi = function->msi.cap + PCI_MSI_FLAGS, msix = function->msix.cap + PCI_MSIX_FLAGS;

	return offset / 2 == PCI_COMMAND / 2 || (function->msi.cap && offset / 2 == msi / 2) ||
	       (function->msix.cap && offset / 2 == msix / 2);
}

static void load_config(struct lend_function *function, const struct state_file *file)
{
	const struct config *config = &function->config;

	for (unsigned i = PCI_BASE_ADDRESS_0; i <= PCI_BASE_ADDRESS_5; i += 4)
		write_config(function, file, i, 4);
	for (unsigned i = PCI_BASE_ADDRESS_5 + 4; i < config->size; i++)
		if (config->rows[i].mask && !is_late(function, i))
			write_config(function, file, i, 1);
	/* Two registers that the kernel keeps for the guest. The device does not use them. */
	write_config(function, file, PCI_CACHE_LINE_SIZE, 1);
	write_config(function, file, PCI_INTERRUPT_LINE, 1);
	write_config(function, file, PCI_COMMAND, 2);
	if (function->msi.cap)
		write_config(function, file, function->msi.cap + PCI_MSI_FLAGS, 2);
	if (function->msix.cap)
		write_config(function, file, function->msix.cap + PCI_MSIX_FLAGS, 2);
}

static int say_gone(const struct lend_function *function, struct lend_error *error)
{
	return error_say(error, -ENODEV, "%s: its device has failed, or is being given back", function->name);
}

int lend_function_load(struct lend_function *function, const void *buffer, size_t size,
		       struct lend_error *error)
{
	struct state_file file = {0};
	int ret;

	memcpy(&file, buffer, size < sizeof(file) ? size : sizeof(file));
	ret = check(function, &file, size, error);
	if (ret < 0)
		return ret;
	functions_quiesce(&function, 1);
	function_lock(function);
	ret = is_gone(function) ? -ENODEV : 0;
	if (!ret) {
		state_start(function);
		life_set(function, LIFE_ON);
		mode_enter(function, MODE_INTX);
		load_messages(function, &file);
	}
	function_unlock(function);
	if (ret < 0)
		return say_gone(function, error);
	load_config(function, &file);
	/* What is written to one that goes meanwhile is dropped. */
	return is_gone(function) ? say_gone(function, error) : 0;
}

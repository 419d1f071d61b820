/* SPDX-License-Identifier: MIT */
/* Judging the reset of one function: before it, how good the ways are; after it, whether it worked. */
#include <string.h>
#include <time.h>

#include <linux/pci_regs.h>

#include "lib/pci/config/config.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/reset/reset.h"
#include "lib/reset_way.h"

enum { NOT_READY = 1, NOT_READY_STEPS = 100 }; /* of 10 ms */

/* Methods of the kernel that clear the device's whole state. The kernel uses the first one that works. */
static const char *const good[] = {"device_specific", "acpi", "flr", "af_flr"};

/* If the kernel's methods are not known, the capabilities tell whether there is an FLR (spec 8.1). */
void reset_judge(struct lend_function *function)
{
	const char *methods = function->device->reset_methods;
	uint32_t control;

	if (!methods[0]) {
		control = function->pm ? config_hw(function, function->pm + PCI_PM_CTRL, 2)
				       : PCI_PM_CTRL_NO_SOFT_RESET;
		function->pm_reset = !function->flr && !(control & PCI_PM_CTRL_NO_SOFT_RESET);
		return;
	}
	function->flr = false;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		function->flr |= reset_is_first(methods, good[i]);
	function->pm_reset = reset_is_first(methods, "pm");
}

void reset_is_due(struct lend_function *function)
{
	__atomic_store_n(&function->used, true, __ATOMIC_RELAXED);
}

void reset_wake(struct lend_function *function)
{
	unsigned control = function->pm + PCI_PM_CTRL;
	uint32_t value;

	if (!function->pm || config_device_read(function, control, 2, &value) < 0 || value == UINT16_MAX ||
	    !(value & PCI_PM_CTRL_STATE_MASK))
		return;
	config_device_write(function, control, 2, value & ~(uint32_t)PCI_PM_CTRL_STATE_MASK);
	if (!config_device_read(function, control, 2, &value) && value & PCI_PM_CTRL_STATE_MASK)
		function_log(function, LEND_LOG_WARNING, "it does not leave power state D%u",
			     value & PCI_PM_CTRL_STATE_MASK);
}

const char reset_good[] = "it answers with its ids, and decode and bus master are off";
const char reset_dead[] = "it does not answer any more";

/* Vendor id 1 is Request Retry Status (PCI Express Base, 2.3.1): the device is there, and not ready. */
static bool is_not_ready(uint32_t id)
{
	return (id & 0xffff) == NOT_READY;
}

static bool is_waited_for(struct lend_function *function)
{
	uint32_t id = 0;
	bool waits;

	function_lock(function);
	waits = life_of(function) != LIFE_LEAVING && !config_device_read(function, PCI_VENDOR_ID, 4, &id) &&
		is_not_ready(id);
	function_unlock(function);
	return waits;
}

void reset_wait_ready(struct lend_function **functions, size_t count)
{
	static const struct timespec step = {.tv_nsec = 10000000};
	unsigned steps = 0;

	for (size_t i = 0; i < count; i++)
		for (; steps < NOT_READY_STEPS && is_waited_for(functions[i]); steps++)
			nanosleep(&step, NULL);
}

const char *reset_check(struct lend_function *function)
{
	uint32_t id, command;

	if (config_device_read(function, PCI_VENDOR_ID, 4, &id) || id == UINT32_MAX)
		return reset_dead;
	if (is_not_ready(id))
		return "it is still not ready a second after its reset";
	if (id != config_hw(function, PCI_VENDOR_ID, 4) ||
	    config_device_read(function, PCI_COMMAND, 2, &command))
		return "it does not answer as the device that it was";
	if (command & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER))
		return "decode or bus master are still on";
	return reset_good;
}

/* SPDX-License-Identifier: MIT */
/*
 * Reset of single functions. The kernel resets a device when it is first
 * opened (VFIO_DEVICE_FLAGS_RESET says that it could); where that was a good
 * reset and nothing has used the device since, none is added: a function level
 * reset takes 100 ms.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "lib/pci/config.h"
#include "lib/pci/mode.h"
#include "lib/pci/quiesce.h"

/* Methods that leave nothing of the last user behind. The kernel takes the first one that works. */
static const char *const good[] = {"device_specific", "flr", "af_flr"};

void reset_judge(struct lend_function *function)
{
	const char *methods = function->device->reset_methods;
	size_t first = strcspn(methods, " ");

	if (!first)
		return; /* not known: the capabilities have said whether there is an FLR */
	function->flr = false;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (strlen(good[i]) == first && !strncmp(methods, good[i], first))
			function->flr = true;
}

static void wake(struct lend_function *function)
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

/* It answers, as the device that it was, and does nothing. */
static bool answers(struct lend_function *function)
{
	uint32_t id, command;

	return !config_device_read(function, PCI_VENDOR_ID, 4, &id) &&
	       id == config_hw(function, PCI_VENDOR_ID, 4) &&
	       !config_device_read(function, PCI_COMMAND, 2, &command) &&
	       !(command & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
}

static void reset_one(struct lend_function *function, struct lend_reset_report *report)
{
	struct lend_device *device = function->device;
	bool used = __atomic_load_n(&function->used, __ATOMIC_RELAXED);

	*report = (struct lend_reset_report){.ran = LEND_RESET_NONE};
	snprintf(report->offered, sizeof(report->offered), "%s", device->reset_methods);
	pthread_mutex_lock(&function->lock);
	function_quiet(function);
	wake(function);
	if (!device->info.can_reset) {
		report->result = -EOPNOTSUPP;
	} else if (function->flr && !used && !function->reset_since_open) {
		report->ran = LEND_RESET_OPEN;
	} else {
		report->ran = LEND_RESET_FUNCTION;
		report->result = device->ops->reset(device->transport);
	}
	function->reset_since_open |= report->ran == LEND_RESET_FUNCTION;
	report->checked = !report->result && answers(function);
	state_start(function);
	mode_enter(function, MODE_INTX);
	pthread_mutex_unlock(&function->lock);
}

int lend_context_reset(struct lend_context *context, struct lend_function **functions, size_t count,
		       struct lend_reset_report *reports)
{
	int first = 0;

	(void)context;
	for (size_t i = 0; i < count; i++) {
		reset_one(functions[i], &reports[i]);
		if (!first)
			first = reports[i].result;
		if (reports[i].ran == LEND_RESET_FUNCTION)
			functions[i]->ops->event(functions[i]->host, functions[i]->peer, LEND_EVENT_RESET,
						 reports[i].result ? "its reset failed" : "it was reset");
	}
	return first;
}

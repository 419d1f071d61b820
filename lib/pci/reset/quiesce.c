/* SPDX-License-Identifier: MIT */
/*
 * Stopping a function: interrupts, BARs, bus master, then the wait until what
 * the device has asked for is answered. Each step is idempotent, and a step
 * that fails does not keep the next from being done.
 */
#include <string.h>
#include <time.h>

#include <linux/pci_regs.h>

#include "lib/le.h"
#include "lib/pci/bars/bar.h"
#include "lib/pci/config/config.h"
#include "lib/pci/interrupts/messages.h"
#include "lib/pci/interrupts/mode.h"
#include "lib/pci/reset/quiesce.h"

enum { WAIT_STEPS = 1000 }; /* of a millisecond */

/*
 * Interrupt disable is not active, but goes too (spec 8.2): the kernel keeps it
 * over a reset, and the next driver would wait for its line in vain.
 */
#define ACTIVE                                                                                               \
	((uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE))

/* A device that does not answer is not written to: nothing is known of it. */
static void stop_master(struct lend_function *function)
{
	uint32_t command;
	int ret;

	config_store(function, PCI_COMMAND, 2, config_state(function, PCI_COMMAND, 2) & ~ACTIVE);
	if (config_device_read(function, PCI_COMMAND, 2, &command) < 0 || command == UINT16_MAX ||
	    !(command & ACTIVE))
		return;
	ret = config_device_write(function, PCI_COMMAND, 2, command & ~ACTIVE);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "cannot turn its bus master off: %s",
			     strerror(-ret));
}

static bool register_bit(struct lend_function *function, unsigned offset, unsigned length, uint32_t bit)
{
	uint32_t value;

	if (config_device_read(function, offset, length, &value) < 0)
		return false;
	return value & bit && value != (length == 1 ? UINT8_MAX : UINT16_MAX);
}

static bool transactions_pending(struct lend_function *function)
{
	if (function->exp)
		return register_bit(function, function->exp + PCI_EXP_DEVSTA, 2, PCI_EXP_DEVSTA_TRPND);
	if (function->af)
		return register_bit(function, function->af + PCI_AF_STATUS, 1, PCI_AF_STATUS_TP);
	return false;
}

/* The hardware has no event for it, so it is polled (PCI Express Base, 7.5.3.5). */
static void wait_pending(struct lend_function *function)
{
	static const struct timespec step = {.tv_nsec = 1000000};

	for (unsigned i = 0; transactions_pending(function); i++) {
		if (i == WAIT_STEPS) {
			function_log(function, LEND_LOG_WARNING,
				     "it still waits for answers to its requests after a second");
			return;
		}
		nanosleep(&step, NULL);
	}
}

/* What the guest turned on is off, as after a reset. */
static void clear_enable(struct lend_function *function, unsigned at)
{
	config_store(function, at, 2, (uint32_t)le_load(function->config.start + at, 2));
}

void function_quiet(struct lend_function *function)
{
	if (function->gone != GONE_NOT)
		return; /* it was stopped then, and is not asked any more */
	if (function->msix.cap)
		clear_enable(function, function->msix.cap + PCI_MSIX_FLAGS);
	if (function->msi.cap)
		clear_enable(function, function->msi.cap + PCI_MSI_FLAGS);
	mode_enter(function, MODE_NONE);
	/* What did not go off, or down: once more. */
	if (function->messages.started)
		trigger_off(function);
	intx_quiet(function);
	bars_remove(function);
	stop_master(function);
	wait_pending(function);
}

void lend_function_quiesce(struct lend_function *function)
{
	pthread_mutex_lock(&function->lock);
	function_quiet(function);
	pthread_mutex_unlock(&function->lock);
}

/* SPDX-License-Identifier: MIT */
/*
 * Stopping a set of functions, in two passes. The first turns interrupts, BARs
 * and bus master of each function off. The second waits, for all of them
 * together, until the devices have no transaction pending. A step may be done
 * twice. If a step fails, the next ones are done all the same.
 */
#include <string.h>
#include <time.h>

#include <linux/pci_regs.h>

#include "lib/clock.h"
#include "lib/le.h"
#include "lib/pci/bars/bar.h"
#include "lib/pci/config/config.h"
#include "lib/pci/interrupts/mode.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/reset/quiesce.h"

enum { WAIT_MS = 1000 };

/*
 * Interrupt disable is cleared too (spec 8.2): the kernel keeps it over a reset,
 * and the next driver would never get its line interrupt.
 */
#define ACTIVE                                                                                               \
	((uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE))

/* If the device does not answer, it is not written to. */
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

/* Turns off what the guest turned on in a capability, as a reset does. */
static void clear_enable(struct lend_function *function, unsigned at)
{
	config_store(function, at, 2, config_start(function, at, 2));
}

void function_off(struct lend_function *function)
{
	enum life life = life_of(function);

	if (life == LIFE_ON) {
		life_set(function, LIFE_STOPPED);
		if (function->msix.cap)
			clear_enable(function, function->msix.cap + PCI_MSIX_FLAGS);
		if (function->msi.cap)
			clear_enable(function, function->msi.cap + PCI_MSI_FLAGS);
	}
	mode_enter(function, MODE_NONE);
	take_back(function, ROWS_QUIESCE); /* also what an earlier try could not take back */
	/* If it was stopped before, the device is not asked again: after an error it may not answer. */
	if (life > LIFE_ON)
		return;
	stop_master(function);
	function->unwaited = true;
}

/* Whether a function of the set has transactions pending. One that has none is not asked again. */
static bool any_pending(struct lend_function **functions, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		function_lock(functions[i]);
		functions[i]->unwaited = functions[i]->unwaited && transactions_pending(functions[i]);
		any |= functions[i]->unwaited;
		function_unlock(functions[i]);
	}
	return any;
}

/* Hardware signals no end of transactions, so the bit is polled (PCI Express Base, 7.5.3.5). */
static void wait_pending(struct lend_function **functions, size_t count)
{
	static const struct timespec step = {.tv_nsec = 1000000};
	uint64_t end = clock_ms() + WAIT_MS;
	bool pending;

	while ((pending = any_pending(functions, count)) && clock_ms() < end)
		nanosleep(&step, NULL);
	for (size_t i = 0; i < count && pending; i++) {
		function_lock(functions[i]);
		if (functions[i]->unwaited)
			function_log(functions[i], LEND_LOG_WARNING,
				     "it still waits for answers to its requests after a second");
		functions[i]->unwaited = false; /* no second wait for the same */
		function_unlock(functions[i]);
	}
}

void functions_quiesce(struct lend_function **functions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		function_lock(functions[i]);
		function_off(functions[i]);
		function_unlock(functions[i]);
	}
	wait_pending(functions, count);
}

void lend_context_quiesce(struct lend_context *context, struct lend_function **functions, size_t count)
{
	(void)context;
	functions_quiesce(functions, count);
}

void lend_function_quiesce(struct lend_function *function)
{
	functions_quiesce(&function, 1);
}

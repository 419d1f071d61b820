/* SPDX-License-Identifier: MIT */
/*
 * The line interrupt's two ways (intx.h).
 *
 * The bypass is entered in this order, so that no signal is lost (spec 5.4):
 * mask the line, attach the hypervisor, give VFIO the unmask eventfd, unmask the
 * line. It is left in this one: mask, detach, forget what is pending, unmask. A
 * signal that was missed comes again at the unmask.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/pci/bars/bar.h"
#include "lib/pci/config/config.h"
#include "lib/pci/interrupts/intx.h"
#include "lib/pci/interrupts/mode.h"
#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"

void intx_setup(struct lend_function *function)
{
	uint32_t pin = config_hw(function, PCI_INTERRUPT_PIN, 1);
	struct intx *intx = &function->intx;

	/* A pin above 4 does not exist. The device may still have message interrupts (spec 5.2). */
	if (pin > 4 && !function->no_intx)
		function_log(function, LEND_LOG_WARNING,
			     "its interrupt pin is %u, which is none: it gets no line interrupt", pin);
	if (!function->no_intx && pin <= 4 && function->device->info.vectors[LEND_IRQ_INTX])
		intx->pin = pin;
	config_set_virtual(function, PCI_INTERRUPT_PIN, 1, intx->pin);
	config_set_hook(function, PCI_COMMAND + 1, 1, HOOK_INTX);
}

static bool disabled(const struct lend_function *function)
{
	uint32_t command = config_state(function, PCI_COMMAND, 2);

	return command & PCI_COMMAND_INTX_DISABLE;
}

static bool by_hypervisor(const struct lend_function *function)
{
	return is_out(function, OUT_LINE_IRQFD, 0);
}

/* The loop raises the line while a signal is pending and the guest has not disabled the line in COMMAND. */
static void update_line(struct lend_function *function)
{
	bool raised = function->mode == MODE_INTX && !by_hypervisor(function) && function->intx.pending &&
		      !disabled(function);

	if (raised && !is_out(function, OUT_LINE_LEVEL, 0))
		give_line_level(function);
	else if (!raised && is_out(function, OUT_LINE_LEVEL, 0))
		take_line_level(function);
}

static void set_pending(struct intx *intx, bool pending)
{
	__atomic_store_n(&intx->pending, pending, __ATOMIC_RELEASE);
}

/* Withholds the direct areas of every BAR, or gives them back. */
static void withhold_areas(struct lend_function *function, bool withhold)
{
	if (!(function->withheld & WITHHELD_LINE) == !withhold)
		return;
	function->withheld ^= WITHHELD_LINE;
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++) {
		int ret = bar_refresh(function, i);

		if (ret < 0)
			function_log(function, LEND_LOG_WARNING, "cannot %s BAR %u: %s",
				     withhold ? "trap" : "map", i, strerror(-ret));
	}
}

void intx_held(struct lend_function *function)
{
	struct intx *intx = &function->intx;

	if (!is_out(function, OUT_TIMER, 0))
		return;
	/* A late call may find the timer set anew. Then it is set once more, or cancelled, which is right
	 * too. */
	if (function->mode == MODE_INTX && intx->pending) {
		give_timer(function, intx->hold_ns);
	} else {
		take_timer(function);
		withhold_areas(function, false);
	}
}

/* The device signalled; the kernel has masked its line. */
void intx_rings(struct lend_function *function)
{
	struct intx *intx = &function->intx;

	if (function->mode != MODE_INTX || by_hypervisor(function) ||
	    !bell_take(function, BELL_LINE, function->intx.fd))
		return;
	count_one(function->counters.slow_interrupts);
	intx->slow++;
	set_pending(intx, true);
	withhold_areas(function, true);
	update_line(function);
	if (intx->hold_ns)
		give_timer(function, intx->hold_ns);
}

void intx_served(struct lend_function *function)
{
	struct intx *intx = &function->intx;

	function_lock(function);
	if (function->mode == MODE_INTX && intx->pending) {
		set_pending(intx, false);
		update_line(function);
		line_unmask(function);
	}
	function_unlock(function);
}

static void close_resample(struct intx *intx)
{
	if (intx->resample >= 0)
		close(intx->resample);
	intx->resample = -1;
}

/* 0: the bypass is on. Else a negative errno, and all is as before. */
static int enter_bypass(struct lend_function *function)
{
	struct intx *intx = &function->intx;
	int ret;

	if (intx->no_bypass)
		return -EOPNOTSUPP;
	intx->resample = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (intx->resample < 0)
		return -errno;
	ret = line_mask(function);
	if (ret < 0)
		goto close;
	ret = give_line(function);
	if (ret < 0)
		goto unmask;
	ret = give_line_unmask(function);
	if (ret < 0)
		goto detach;
	return line_unmask(function) < 0 ? -EIO : 0;

detach:
	take_line(function);
unmask:
	line_unmask(function);
close:
	close_resample(intx);
	return ret;
}

/* Takes the bypass, or if that fails the loop. */
static int connect(struct lend_function *function)
{
	int ret = enter_bypass(function);

	if (ret < 0 && !by_hypervisor(function))
		ret = give_watch(function, OUT_LINE_WATCH, 0);
	return ret;
}

void lend_function_line_changed(struct lend_function *function)
{
	int ret;

	function_lock(function);
	if (function->mode != MODE_INTX)
		goto unlock;
	take_back(function, ROWS_LINE & ~ROW(OUT_LINE_TRIGGER));
	close_resample(&function->intx);
	ret = connect(function);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "its interrupt line cannot be routed anew: %s",
			     strerror(-ret));
	set_pending(&function->intx, false);
	withhold_areas(function, false);
	line_unmask(function);
unlock:
	function_unlock(function);
}

int intx_on(struct lend_function *function)
{
	struct intx *intx = &function->intx;
	int ret;

	if (intx->fd < 0)
		intx->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = intx->fd < 0 ? -errno : 0;
	if (!ret) {
		bell_take(function, BELL_LINE, function->intx.fd); /* drops what is left of the last time */
		ret = give_line_trigger(function);
	}
	if (ret < 0) {
		function_log(function, LEND_LOG_WARNING, "the kernel does not turn its interrupt line on: %s",
			     strerror(-ret));
		return ret;
	}
	ret = connect(function);
	if (ret < 0) {
		intx_off(function);
		function_log(function, LEND_LOG_WARNING, "its interrupt line cannot be used: %s",
			     strerror(-ret));
	}
	return ret;
}

void intx_off(struct lend_function *function)
{
	set_pending(&function->intx, false);
	function->mode = MODE_NONE;
	take_back(function, ROWS_LINE);
	withhold_areas(function, false);
	close_resample(&function->intx);
}

void intx_destroy(struct lend_function *function)
{
	close_resample(&function->intx);
	if (function->intx.fd >= 0)
		close(function->intx.fd);
	function->intx.fd = -1;
}

/* Interrupt disable in COMMAND acts on the virtual line alone: the kernel masks the device's. */
int intx_disable(struct lend_function *function)
{
	update_line(function);
	return 0;
}

void intx_enable(struct lend_function *function)
{
	update_line(function);
}

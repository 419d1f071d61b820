/* SPDX-License-Identifier: MIT */
/*
 * Order of the bypass (spec 5.4), so that no signal is lost on the way: the
 * line masked, the hypervisor attached, the unmask eventfd given to VFIO, the
 * line unmasked. Back: masked, nobody pending, detached, unmasked, which lets a
 * signal that was missed come again.
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

void intx_setup(struct lend_function *function)
{
	uint32_t pin = config_hw(function, PCI_INTERRUPT_PIN, 1);
	struct intx *intx = &function->intx;

	intx->fd = intx->resample = -1;
	/* Beyond 4 it is no pin; the device may still have messages (spec 5.2). */
	if (pin > 4 && !function->no_intx)
		context_log(function->context, LEND_LOG_WARNING,
			    "%s: its interrupt pin is %u, which is none: it gets no line interrupt",
			    function->name, pin);
	if (!function->no_intx && pin <= 4 && function->device->info.vectors[LEND_IRQ_INTX])
		intx->pin = pin;
	config_set_virtual(function, PCI_INTERRUPT_PIN, 1, intx->pin);
	config_set_hook(function, PCI_COMMAND + 1, 1, HOOK_INTX);
}

static int set_irqs(struct lend_function *function, enum backend_irq_action action, const int *fd)
{
	struct lend_device *device = function->device;
	bool off = action == BACKEND_IRQ_TRIGGER && !fd;
	struct backend_irqs irqs = {
		.action = action, .index = LEND_IRQ_INTX, .count = off ? 0 : 1, .fds = fd};

	return device->ops->set_irqs(device->transport, &irqs);
}

static bool disabled(const struct lend_function *function)
{
	uint32_t command = config_state(function, PCI_COMMAND, 2);

	return command & PCI_COMMAND_INTX_DISABLE;
}

/* The line is what is pending, unless the guest has switched it off in COMMAND. */
static void update_line(struct lend_function *function)
{
	struct intx *intx = &function->intx;
	bool raised = function->mode == MODE_INTX && !intx->bypass && intx->pending && !disabled(function);

	if (raised == intx->raised)
		return;
	if (!function->ops->line_set(function->host, function->peer, intx->pin, raised))
		intx->raised = raised;
}

static void set_pending(struct intx *intx, bool pending)
{
	__atomic_store_n(&intx->pending, pending, __ATOMIC_RELEASE);
}

/* Withdraws the direct areas of every BAR, or gives them back. */
static void trap(struct lend_function *function, bool trapped)
{
	if (function->intx.trapped == trapped)
		return;
	function->intx.trapped = trapped;
	for (unsigned i = 0; i < BAR_COUNT; i++) {
		int ret = bar_refresh(function, i);

		if (ret < 0)
			function_log(function, LEND_LOG_WARNING, "cannot %s BAR %u: %s",
				     trapped ? "trap" : "map", i, strerror(-ret));
	}
}

static void start_timer(struct lend_function *function);

static void on_timer(void *opaque)
{
	struct lend_function *function = opaque;
	struct intx *intx = &function->intx;

	pthread_mutex_lock(&function->lock);
	intx->timed = false;
	if (function->mode == MODE_INTX && intx->trapped && intx->pending)
		start_timer(function);
	else
		trap(function, false);
	pthread_mutex_unlock(&function->lock);
}

static void start_timer(struct lend_function *function)
{
	struct intx *intx = &function->intx;

	intx->timed =
		!function->ops->timer(function->host, function->peer, intx->hold_ns, on_timer, function);
}

static void stop_timer(struct lend_function *function)
{
	if (function->intx.timed)
		function->ops->timer(function->host, function->peer, 0, NULL, NULL);
	function->intx.timed = false;
}

/* The monitor's loop: the device signalled, and the kernel has masked its line. */
static void on_signal(void *opaque)
{
	struct lend_function *function = opaque;
	struct intx *intx = &function->intx;
	uint64_t count;

	pthread_mutex_lock(&function->lock);
	if (function->mode == MODE_INTX && !intx->bypass && intx->fd >= 0 &&
	    read(intx->fd, &count, sizeof(count)) == sizeof(count)) {
		count_one(function->counters.slow_interrupts);
		intx->slow++;
		set_pending(intx, true);
		trap(function, true);
		update_line(function);
		if (intx->hold_ns)
			start_timer(function);
	}
	pthread_mutex_unlock(&function->lock);
}

static int watch(struct lend_function *function)
{
	int ret = function->ops->watch(function->host, function->intx.fd, on_signal, function);

	function->intx.watched = !ret;
	return ret;
}

static void unwatch(struct lend_function *function)
{
	if (function->intx.watched)
		function->ops->unwatch(function->host, function->intx.fd);
	function->intx.watched = false;
}

void intx_served(struct lend_function *function)
{
	struct intx *intx = &function->intx;

	if (!__atomic_load_n(&intx->pending, __ATOMIC_ACQUIRE))
		return;
	pthread_mutex_lock(&function->lock);
	if (function->mode == MODE_INTX && intx->pending) {
		set_pending(intx, false);
		update_line(function);
		set_irqs(function, BACKEND_IRQ_UNMASK, NULL);
	}
	pthread_mutex_unlock(&function->lock);
}

/* The hypervisor does all of it, or the reason why not; then everything is as before. */
static int enter_bypass(struct lend_function *function)
{
	struct intx *intx = &function->intx;
	int ret;

	if (intx->no_bypass)
		return -EOPNOTSUPP;
	intx->resample = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (intx->resample < 0)
		return -errno;
	ret = set_irqs(function, BACKEND_IRQ_MASK, NULL);
	if (ret < 0)
		goto close;
	ret = function->ops->line_attach(function->host, function->peer, intx->pin, intx->fd, intx->resample);
	if (ret < 0)
		goto unmask;
	ret = set_irqs(function, BACKEND_IRQ_UNMASK, &intx->resample);
	if (ret < 0)
		goto detach;
	intx->bypass = true;
	return set_irqs(function, BACKEND_IRQ_UNMASK, NULL) < 0 ? -EIO : 0;

detach:
	function->ops->line_detach(function->host, function->peer, intx->pin, intx->fd);
unmask:
	set_irqs(function, BACKEND_IRQ_UNMASK, NULL);
close:
	close(intx->resample);
	intx->resample = -1;
	return ret;
}

/* The way back (spec 5.4): masked, detached, and unmasked, so that a signal that was missed comes again. */
static void leave_bypass(struct lend_function *function)
{
	struct intx *intx = &function->intx;
	int none = -1;

	set_irqs(function, BACKEND_IRQ_MASK, NULL);
	function->ops->line_detach(function->host, function->peer, intx->pin, intx->fd);
	set_irqs(function, BACKEND_IRQ_UNMASK, &none);
	intx->bypass = false;
	close(intx->resample);
	intx->resample = -1;
}

void lend_function_line_changed(struct lend_function *function)
{
	struct intx *intx = &function->intx;
	int ret;

	pthread_mutex_lock(&function->lock);
	if (function->mode != MODE_INTX)
		goto unlock;
	if (intx->bypass)
		leave_bypass(function);
	else
		unwatch(function);
	ret = enter_bypass(function);
	if (ret < 0 && !intx->bypass)
		ret = watch(function);
	if (ret < 0)
		function_log(function, LEND_LOG_WARNING, "its interrupt line cannot be routed anew: %s",
			     strerror(-ret));
	set_pending(intx, false);
	update_line(function);
	stop_timer(function);
	trap(function, false);
	set_irqs(function, BACKEND_IRQ_UNMASK, NULL);
unlock:
	pthread_mutex_unlock(&function->lock);
}

static void close_all(struct intx *intx)
{
	if (intx->fd >= 0)
		close(intx->fd);
	if (intx->resample >= 0)
		close(intx->resample);
	intx->fd = intx->resample = -1;
}

int intx_on(struct lend_function *function)
{
	struct intx *intx = &function->intx;
	int ret;

	intx->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = intx->fd < 0 ? -errno : set_irqs(function, BACKEND_IRQ_TRIGGER, &intx->fd);
	if (ret < 0)
		goto fail;
	ret = enter_bypass(function);
	if (ret < 0 && !intx->bypass)
		ret = watch(function);
	if (ret < 0)
		goto off;
	return 0;

off:
	intx_off(function);
	function_log(function, LEND_LOG_WARNING, "its interrupt line cannot be used: %s", strerror(-ret));
	return ret;
fail:
	close_all(intx);
	function_log(function, LEND_LOG_WARNING, "the kernel does not turn its interrupt line on: %s",
		     strerror(-ret));
	return ret;
}

/* CVE-2024-26812: VFIO lets go of the unmask eventfd before of the trigger, and both are closed last. */
void intx_off(struct lend_function *function)
{
	struct intx *intx = &function->intx;
	int none = -1;

	if (intx->bypass) {
		set_irqs(function, BACKEND_IRQ_MASK, NULL);
		function->ops->line_detach(function->host, function->peer, intx->pin, intx->fd);
		set_irqs(function, BACKEND_IRQ_UNMASK, &none);
	}
	unwatch(function);
	set_irqs(function, BACKEND_IRQ_TRIGGER, NULL);
	set_pending(intx, false);
	intx->bypass = false;
	function->mode = MODE_NONE;
	update_line(function);
	stop_timer(function);
	trap(function, false);
	close_all(intx);
}

/* COMMAND's interrupt disable bit: the device's own line is the kernel's to mask. */
int intx_quiet(struct lend_function *function)
{
	update_line(function);
	return 0;
}

void intx_live(struct lend_function *function)
{
	update_line(function);
}

/* SPDX-License-Identifier: MIT */
/*
 * Notices of the kernel (notify.h). The monitor's loop watches their eventfds
 * from when the function is made until it is freed.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/pci/config/config.h"
#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/life/notify.h"
#include "lib/pci/life/report.h"
#include "lib/pci/reset/quiesce.h"

/* It does not wait for pending transactions, because it runs on the loop: a reset or the free does that. */
static void end(struct lend_function *function, enum life how, enum lend_event event)
{
	if (life_of(function) >= how)
		return;
	function_off(function);
	life_set(function, how);
	event_later(function, event);
}

/* The kernel repeats a request while it waits. Only the first one has an effect. */
void notify_rings(struct lend_function *function, unsigned kind)
{
	if (!bell_take(function, BELL_NOTICE + kind, function->notify[kind]))
		return;
	if (kind == NOTIFY_ERROR && user_is_lost(function->device))
		event_later(function, LEND_EVENT_LOST);
	else if (kind == NOTIFY_ERROR && report_error(function))
		event_later(function, LEND_EVENT_REPORTED);
	else if (kind == NOTIFY_ERROR)
		end(function, LIFE_FAILED, LEND_EVENT_ERROR);
	else if (function->tells_request)
		event_later(function, LEND_EVENT_REQUEST);
	else
		end(function, LIFE_LEAVING, LEND_EVENT_REQUEST);
}

bool lend_function_reports_errors(const struct lend_function *function, uint32_t *status)
{
	if (status)
		*status = function->aer ? config_state(function, function->aer + PCI_ERR_UNCOR_STATUS, 4) : 0;
	return function->aer;
}

void lend_function_fail(struct lend_function *function)
{
	struct events events = {0};

	function_mark(function, MARK_FAIL, &events);
	events_send(&events);
}

void notify_fail(struct lend_function *function)
{
	end(function, LIFE_FAILED, LEND_EVENT_ERROR);
}

static const struct {
	unsigned index;
	const char *what;
} kinds[NOTIFY_COUNT] = {
	[NOTIFY_ERROR] = {LEND_IRQ_ERR, "errors"},
	[NOTIFY_REQUEST] = {LEND_IRQ_REQ, "requests to give it back"},
};

static void close_fd(struct lend_function *function, unsigned kind)
{
	if (function->notify[kind] >= 0)
		close(function->notify[kind]);
	function->notify[kind] = -1;
}

static int start(struct lend_function *function, unsigned kind)
{
	int ret;

	function->notify[kind] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (function->notify[kind] < 0)
		return -errno;
	ret = give_watch(function, OUT_NOTICE_WATCH, kind);
	if (!ret)
		ret = give_notice(function, kind);
	return ret;
}

void notify_start(struct lend_function *function)
{
	for (unsigned i = 0; i < NOTIFY_COUNT; i++) {
		int ret;

		if (!function->device->info.vectors[kinds[i].index] ||
		    (i == NOTIFY_REQUEST && function->no_request))
			continue;
		ret = start(function, i);
		if (ret >= 0)
			continue;
		if (is_out(function, OUT_NOTICE_WATCH, i))
			take_watch(function, OUT_NOTICE_WATCH, i);
		close_fd(function, i);
		function_log(function, LEND_LOG_WARNING, "the kernel will not tell of %s: %s", kinds[i].what,
			     strerror(-ret));
	}
}

void notify_destroy(struct lend_function *function)
{
	for (unsigned i = 0; i < NOTIFY_COUNT; i++)
		close_fd(function, i);
}

/* SPDX-License-Identifier: MIT */
/*
 * Reset of a set of functions (spec 8). First all are stopped, since the reset of
 * a bus may reset any of them. Then each is reset in the first way that works.
 * Then all are turned on again.
 *
 * The kernel resets a device when it is opened (VFIO_DEVICE_FLAGS_RESET says that
 * it can). If that was a good reset and nothing has used the device since, it is
 * not reset again: a function level reset takes 100 ms.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/host.h"
#include "lib/bdf.h"
#include "lib/open/hot_reset.h"
#include "lib/pci/config/config.h"
#include "lib/pci/interrupts/mode.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/reset/quiesce.h"
#include "lib/pci/reset/reset.h"
#include "lib/pci/rules/quirk.h"
#include "lib/reset_way.h"
#include "lib/sized.h"

struct set {
	struct lend_function **at;
	size_t count;
	struct lend_reset_report *reports;
};

static void prepare(struct lend_function *function, struct lend_reset_report *report)
{
	*report = (struct lend_reset_report){.ran = LEND_RESET_NONE, .check = "not reset"};
	snprintf(report->offered, sizeof(report->offered), "%s", function->device->reset_methods);
	function_lock(function);
	if (life_of(function) != LIFE_LEAVING)
		reset_wake(function);
	function_unlock(function);
}

/* What reset_ways() decides by. */
static struct reset_facts facts_of(const struct lend_function *function)
{
	return (struct reset_facts){
		.own = true,
		.kernel_can = function->device->info.can_reset,
		.methods = function->device->reset_methods,
		.flr = function->flr,
		.power = function->pm_reset,
		.broken = function->rules.broken_resets,
		.bus = true,
	};
}

/* A reset that a quirk knows for this device. */
static bool by_quirk(struct lend_function *function, struct lend_reset_report *report)
{
	int ret;

	function_lock(function);
	ret = quirk_reset(function);
	function_unlock(function);
	if (ret < 0)
		return false;
	report->ran = LEND_RESET_QUIRK;
	report->result = 0;
	return true;
}

/* The kernel's reset of this function alone; none, if the one at open is still good. */
static bool by_function(struct lend_function *function, struct lend_reset_report *report)
{
	struct lend_device *device = function->device;

	if (function->flr && !function->reset_since_open &&
	    !__atomic_load_n(&function->used, __ATOMIC_RELAXED)) {
		report->ran = LEND_RESET_OPEN;
		report->result = 0;
		return true;
	}
	report->ran = LEND_RESET_FUNCTION;
	report->result = device->ops->reset(device->transport);
	return report->result == 0;
}

static bool is_in(const struct backend_hot_reset *list, const struct lend_bdf *bdf)
{
	for (unsigned i = 0; i < list->count; i++)
		if (bdf_equal(&list->at[i].bdf, bdf))
			return true;
	return false;
}

static bool is_ours(const struct set *set, const struct lend_bdf *bdf)
{
	for (size_t i = 0; i < set->count; i++)
		if (bdf_equal(&set->at[i]->device->info.bdf, bdf))
			return true;
	return false;
}

/* The bus is not reset if a function on it is open in this context and not in the set. */
static int check_open(const struct set *set, const struct lend_function *function,
		      const struct backend_hot_reset *list, struct lend_error *error)
{
	for (unsigned i = 0; i < list->count; i++) {
		const struct lend_bdf *bdf = &list->at[i].bdf;

		if (is_ours(set, bdf) || !device_is_open(function->context, bdf))
			continue;
		return error_say(
			error, -EBUSY,
			"its bus is shared with %04x:%02x:%02x.%x, which is in use and not reset with it",
			bdf->domain, bdf->bus, bdf->device, bdf->function);
	}
	return 0;
}

static void note_along(struct lend_reset_report *report, const struct lend_function *function,
		       const struct backend_hot_reset *list)
{
	size_t used = 0;

	for (unsigned i = 0; i < list->count; i++) {
		char name[16];

		if (bdf_equal(&list->at[i].bdf, &function->device->info.bdf))
			continue;
		lend_bdf_format(&list->at[i].bdf, name);
		if (used + strlen(name) + 2 > sizeof(report->along))
			return;
		used += (size_t)snprintf(report->along + used, sizeof(report->along) - used, "%s%s",
					 used ? " " : "", name);
	}
}

/* Notes the bus reset for each function of the set that is on the bus. */
static void mark(struct set *set, const struct lend_function *function, const struct backend_hot_reset *list)
{
	for (size_t i = 0; i < set->count; i++) {
		struct lend_function *one = set->at[i];

		if (one != function && !is_in(list, &one->device->info.bdf))
			continue;
		set->reports[i].ran = LEND_RESET_BUS;
		set->reports[i].result = 0;
		set->reports[i].along[0] = set->reports[i].obstacle[0] = '\0';
		note_along(&set->reports[i], one, list);
	}
}

static bool by_bus(struct set *set, size_t index)
{
	struct lend_function *function = set->at[index];
	struct lend_reset_report *report = &set->reports[index];
	struct backend_hot_reset list = {0};
	struct lend_error error = {""};
	int ret = hot_reset_list(function->device, &list, &error);

	if (!ret)
		ret = check_open(set, function, &list, &error);
	if (!ret) {
		ret = hot_reset_run(function->device, &list);
		if (ret < 0)
			error_say(&error, ret, "the reset of its bus failed: %s", strerror(-ret));
	}
	if (!ret)
		mark(set, function, &list);
	else
		snprintf(report->obstacle, sizeof(report->obstacle), "%.*s",
			 (int)sizeof(report->obstacle) - 1, error.text);
	free(list.at);
	return ret == 0;
}

static bool by_way(struct set *set, size_t index, enum reset_way way)
{
	switch (way) {
	case RESET_WAY_OWN:
		return by_quirk(set->at[index], &set->reports[index]);
	case RESET_WAY_BUS:
		return by_bus(set, index);
	default:
		return by_function(set->at[index], &set->reports[index]);
	}
}

/* Told where a reset of the bus would have been next. */
static void note_broken_bus(const struct reset_facts *facts, struct lend_reset_report *report)
{
	if (reset_is_broken(facts, RESET_BUS))
		snprintf(report->obstacle, sizeof(report->obstacle),
			 "a file of rules says that a reset of its bus is broken");
}

/* Resets in the first way that works. The report tells why an earlier one did not. */
static void reset_one(struct set *set, size_t index)
{
	struct lend_function *function = set->at[index];
	struct lend_reset_report *report = &set->reports[index];
	struct reset_facts facts = facts_of(function);
	enum reset_way ways[RESET_WAY_COUNT];
	unsigned count = reset_ways(&facts, ways);

	if (report->ran == LEND_RESET_BUS)
		return; /* reset with the bus of an earlier one */
	if (life_of(function) == LIFE_LEAVING) {
		report->result = -ENODEV;
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		if (ways[i] == RESET_WAY_POWER)
			note_broken_bus(&facts, report);
		if (by_way(set, index, ways[i]))
			return;
	}
	note_broken_bus(&facts, report);
	if (report->ran == LEND_RESET_NONE)
		report->result = -EOPNOTSUPP;
}

/* A function that the host asked for meanwhile is not turned on: its monitor gives the device back. */
static bool come_back(struct lend_function *function, struct lend_reset_report *report)
{
	bool ran = report->ran != LEND_RESET_NONE && report->ran != LEND_RESET_OPEN;

	if (life_of(function) == LIFE_LEAVING) {
		report->result = -ENODEV;
		report->check = "the host wants it back";
		return false;
	}
	function->reset_since_open |= ran;
	if (ran)
		count_one(function->counters.resets);
	report->check = reset_check(function);
	report->checked = !report->result && report->check == reset_good;
	state_start(function);
	/* A function that had failed is turned on only if the device is well again. */
	if (report->checked || !is_gone(function))
		life_set(function, LIFE_ON);
	mode_enter(function, MODE_INTX);
	return ran;
}

static void finish(struct lend_function *function, struct lend_reset_report *report)
{
	bool ran;

	function_lock(function);
	ran = come_back(function, report);
	function_unlock(function);
	if (ran)
		function->ops->event(function->host, function->peer, LEND_EVENT_RESET,
				     report->result ? "its reset failed" : "it was reset");
	if (report->check == reset_dead)
		function->ops->event(function->host, function->peer, LEND_EVENT_DEAD, reset_dead);
}

static int reset_set(struct lend_function **functions, size_t count, struct lend_reset_report *reports)
{
	struct set set = {functions, count, reports};
	int first = 0;

	functions_quiesce(functions, count);
	for (size_t i = 0; i < count; i++)
		prepare(functions[i], &reports[i]);
	for (size_t i = 0; i < count; i++)
		reset_one(&set, i);
	reset_wait_ready(functions, count);
	for (size_t i = 0; i < count; i++) {
		finish(functions[i], &reports[i]);
		if (!first)
			first = reports[i].result;
	}
	return first;
}

int lend_context_reset(struct lend_context *context, struct lend_function **functions, size_t count,
		       struct lend_reset_report *out, size_t stride)
{
	struct lend_reset_report *reports = calloc(count + 1, sizeof(*reports));
	int ret;

	(void)context;
	if (!reports)
		return -ENOMEM;
	ret = reset_set(functions, count, reports);
	for (size_t i = 0; i < count; i++)
		sized_give_row(out, stride, i, &reports[i], sizeof(*reports));
	free(reports);
	return ret;
}

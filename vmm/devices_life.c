/* SPDX-License-Identifier: MIT */
/*
 * What happens to the assigned devices after they were placed: they are reset,
 * given back when the host wants one, quiesced, closed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/machine.h"

static const char *method_text(enum lend_reset_method method)
{
	static const char *const text[] = {
		[LEND_RESET_NONE] = "not reset",
		[LEND_RESET_OPEN] = "reset by the kernel when it was opened",
		[LEND_RESET_FUNCTION] = "reset",
		[LEND_RESET_BUS] = "reset with its bus",
		[LEND_RESET_QUIRK] = "reset in its own way",
	};

	return text[method];
}

/* A guest may start the machine again without end, and each time this is said of each device. */
static bool may_say(struct vmm *vmm)
{
	return !vmm->reboots || vmm_may_log(vmm);
}

/*
 * A device that could not be reset is refused, because it may hold what its
 * last user left in it; x-allow-unreset=on takes it. `again`: it was reset before for this guest.
 */
static int judge_reset(struct vmm *vmm, const struct assigned *assigned,
		       const struct lend_reset_report *report, bool again, struct lend_error *error)
{
	const char *offered = report->offered[0] ? report->offered : "nothing";
	const char *obstacle = report->obstacle[0] ? report->obstacle : "its bus cannot be reset";

	/* A server that ended must not end the guest at its next boot. */
	if (assigned_is_served(assigned) && again && report->result) {
		if (may_say(vmm))
			vmm_log(vmm, LEND_LOG_WARNING, "%s: not reset, its server is gone: it stays dead",
				assigned->name);
		return 0;
	}
	if (report->result && assigned_is_served(assigned) && !assigned->config.allow_unreset)
		return fail(error, report->result,
			    "%s: its server does not reset it: %s, so the guest would get what its last user "
			    "left; with x-allow-unreset=on it is handed over all the same",
			    assigned->name, strerror(-report->result));
	if (report->result == -EOPNOTSUPP && !assigned->config.allow_unreset)
		return fail(
			error, report->result,
			"%s: nothing can reset it (the kernel offers %s for it alone; %s), so the guest "
			"would "
			"get what its last user left; with x-allow-unreset=on it is handed over all the same",
			assigned->name, offered, obstacle);
	if (report->result && !assigned->config.allow_unreset)
		return fail(error, report->result,
			    "%s: its reset failed: %s (the kernel offers %s for it alone; %s)",
			    assigned->name, strerror(-report->result), offered, obstacle);
	if (!may_say(vmm))
		return 0;
	if (report->result)
		vmm_log(vmm, LEND_LOG_WARNING, "%s: handed over without a reset: %s", assigned->name,
			strerror(-report->result));
	else if (!report->checked)
		vmm_log(vmm, LEND_LOG_WARNING, "%s: after its reset, %s", assigned->name, report->check);
	else
		vmm_log(vmm, LEND_LOG_INFO, "%s: %s%s%s; %s%s%s", assigned->name, method_text(report->ran),
			report->along[0] ? ", and with it " : "", report->along, report->check,
			report->obstacle[0] ? "; " : "", report->obstacle);
	return 0;
}

static void say_reset(struct vmm *vmm, const struct assigned *const *owners, unsigned count)
{
	if (count == 1)
		step_begin(vmm, VMM_STEP_MAIN, "resetting %s", owners[0]->name);
	else if (count)
		step_begin(vmm, VMM_STEP_MAIN, "resetting %u devices, %s and others", count, owners[0]->name);
}

int devices_reset(struct vmm *vmm, struct lend_error *error)
{
	struct lend_function *functions[VMM_DEVICES_MAX];
	const struct assigned *owners[VMM_DEVICES_MAX];
	struct lend_reset_report reports[VMM_DEVICES_MAX] = {0};
	unsigned count = 0;
	int ret = 0;

	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));) {
		if (!at->function)
			continue; /* given back */
		owners[count] = at;
		functions[count++] = at->function;
	}
	say_reset(vmm, owners, count);
	lend_context_reset(vmm->context, functions, count, reports, sizeof(*reports));
	step_end(vmm, VMM_STEP_MAIN);
	for (unsigned i = 0; i < count && !ret; i++)
		if (!__atomic_load_n(&owners[i]->leaving, __ATOMIC_ACQUIRE)) /* else it is given back next */
			ret = judge_reset(vmm, owners[i], &reports[i], vmm->reboots, error);
	return ret;
}

int device_reset(struct assigned *assigned, struct lend_error *error)
{
	struct lend_reset_report report = {0};

	lend_context_reset(assigned->vmm->context, &assigned->function, 1, &report, sizeof(report));
	return judge_reset(assigned->vmm, assigned, &report, false, error);
}

void devices_release(struct vmm *vmm)
{
	struct assigned *at = NULL;

	while ((at = assigned_next(vmm, at))) {
		if (!__atomic_exchange_n(&at->leaving, false, __ATOMIC_ACQ_REL) || !at->function)
			continue;
		plug_asked_back(at);
		at = NULL; /* the table may have changed */
	}
}

int vmm_reconnect(struct vmm *vmm, unsigned device, int fd, struct lend_error *error)
{
	const struct assigned *assigned = device < VMM_DEVICES_MAX ? vmm->assigned[device] : NULL;
	int ret;

	if (!assigned || !assigned->function) {
		if (fd >= 0)
			close(fd);
		return fail(error, -ENODEV, "there is no device %u", device);
	}
	ret = lend_function_reconnect(assigned->function, fd, error);
	if (!ret && fd >= 0)
		vmm_log(vmm, LEND_LOG_WARNING, "%s: its server is back, and the device goes on",
			assigned->name);
	return ret;
}

void devices_shown(struct vmm *vmm)
{
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		if (__atomic_exchange_n(&at->shown, false, __ATOMIC_ACQ_REL) && at->function)
			lend_function_bars_shown(at->function);
}

void devices_quiesce(struct vmm *vmm)
{
	struct lend_function *functions[VMM_DEVICES_MAX];
	size_t count = 0;

	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		if (at->function)
			functions[count++] = at->function;
	if (count)
		lend_context_quiesce(vmm->context, functions, count);
}

/* All devices are quiesced before the first is closed, because one may still write into another's BARs. */
void devices_close(struct vmm *vmm)
{
	devices_quiesce(vmm);
	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		lend_function_free(at->function);
	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		lend_device_close(at->device);
	for (unsigned i = 0; i < vmm->assigned_count; i++) {
		assigned_free(vmm->assigned[i]);
		vmm->assigned[i] = NULL;
	}
	vmm->assigned_count = 0;
}

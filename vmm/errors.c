/* SPDX-License-Identifier: MIT */
/*
 * What becomes of an uncorrectable error of a device, by enum vmm_on_error. The library tells of it
 * on any thread; the loop does what there is to do. A guest that is told of an error resets the bus
 * below the port if it was fatal, and its driver sets the device up again: ports.c.
 */
#include <errno.h>
#include <stdio.h>

#include "vmm/machine.h"

static void stop_machine(struct assigned *assigned)
{
	char line[256];

	snprintf(line, sizeof(line),
		 "%s: the device reported an uncorrectable error (x-on-error=stop); dmesg has what it was",
		 assigned->name);
	vmm_request(assigned->vmm, REQUEST_DEVICE, line);
}

void errors_note(struct assigned *assigned, enum lend_event kind, const char *text)
{
	struct vmm *vmm = assigned->vmm;

	if (assigned->config.on_error == VMM_ERROR_STOP)
		stop_machine(assigned);
	else if (kind == LEND_EVENT_ERROR && vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_ERROR, "%s: %s", assigned->name, text);
	__atomic_fetch_or(&assigned->errors,
			  1u << (kind == LEND_EVENT_ERROR ? PORT_ERROR_FATAL : PORT_ERROR_NONFATAL),
			  __ATOMIC_RELEASE);
	vmm_wake(vmm);
}

static void tell(struct assigned *assigned, const char *text)
{
	uint32_t status;

	lend_function_reports_errors(assigned->function, &status);
	vmm_tell(assigned->vmm, VMM_EVENT_DEVICE_ERROR, assigned->index, status, text);
}

static bool forward(struct assigned *assigned, enum port_error what)
{
	return assigned->config.on_error == VMM_ERROR_FORWARD &&
	       lend_function_reports_errors(assigned->function, NULL) &&
	       ports_error(assigned->vmm, assigned->function, what);
}

/* The device goes on, if its guest is told; else it is stopped, and that is told in its turn. */
static void take_nonfatal(struct assigned *assigned)
{
	if (!forward(assigned, PORT_ERROR_NONFATAL)) {
		lend_function_fail(assigned->function);
		return;
	}
	if (vmm_may_log(assigned->vmm))
		vmm_log(assigned->vmm, LEND_LOG_WARNING,
			"%s: the device reported an uncorrectable error that is not fatal; the guest was "
			"told; "
			"dmesg has what it was",
			assigned->name);
	tell(assigned, "not fatal; the guest was told");
}

static void take_fatal(struct assigned *assigned)
{
	struct vmm *vmm = assigned->vmm;
	struct lend_error error;

	if (assigned->config.on_error == VMM_ERROR_REMOVE) {
		tell(assigned, "it is taken from the guest");
		if (vmm_device_remove(vmm, assigned->index, true, &error))
			vmm_log(vmm, LEND_LOG_WARNING, "%s", error.text);
	} else if (forward(assigned, PORT_ERROR_FATAL)) {
		if (vmm_may_log(vmm))
			vmm_log(vmm, LEND_LOG_WARNING,
				"%s: the guest was told; a reset by its driver brings the device back",
				assigned->name);
		tell(assigned, "fatal; the guest was told");
	} else {
		tell(assigned, "the device reads all ones until it is reset");
	}
}

void errors_serve(struct vmm *vmm)
{
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));) {
		uint32_t errors = __atomic_exchange_n(&at->errors, 0, __ATOMIC_ACQUIRE);

		if (!at->function)
			continue;
		if (errors & 1u << PORT_ERROR_NONFATAL)
			take_nonfatal(at);
		if (errors & 1u << PORT_ERROR_FATAL)
			take_fatal(at);
	}
}

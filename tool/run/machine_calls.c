/* SPDX-License-Identifier: MIT */
/* The verbs of a CONTROL_CALL; see machine_calls.h. Each call is answered once. */
#include <errno.h>
#include <string.h>

#include "tool/run/machine_calls.h"
#include "tool/tool.h"

enum { ANSWER_WAIT_MS = 2000 };

static int call_pause(struct machine_call *call, struct lend_error *error)
{
	(void)error;
	vmm_pause(call->vmm);
	return 0;
}

static int call_continue(struct machine_call *call, struct lend_error *error)
{
	(void)error;
	vmm_continue(call->vmm);
	return 0;
}

static int call_reset(struct machine_call *call, struct lend_error *error)
{
	(void)error;
	vmm_reset_request(call->vmm);
	return 0;
}

/* A row that had no room ends the answer: one wait for a keeper that is stopped, and not one a row. */
static int ended(struct machine_call *call, struct lend_error *error)
{
	return call->full ? tool_fail(error, -EAGAIN, "the keeper does not read the answer") : 0;
}

static int call_cpus(struct machine_call *call, struct lend_error *error)
{
	for (unsigned i = 0; i < vmm_cpu_count(call->vmm) && !call->full; i++) {
		const struct control_cpu row = {i, vmm_cpu_thread(call->vmm, i)};

		call->full = control_send_cpu(call->control, call->serial, &row, ANSWER_WAIT_MS);
	}
	return ended(call, error);
}

static void send_pci(void *opaque, const struct vmm_pci_row *row)
{
	struct machine_call *call = opaque;

	if (!call->full)
		call->full = control_send_pci(call->control, call->serial, row, ANSWER_WAIT_MS);
}

static int call_pci(struct machine_call *call, struct lend_error *error)
{
	vmm_pci(call->vmm, send_pci, call);
	return ended(call, error);
}

static void send_line(void *opaque, const char *line)
{
	struct machine_call *call = opaque;

	if (!call->full)
		call->full = control_send_line(call->control, call->serial, line, ANSWER_WAIT_MS);
}

static int call_counters(struct machine_call *call, struct lend_error *error)
{
	vmm_report(call->vmm, send_line, call);
	return ended(call, error);
}

static int call_explain(struct machine_call *call, struct lend_error *error)
{
	vmm_explain(call->vmm, send_line, call);
	return ended(call, error);
}

/* 0: done; MACHINE_LATER: answered by machine_answer(); a negative errno with a sentence. */
static int (*const verbs[CALL_VERBS])(struct machine_call *call, struct lend_error *error) = {
	[CALL_PAUSE] = call_pause,     [CALL_CONTINUE] = call_continue, [CALL_RESET] = call_reset,
	[CALL_CPUS] = call_cpus,       [CALL_PCI] = call_pci,           [CALL_COUNTERS] = call_counters,
	[CALL_EXPLAIN] = call_explain, [CALL_PLUG] = call_plug,         [CALL_UNPLUG] = call_unplug,
};

void machine_answer(int control, uint32_t serial, int result, const char *text)
{
	control_send_answer(control, serial, result, text, ANSWER_WAIT_MS);
}

void machine_call(struct vmm *vmm, int control, const struct control_message *message,
		  struct control_extras *extras)
{
	struct machine_call call = {.vmm = vmm,
				    .control = control,
				    .serial = message->value,
				    .device = message->call.device,
				    .payload = message->call.payload,
				    .length = extras->payload,
				    .extras = extras};
	struct lend_error error = {""};
	int ret = verbs[message->call.verb](&call, &error);

	if (ret != MACHINE_LATER)
		machine_answer(control, call.serial, ret, error.text);
	control_close_extras(extras);
}

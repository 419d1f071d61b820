/* SPDX-License-Identifier: MIT */
/* The verbs of a CONTROL_CALL; see machine_calls.h. Each call is answered once. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tool/run/machine_calls.h"
#include "tool/tool.h"

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

/* A row that had no room ends the answer: the keeper is stopped, and what waits for it has an end. */
static int ended(struct machine_call *call, struct lend_error *error)
{
	return call->full ? tool_fail(error, -EAGAIN, "the keeper does not read the answer") : 0;
}

static void put_row(struct machine_call *call, struct control_message *row)
{
	row->value = call->serial;
	if (!call->full)
		call->full = outbox_put(call->outbox, OUTBOX_ROW, row);
}

static int call_cpus(struct machine_call *call, struct lend_error *error)
{
	for (unsigned i = 0; i < vmm_cpu_count(call->vmm) && !call->full; i++) {
		struct control_message row = {.type = CONTROL_CPU, .cpu = {i, vmm_cpu_thread(call->vmm, i)}};

		put_row(call, &row);
	}
	return ended(call, error);
}

static void send_pci(void *opaque, const struct vmm_pci_row *row)
{
	struct control_message message = {.type = CONTROL_PCI, .pci = *row};

	put_row(opaque, &message);
}

static int call_pci(struct machine_call *call, struct lend_error *error)
{
	vmm_pci(call->vmm, send_pci, call);
	return ended(call, error);
}

static void send_line(void *opaque, const char *line)
{
	struct control_message message = {.type = CONTROL_LINE};

	snprintf(message.text, sizeof(message.text), "%s", line);
	put_row(opaque, &message);
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

/* 0: done; a negative errno with a sentence. */
static int (*const verbs[CALL_VERBS])(struct machine_call *call, struct lend_error *error) = {
	[CALL_PAUSE] = call_pause,     [CALL_CONTINUE] = call_continue, [CALL_RESET] = call_reset,
	[CALL_CPUS] = call_cpus,       [CALL_PCI] = call_pci,           [CALL_COUNTERS] = call_counters,
	[CALL_EXPLAIN] = call_explain, [CALL_PLUG] = call_plug,         [CALL_UNPLUG] = call_unplug,
};

static void answer(struct outbox *outbox, uint32_t serial, int result, const char *text)
{
	struct control_message message = {.type = CONTROL_ANSWER, .value = serial, .answer.result = result};

	snprintf(message.answer.text, sizeof(message.answer.text), "%s", text);
	outbox_put(outbox, OUTBOX_LAST, &message);
}

void machine_call(struct vmm *vmm, struct outbox *outbox, const struct control_message *message,
		  struct control_extras *extras)
{
	struct machine_call call = {.vmm = vmm,
				    .outbox = outbox,
				    .serial = message->value,
				    .device = message->call.device,
				    .payload = message->call.payload,
				    .length = extras->payload,
				    .extras = extras};
	struct lend_error error = {""};
	int ret = verbs[message->call.verb](&call, &error);

	answer(outbox, call.serial, ret, error.text);
	control_close_extras(extras);
}

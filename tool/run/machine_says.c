/* SPDX-License-Identifier: MIT */
/* What the machine tells its keeper: its log, the steps of its start, and what happens to it. */
#include <stdio.h>

#include "tool/run/machine_state.h"

/* From any thread. */
void machine_say(struct machine *machine, enum outbox_rule rule, enum control_type type, uint32_t value,
		 const char *text)
{
	struct control_message message = {.type = type, .value = value};

	snprintf(message.text, sizeof(message.text), "%s", text);
	outbox_put(&machine->outbox, rule, &message);
}

/* From any thread. What has no room in the socket is counted and left out: nobody waits for a log. */
static void log_line(void *opaque, enum lend_log_level level, const char *line)
{
	static const unsigned verbosity[] = {
		[LEND_LOG_ERROR] = 0, [LEND_LOG_WARNING] = 0, [LEND_LOG_INFO] = 1, [LEND_LOG_DEBUG] = 2};
	struct machine *machine = opaque;

	if (machine->config->options->verbose < verbosity[level])
		return;
	machine_say(machine, OUTBOX_LINE, CONTROL_LOG, level, line);
}

/* Of the start alone: a guest may start the machine again without end. */
void machine_trace(struct machine *machine, unsigned row, const char *what)
{
	if (machine->config->files && !machine->running)
		trace_step(&machine->config->files->trace, row, what);
}

/* From any thread. A step without room in the socket is not told: nobody waits for that either. */
void machine_step(void *opaque, unsigned row, const char *what)
{
	struct machine *machine = opaque;

	machine_trace(machine, row, what);
	machine_say(machine, OUTBOX_LINE, CONTROL_STEP, row, what);
}

/* From any thread. */
static void on_mark(void *opaque, unsigned row, const char *what)
{
	const struct machine *machine = opaque;

	if (machine->config->files)
		trace_mark(&machine->config->files->trace, row, what);
}

/* From any thread. */
static void on_populated(void *opaque, uint64_t done)
{
	struct machine *machine = opaque;

	machine_say(machine, OUTBOX_STATE, CONTROL_MEMORY, (uint32_t)(done >> 20), "");
}

/* From any thread. The keeper looks for the server; the machine may not connect to anything. */
static void on_lost(void *opaque, unsigned device)
{
	struct machine *machine = opaque;

	machine_say(machine, OUTBOX_LAST, CONTROL_LOST, device, "");
}

/* What comes once for each request of the keeper, or each device, is never lost. A guest makes the others. */
static enum outbox_rule rule_of(uint32_t type)
{
	return type == VMM_EVENT_RESET || type == VMM_EVENT_DEVICE_ERROR ? OUTBOX_EVENT : OUTBOX_LAST;
}

/* From any thread. */
static void on_event(void *opaque, const struct vmm_event *event)
{
	const struct control_message message = {.type = CONTROL_EVENT, .event = *event};
	struct machine *machine = opaque;

	outbox_put(&machine->outbox, rule_of(event->type), &message);
}

/* Without this line the keeper would take a long reset for a machine that hangs. */
static void at_work(void *opaque, const char *what)
{
	struct machine *machine = opaque;

	machine_say(machine, OUTBOX_STATE, CONTROL_WORK, 0, what ? what : "");
}

/* A line that the user asked for: it is printed without -v too. */
void machine_print_line(void *opaque, const char *line)
{
	struct machine *machine = opaque;

	machine_say(machine, OUTBOX_LINE, CONTROL_LOG, LEND_LOG_INFO, line);
}

/* Says how many lines had no room in the socket; the keeper has read the others by now. */
void machine_tell_lost(struct machine *machine)
{
	unsigned long lost = outbox_lost(&machine->outbox);
	char line[64];

	if (!lost)
		return;
	snprintf(line, sizeof(line), "%lu lines of the machine were left out", lost);
	machine_say(machine, OUTBOX_LAST, CONTROL_LOG, LEND_LOG_WARNING, line);
}

void machine_listens(struct machine *machine, struct vmm_config *config)
{
	config->log = log_line;
	config->step = machine_step;
	config->mark = on_mark;
	config->populated = on_populated;
	config->work = at_work;
	config->lost = on_lost;
	config->event = on_event;
	config->opaque = machine;
}

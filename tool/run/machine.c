/* SPDX-License-Identifier: MIT */
/*
 * The machine process; see machine.h. After vmm_sandbox() it uses the control
 * socket, the signal descriptor and what vmm/ uses, and opens nothing.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "tool/run/control.h"
#include "tool/run/heap.h"
#include "tool/run/machine.h"
#include "tool/run/machine_calls.h"
#include "tool/run/orphan.h"
#include "tool/tool.h"
#include "vmm/sandbox.h"

enum {
	BUTTON_HOLD_S = 2,
	ORPHAN_WAIT_MS = 10000,
};

struct machine {
	const struct machine_config *config;
	int control, signals;
	struct outbox outbox;
	struct vmm *vmm;
	bool running;   /* the start is over */
	bool spoken_to; /* the keeper's messages are to be read */
	time_t pressed; /* when the power button was pressed last, s; 0: never */
};

/* From any thread. */
static void say(struct machine *machine, enum outbox_rule rule, enum control_type type, uint32_t value,
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
	say(machine, OUTBOX_LINE, CONTROL_LOG, level, line);
}

/* Of the start alone: a guest may start the machine again without end. */
static void trace(struct machine *machine, unsigned row, const char *what)
{
	if (machine->config->files && !machine->running)
		trace_step(&machine->config->files->trace, row, what);
}

/* From any thread. A step without room in the socket is not told: nobody waits for that either. */
static void on_step(void *opaque, unsigned row, const char *what)
{
	struct machine *machine = opaque;

	trace(machine, row, what);
	say(machine, OUTBOX_LINE, CONTROL_STEP, row, what);
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

	say(machine, OUTBOX_STATE, CONTROL_MEMORY, (uint32_t)(done >> 20), "");
}

/* From any thread. The keeper looks for the server; the machine may not connect to anything. */
static void on_lost(void *opaque, unsigned device)
{
	struct machine *machine = opaque;

	say(machine, OUTBOX_LAST, CONTROL_LOST, device, "");
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

	say(machine, OUTBOX_STATE, CONTROL_WORK, 0, what ? what : "");
}

static void on_turn(void *opaque);

/*
 * Waits for machines that are about to end on one of our devices. True: all devices can be free by
 * now, so that another try makes sense; false: another process holds one and stays.
 */
static bool await_orphans(struct machine *machine)
{
	const struct run_options *options = machine->config->options;
	bool made_room = options->device_count > 0;

	for (unsigned i = 0; i < options->device_count && made_room; i++) {
		const char *host = options->devices[i].host;
		char what[128];

		if (!host[0])
			continue;
		snprintf(what, sizeof(what), "waiting for the end of the machine that still has %s", host);
		on_step(machine, VMM_STEP_MAIN, what);
		made_room = orphan_await(&machine->config->roots, host, ORPHAN_WAIT_MS);
		on_step(machine, VMM_STEP_MAIN, "");
	}
	return made_room;
}

static int build(struct machine *machine, int serial, struct lend_error *error)
{
	const struct run_options *options = machine->config->options;
	struct vmm_device_config devices[VMM_DEVICES_MAX];
	struct vmm_config config = {
		.memory = options->memory,
		.huge_page = options->huge_page,
		.shared = options->shared,
		.has_node = options->has_node,
		.node = options->node,
		.cpus = options->cpus,
		.pin = options->pin_count ? options->pin : NULL,
		.firmware = machine->config->firmware,
		.kernel_fd = machine->config->kernel_fd,
		.initrd_fd = machine->config->initrd_fd,
		.unpacked_fd = machine->config->unpacked_fd,
		.unpacked_size = machine->config->unpacked_size,
		.unpacked_of = machine->config->unpacked_of,
		.kernel_name = options->kernel,
		.initrd_name = options->initrd,
		.cmdline = options->append,
		.serial_fd = serial,
		.cf8 = options->cf8,
		.no_reboot = options->no_reboot,
		.devices = devices,
		.device_count = options->device_count,
		.ports = options->ports,
		.port_window = options->port_window,
		.iommu_fd = options->has_iommu_fd ? options->iommu_fd : -1,
		.log = log_line,
		.step = on_step,
		.mark = on_mark,
		.populated = on_populated,
		.work = at_work,
		.lost = on_lost,
		.event = on_event,
		.turn = on_turn,
		.opaque = machine,
	};

	int ret;

	memcpy(config.uuid, options->uuid, sizeof(config.uuid));
	for (unsigned i = 0; i < options->device_count; i++)
		devices[i] = (struct vmm_device_config){
			.host = options->devices[i].host[0] ? options->devices[i].host : NULL,
			.fd = machine->config->files ? machine->config->files->devices[i] : -1,
			.backend = options->devices[i].user ? LEND_BACKEND_USER : options->devices[i].backend,
			.reply_ms = options->devices[i].reply_ms,
			.reconnects = options->devices[i].reconnect_s > 0,
			.name = options->devices[i].served.count ? options->devices[i].served.name : NULL,
			.vf_token = options->devices[i].vf_token[0] ? options->devices[i].vf_token : NULL,
			.allow_unreset = options->devices[i].allow_unreset,
			.on_error = options->devices[i].on_error,
			.boot_index = options->devices[i].boot_index,
			.give_up_ms = options->devices[i].give_up_ms,
			.function = options->devices[i].function,
		};
	for (unsigned i = 0; i < options->device_count && machine->config->files; i++) {
		devices[i].function.rom = machine->config->files->roms[i].bytes;
		devices[i].function.rom_length = machine->config->files->roms[i].length;
	}
	ret = vmm_new(&config, &machine->vmm, error);
	if (ret == -EBUSY && await_orphans(machine))
		ret = vmm_new(&config, &machine->vmm, error);
	return ret;
}

/*
 * A service manager's stop reaches both processes, and each of them asks for
 * the button: pressed twice at once, it is pressed once.
 */
static void press_button(struct machine *machine)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (machine->pressed && now.tv_sec - machine->pressed < BUTTON_HOLD_S)
		return;
	machine->pressed = now.tv_sec;
	vmm_power_button(machine->vmm);
}

/* A line that the user asked for: it is printed without -v too. */
static void print_line(void *opaque, const char *line)
{
	struct machine *machine = opaque;

	say(machine, OUTBOX_LINE, CONTROL_LOG, LEND_LOG_INFO, line);
}

/*
 * A server is back, `fd` -1: it is not. One that is gone again is waited for. One that the
 * device cannot go on with ends the waiting: the next would do no better.
 */
static void take_server(struct machine *machine, unsigned device, int fd)
{
	struct lend_error error = {""};
	int ret = vmm_reconnect(machine->vmm, device, fd, &error);
	bool again = ret == -ENOTCONN || ret == -EAGAIN;

	if (ret && error.text[0])
		print_line(machine, error.text);
	if (ret && !again)
		vmm_reconnect(machine->vmm, device, -1, NULL);
	say(machine, OUTBOX_LAST, again ? CONTROL_LOST : CONTROL_FOUND, device, "");
}

static void take_message(struct machine *machine, const struct control_message *message,
			 struct control_extras *extras)
{
	switch (message->type) {
	case CONTROL_SERVER:
		if (extras->fd_count)
			take_server(machine, message->value, extras->fds[--extras->fd_count]);
		return;
	case CONTROL_NONE:
		take_server(machine, message->value, -1);
		return;
	case CONTROL_BUTTON:
		press_button(machine);
		return;
	case CONTROL_STOP:
		vmm_stop(machine->vmm);
		return;
	case CONTROL_REPORT:
		vmm_report(machine->vmm, print_line, machine);
		return;
	case CONTROL_CALL:
		machine_call(machine->vmm, &machine->outbox, message, extras);
		return;
	default:
		return;
	}
}

/* The keeper said something, or is gone. What it wants may need a pause of the guest, so the turn does it. */
static void on_control(void *opaque)
{
	struct machine *machine = opaque;

	machine->spoken_to = true;
}

static void on_turn(void *opaque)
{
	struct machine *machine = opaque;
	struct control_message message;
	struct control_extras extras;
	int ret;

	if (!machine->spoken_to)
		return;
	machine->spoken_to = false;
	while ((ret = control_receive_extras(machine->control, &message, &extras)) == 1 || ret == -EPROTO) {
		if (ret == 1)
			take_message(machine, &message, &extras);
		control_close_extras(&extras);
	}
	if (ret != -EAGAIN)
		vmm_stop(machine->vmm);
}

/*
 * SIGTERM to this process itself, as a service's stop sends it to all of them;
 * SIGUSR1 asks for the counters.
 */
static void on_signal(void *opaque)
{
	struct machine *machine = opaque;
	struct signalfd_siginfo info;

	while (read(machine->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			vmm_report(machine->vmm, print_line, machine);
		else
			press_button(machine);
	}
}

static void on_room(void *opaque)
{
	struct machine *machine = opaque;

	outbox_serve(&machine->outbox);
}

static int watch(struct machine *machine, struct lend_error *error)
{
	sigset_t term; /* and SIGUSR1; both are blocked since before the fork (keeper.c) */
	int ret;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigaddset(&term, SIGUSR1);
	machine->signals = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
	if (machine->signals < 0)
		return tool_fail(error, -errno, "cannot watch for signals: %s", strerror(errno));
	ret = vmm_watch(machine->vmm, machine->signals, on_signal, machine);
	if (!ret)
		ret = vmm_watch(machine->vmm, machine->control, on_control, machine);
	if (!ret)
		ret = vmm_watch(machine->vmm, outbox_fd(&machine->outbox), on_room, machine);
	return ret ? tool_fail(error, ret, "cannot watch the keeper: %s", strerror(-ret)) : 0;
}

static int enter_sandbox(struct machine *machine, struct lend_error *error)
{
	const struct run_sandbox *sandbox = &machine->config->options->sandbox;
	const struct vmm_sandbox given = {.has_user = sandbox->has_user,
					  .user = sandbox->user,
					  .group = sandbox->group,
					  .log = sandbox->mode == RUN_SANDBOX_LOG};

	return sandbox->mode == RUN_SANDBOX_OFF ? 0 : vmm_sandbox(machine->vmm, &given, error);
}

static enum vmm_end run(struct machine *machine, int serial, struct lend_error *error)
{
	int ret;

	ret = build(machine, serial, error);
	if (!ret)
		ret = watch(machine, error);
	if (ret)
		return VMM_END_ERROR;
	if (machine->config->options->verbose)
		vmm_explain(machine->vmm, print_line, machine);
	trace(machine, VMM_STEP_MAIN, "giving up what is not needed any more");
	ret = enter_sandbox(machine, error);
	heap_trim();
	trace(machine, VMM_STEP_MAIN, "");
	machine->running = true;
	if (ret)
		return VMM_END_ERROR;
	say(machine, OUTBOX_LAST, CONTROL_RUNNING, 0, "");
	return vmm_run(machine->vmm, error);
}

/* Says how many lines had no room in the socket; the keeper has read the others by now. */
static void tell_lost(struct machine *machine)
{
	unsigned long lost = outbox_lost(&machine->outbox);
	char line[64];

	if (!lost)
		return;
	snprintf(line, sizeof(line), "%lu lines of the machine were left out", lost);
	say(machine, OUTBOX_LAST, CONTROL_LOG, LEND_LOG_WARNING, line);
}

/*
 * jansson opens /dev/urandom for its first object, which may be that of a served device that comes
 * while the guest runs.
 */
static void keep_json_in_the_sandbox(void)
{
	json_object_seed(0);
}

int machine_main(int control, int serial, void *opaque)
{
	struct machine machine = {.config = opaque, .control = control, .signals = -1};
	struct control_message last = {.type = CONTROL_END};
	struct lend_error error = {""};
	enum vmm_end end;
	int ret;

	heap_begin();
	keep_json_in_the_sandbox();
	prctl(PR_SET_NAME, MACHINE_NAME);
	ret = outbox_init(&machine.outbox, control);
	if (ret)
		tool_fail(&error, ret, "cannot watch the keeper: %s", strerror(-ret));
	end = ret ? VMM_END_ERROR : run(&machine, serial, &error);
	if (end != VMM_END_FAULT && end != VMM_END_ERROR && end != VMM_END_PANIC)
		error.text[0] = '\0';
	if (machine.vmm)
		vmm_stats(machine.vmm, &last.stats);
	tell_lost(&machine);
	last.value = end;
	snprintf(last.text, sizeof(last.text), "%s", error.text);
	outbox_put(&machine.outbox, OUTBOX_LAST, &last);
	vmm_free(machine.vmm);
	/* A keeper that is stopped may take its time now: neither a device nor a guest is there any more. */
	outbox_drain(&machine.outbox);
	outbox_free(&machine.outbox);
	if (machine.signals >= 0)
		close(machine.signals);
	return TOOL_OK;
}

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

#include "tool/run/heap.h"
#include "tool/run/machine_calls.h"
#include "tool/run/machine_state.h"
#include "tool/run/orphan.h"
#include "tool/tool.h"
#include "vmm/sandbox.h"

enum {
	BUTTON_HOLD_S = 2,
	ORPHAN_WAIT_MS = 10000,
};

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
		machine_print_line(machine, error.text);
	if (ret && !again)
		vmm_reconnect(machine->vmm, device, -1, NULL);
	machine_say(machine, OUTBOX_LAST, again ? CONTROL_LOST : CONTROL_FOUND, device, "");
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
		vmm_report(machine->vmm, machine_print_line, machine);
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
			vmm_report(machine->vmm, machine_print_line, machine);
		else
			press_button(machine);
	}
}

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
		machine_step(machine, VMM_STEP_MAIN, what);
		made_room = orphan_await(&machine->config->roots, host, ORPHAN_WAIT_MS);
		machine_step(machine, VMM_STEP_MAIN, "");
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
		.turn = on_turn,
	};

	int ret;

	machine_listens(machine, &config);
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
		vmm_explain(machine->vmm, machine_print_line, machine);
	machine_trace(machine, VMM_STEP_MAIN, "giving up what is not needed any more");
	ret = enter_sandbox(machine, error);
	heap_trim();
	machine_trace(machine, VMM_STEP_MAIN, "");
	machine->running = true;
	if (ret)
		return VMM_END_ERROR;
	machine_say(machine, OUTBOX_LAST, CONTROL_RUNNING, 0, "");
	return vmm_run(machine->vmm, error);
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
	machine_tell_lost(&machine);
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

/* SPDX-License-Identifier: MIT */
/* For one test program each: the machine process with a played vmm/, and the keeper's end of its socket. */
#ifndef TESTS_UNIT_MACHINE_STAGE_H
#define TESTS_UNIT_MACHINE_STAGE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool/run/control.c"
#include "tool/run/machine.c"
#include "tool/run/machine_says.c"
#include "tool/run/machine_calls.c"
#include "tool/run/outbox.c"
#include "tool/run/orphan.c"
#include "tool/clean.c"
#include "tool/say.c"

/* The played machine: the order of calls as letters, and its loop. */
struct vmm {
	struct vmm_config config;
	struct pollfd polls[4];
	void (*fns[4])(void *opaque);
	void *opaques[4];
	nfds_t count;
	bool stopped;
};

static struct {
	char calls[128];
	unsigned busy; /* how often vmm_new() finds the device in use */
	int new_result, sandbox_result;
	struct vmm_sandbox sandbox; /* as it was asked for */
	enum vmm_end end;     /* what vmm_run() returns at once, unless `loops` */
	bool loops;           /* vmm_run() ends by vmm_stop() or the second button */
	const char *sentence; /* of vmm_run() */
	unsigned explained;   /* lines of vmm_explain() */
	unsigned noise;       /* lines that vmm_run() logs */
	bool works;           /* vmm_run() says that it resets devices, and that it is done */
	int freed;            /* a byte goes there when the machine is freed; 0: nowhere */
	int reconnect_result; /* of vmm_reconnect() with a server */
	struct vmm vmm;
} play;

static void call(char letter)
{
	size_t length = strlen(play.calls);

	assert_true(length + 1 < sizeof(play.calls));
	play.calls[length] = letter;
}

int vmm_new(const struct vmm_config *config, struct vmm **out, struct lend_error *error)
{
	call('n');
	if (play.busy && play.busy--)
		return tool_fail(error, -EBUSY, "the device is in use");
	if (play.new_result)
		return tool_fail(error, play.new_result, "the machine cannot be made");
	play.vmm.config = *config;
	config->log(config->opaque, LEND_LOG_INFO, "information");
	config->log(config->opaque, LEND_LOG_DEBUG, "detail");
	config->log(config->opaque, LEND_LOG_WARNING, "care");
	assert_string_equal(config->devices[0].host, "0000:05:00.0");
	assert_true(config->devices[0].function.no_mmap);
	*out = &play.vmm;
	return 0;
}

int vmm_sandbox(struct vmm *vmm, const struct vmm_sandbox *sandbox, struct lend_error *error)
{
	(void)vmm;
	play.sandbox = *sandbox;
	call('x');
	return play.sandbox_result ? tool_fail(error, play.sandbox_result, "no sandbox") : 0;
}

enum vmm_end vmm_run(struct vmm *vmm, struct lend_error *error)
{
	call('r');
	for (unsigned i = 0; i < play.noise; i++)
		vmm->config.log(vmm->config.opaque, LEND_LOG_WARNING, "noise");
	if (play.works) {
		vmm->config.work(vmm->config.opaque, "resetting its devices");
		vmm->config.work(vmm->config.opaque, NULL);
	}
	while (play.loops && !vmm->stopped) {
		poll(vmm->polls, vmm->count, -1);
		for (nfds_t i = 0; i < vmm->count; i++)
			if (vmm->polls[i].revents)
				vmm->fns[i](vmm->opaques[i]);
		vmm->config.turn(vmm->config.opaque);
	}
	if (play.sentence)
		tool_fail(error, 0, "%s", play.sentence);
	return play.end;
}

void vmm_power_button(struct vmm *vmm)
{
	(void)vmm;
	call('b');
}

int vmm_reconnect(struct vmm *vmm, unsigned device, int fd, struct lend_error *error)
{
	(void)vmm;
	assert_int_equal(device, 3);
	call(fd < 0 ? 'g' : 'a');
	if (fd < 0)
		return 0;
	close(fd);
	return play.reconnect_result ? tool_fail(error, play.reconnect_result, "it is not taken back") : 0;
}

void vmm_stop(struct vmm *vmm)
{
	if (!vmm->stopped)
		call('s');
	vmm->stopped = true;
}

int vmm_watch(struct vmm *vmm, int fd, void (*fn)(void *opaque), void *opaque)
{
	vmm->polls[vmm->count] = (struct pollfd){.fd = fd, .events = POLLIN};
	vmm->fns[vmm->count] = fn;
	vmm->opaques[vmm->count++] = opaque;
	return 0;
}

void vmm_stats(const struct vmm *vmm, struct vmm_stats *out)
{
	(void)vmm;
	call('c');
	out->exits = 42;
}

void vmm_report(struct vmm *vmm, void (*print)(void *opaque, const char *line), void *opaque)
{
	call('p');
	print(opaque, "counted");
	vmm_stop(vmm);
}

void vmm_explain(struct vmm *vmm, void (*print)(void *opaque, const char *line), void *opaque)
{
	(void)vmm;
	call('e');
	for (unsigned i = 0; i < play.explained; i++)
		print(opaque, "how it is reached");
}

static void tell_event(struct vmm *vmm, enum vmm_event_type type)
{
	const struct vmm_event event = {.type = type, .values = {7}, .text = "told"};

	vmm->config.event(vmm->config.opaque, &event);
}

void vmm_pause(struct vmm *vmm)
{
	call('H');
	tell_event(vmm, VMM_EVENT_STOP);
}

void vmm_continue(struct vmm *vmm)
{
	call('C');
	tell_event(vmm, VMM_EVENT_RESUME);
}

void vmm_reset_request(struct vmm *vmm)
{
	(void)vmm;
	call('R');
}

unsigned vmm_cpu_count(const struct vmm *vmm)
{
	(void)vmm;
	return 2;
}

int vmm_cpu_thread(const struct vmm *vmm, unsigned cpu)
{
	(void)vmm;
	return 100 + (int)cpu;
}

void vmm_pci(struct vmm *vmm, void (*row)(void *opaque, const struct vmm_pci_row *row), void *opaque)
{
	const struct vmm_pci_row one = {.bus = 1, .device = 0, .name = "0000:05:00.0"};

	(void)vmm;
	row(opaque, &one);
}

int vmm_device_add(struct vmm *vmm, unsigned device, const struct vmm_device_config *config,
		   struct lend_error *error)
{
	(void)vmm, (void)device, (void)config, (void)error;
	return 0;
}

int vmm_device_remove(struct vmm *vmm, unsigned device, bool force, struct lend_error *error)
{
	(void)vmm, (void)device, (void)force, (void)error;
	return 0;
}

void vmm_free(struct vmm *vmm)
{
	if (vmm)
		call('f');
	if (play.freed)
		assert_int_equal(write(play.freed, "f", 1), 1);
}

struct stage {
	char root[64];
	int control[2];
	struct run_options options;
	struct machine_config config;
	struct lend_error error;
	struct control_message message;
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	sigset_t term;

	assert_non_null(stage);
	memset(&play, 0, sizeof(play));
	strcpy(stage->root, "/tmp/lend-test-mach-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	assert_int_equal(control_pair(stage->control), 0);
	stage->options = (struct run_options){.memory = 1 << 20, .cpus = 1, .kernel = "K", .device_count = 1};
	strcpy(stage->options.devices[0].host, "0000:05:00.0");
	stage->options.devices[0].function.no_mmap = true;
	stage->config = (struct machine_config){.options = &stage->options,
						.kernel_fd = -1,
						.initrd_fd = -1,
						.unpacked_fd = -1,
						.roots = {stage->root, stage->root, stage->root}};
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigaddset(&term, SIGUSR1);
	sigprocmask(SIG_BLOCK, &term, NULL);
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;
	char command[128];

	close(stage->control[0]);
	close(stage->control[1]);
	snprintf(command, sizeof(command), "rm -r %s", stage->root);
	assert_int_equal(system(command), 0);
	free(stage);
	return 0;
}

/* Runs it to its end; `calls`: what it has to call, as letters. */
static void run_it(struct stage *stage, const char *calls)
{
	machine_main(stage->control[1], -1, &stage->config);
	assert_string_equal(play.calls, calls);
}

/* Takes a message of that type, with that text where one is given. */
static void assert_message(struct stage *stage, enum control_type type, const char *text)
{
	assert_int_equal(control_receive(stage->control[0], &stage->message), 1);
	assert_int_equal(stage->message.type, type);
	if (text)
		assert_string_equal(stage->message.text, text);
}

static void assert_end(struct stage *stage, enum vmm_end end, const char *text)
{
	struct control_message after;

	assert_message(stage, CONTROL_END, text);
	assert_int_equal(stage->message.value, end);
	assert_int_equal(control_receive(stage->control[0], &after), -EAGAIN);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif

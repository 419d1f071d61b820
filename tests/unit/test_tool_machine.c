/* SPDX-License-Identifier: MIT */
/*
 * The machine process with a played vmm/: what it is told, in which order, and
 * what of it reaches the keeper.
 */
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
#include "tool/run/machine_calls.c"
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
	char calls[64];
	unsigned busy; /* how often vmm_new() finds the device in use */
	int new_result, sandbox_result;
	enum vmm_end end;     /* what vmm_run() returns at once, unless `loops` */
	bool loops;           /* vmm_run() ends by vmm_stop() or the second button */
	const char *sentence; /* of vmm_run() */
	unsigned explained;   /* lines of vmm_explain() */
	unsigned noise;       /* lines that vmm_run() logs */
	bool works;           /* vmm_run() says that it resets devices, and that it is done */
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

int vmm_sandbox(struct vmm *vmm, struct lend_error *error)
{
	(void)vmm, (void)error;
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
	stage->config = (struct machine_config){
		&stage->options, -1, -1, {stage->root, stage->root, stage->root}, NULL, NULL};
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

static void assert_waited_for(struct stage *stage, const char *host)
{
	assert_message(stage, CONTROL_STEP, NULL);
	assert_int_equal(stage->message.value, VMM_STEP_MAIN);
	assert_non_null(strstr(stage->message.text, "that still has"));
	assert_non_null(strstr(stage->message.text, host));
	assert_message(stage, CONTROL_STEP, "");
}

static void assert_end(struct stage *stage, enum vmm_end end, const char *text)
{
	struct control_message after;

	assert_message(stage, CONTROL_END, text);
	assert_int_equal(stage->message.value, end);
	assert_int_equal(control_receive(stage->control[0], &after), -EAGAIN);
}

static void plain_run(void **state)
{
	struct stage *stage = *state;

	run_it(stage, "nxrcf");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
	assert_message(stage, CONTROL_END, "");
	assert_int_equal(stage->message.value, VMM_END_POWEROFF);
	assert_int_equal(stage->message.stats.exits, 42);
}

static void verbose_run(void **state)
{
	struct stage *stage = *state;

	stage->options.verbose = 1;
	run_it(stage, "nexrcf");
	assert_message(stage, CONTROL_LOG, "information");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
}

static void sentences(void **state)
{
	struct stage *stage = *state;

	play.new_result = -EINVAL;
	run_it(stage, "n");
	assert_end(stage, VMM_END_ERROR, "the machine cannot be made");
	memset(&play, 0, sizeof(play));
	play.sandbox_result = -EPERM;
	run_it(stage, "nxcf");
	assert_message(stage, CONTROL_LOG, "care");
	assert_end(stage, VMM_END_ERROR, "no sandbox");
	memset(&play, 0, sizeof(play));
	play.end = VMM_END_FAULT;
	play.sentence = "triple fault at 0x1000";
	stage->options.verbose = 0;
	run_it(stage, "nxrcf");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
	assert_end(stage, VMM_END_FAULT, "triple fault at 0x1000");
}

/* Who held the device has gone meanwhile: another try, and no third. */
static void busy_is_tried_twice(void **state)
{
	struct stage *stage = *state;

	play.busy = 1;
	run_it(stage, "nnxrcf");
	assert_waited_for(stage, "0000:05:00.0");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
	assert_end(stage, VMM_END_POWEROFF, "");
	memset(&play, 0, sizeof(play));
	play.busy = 2;
	run_it(stage, "nn");
	assert_waited_for(stage, "0000:05:00.0");
	assert_end(stage, VMM_END_ERROR, "the device is in use");
}

/* The first device is free, the second one in the hands of somebody who stays. */
static void held_is_tried_once(void **state)
{
	struct stage *stage = *state;
	char command[300];

	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p 77/fd bus/pci/devices/0000:06:00.0 && echo qemu >77/comm && "
		 "ln -s %s/vfio/7 77/fd/9 && ln -s groups/7 bus/pci/devices/0000:06:00.0/iommu_group",
		 stage->root, stage->root);
	assert_int_equal(system(command), 0);
	strcpy(stage->options.devices[stage->options.device_count++].host, "0000:06:00.0");
	play.busy = 1;
	run_it(stage, "n");
	assert_waited_for(stage, "0000:05:00.0");
	assert_waited_for(stage, "0000:06:00.0");
	assert_end(stage, VMM_END_ERROR, "the device is in use");
}

static void keeper_asks(void **state)
{
	struct stage *stage = *state;

	play.loops = true;
	play.end = VMM_END_STOPPED;
	/* Asked for twice at once, the button is pressed once. */
	control_send(stage->control[0], CONTROL_BUTTON);
	control_send(stage->control[0], CONTROL_BUTTON);
	control_send(stage->control[0], CONTROL_STOP);
	run_it(stage, "nxrbscf");
}

/* The keeper's patience hangs on these lines. */
static void keeper_is_told_of_work(void **state)
{
	struct stage *stage = *state;

	play.works = true;
	run_it(stage, "nxrcf");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
	assert_message(stage, CONTROL_WORK, "resetting its devices");
	assert_message(stage, CONTROL_WORK, "");
	assert_end(stage, VMM_END_POWEROFF, "");
}

static void keeper_goes(void **state)
{
	struct stage *stage = *state;

	play.loops = true;
	play.end = VMM_END_STOPPED;
	close(stage->control[0]);
	stage->control[0] = -1;
	run_it(stage, "nxrscf");
}

static void signal_is_the_button(void **state)
{
	struct stage *stage = *state;
	sigset_t term;

	play.loops = true;
	play.end = VMM_END_STOPPED;
	kill(getpid(), SIGTERM);
	control_send(stage->control[0], CONTROL_STOP);
	run_it(stage, "nxrbscf");
	sigpending(&term);
	assert_false(sigismember(&term, SIGTERM));
}

/*
 * A server that is back is taken (a), or looked for again; one that is another device, or
 * does not come back, is given up (g). The keeper is told which.
 */
static void servers_come_back(void **state)
{
	static const struct {
		int result;
		bool back;
		const char *calls;
		enum control_type told;
	} rows[] = {
		{0, true, "nxrascf", CONTROL_FOUND},      {-ENOTCONN, true, "nxrascf", CONTROL_LOST},
		{-EAGAIN, true, "nxrascf", CONTROL_LOST}, {-EPROTO, true, "nxragscf", CONTROL_FOUND},
		{0, false, "nxrgscf", CONTROL_FOUND},
	};
	struct stage *stage = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		memset(&play, 0, sizeof(play));
		play.loops = true;
		play.end = VMM_END_STOPPED;
		play.reconnect_result = rows[i].result;
		if (rows[i].back)
			assert_int_equal(control_send_server(stage->control[0], 3, STDERR_FILENO), 0);
		else
			assert_int_equal(control_send_device(stage->control[0], CONTROL_NONE, 3), 0);
		control_send(stage->control[0], CONTROL_STOP);
		run_it(stage, rows[i].calls);
		assert_message(stage, CONTROL_LOG, "care");
		assert_message(stage, CONTROL_RUNNING, "");
		if (rows[i].result)
			assert_message(stage, CONTROL_LOG, "it is not taken back");
		assert_message(stage, rows[i].told, "");
		assert_int_equal(stage->message.value, 3);
		assert_message(stage, CONTROL_END, "");
	}
}

/* Asked for by the keeper or by the signal, the counters are said however little is said otherwise. */
static void counters_are_asked_for(void **state)
{
	struct stage *stage = *state;

	play.loops = true;
	control_send(stage->control[0], CONTROL_REPORT);
	run_it(stage, "nxrpscf");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
	assert_message(stage, CONTROL_LOG, "counted");
	assert_message(stage, CONTROL_END, "");
	memset(&play, 0, sizeof(play));
	play.loops = true;
	kill(getpid(), SIGUSR1);
	run_it(stage, "nxrpscf");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
	assert_message(stage, CONTROL_LOG, "counted");
}

/* Nobody reads: no line waits, and the end is sent as soon as there is room. */
static void nobody_waits_for_a_log(void **state)
{
	struct stage *stage = *state;
	unsigned lines = 0;
	pid_t pid;

	play.noise = 10000;
	pid = fork();
	if (!pid) {
		close(stage->control[0]);
		run_it(stage, "nxrcf");
		_exit(0);
	}
	close(stage->control[1]);
	stage->control[1] = -1;
	do {
		struct pollfd readable = {.fd = stage->control[0], .events = POLLIN};

		assert_int_equal(poll(&readable, 1, 30000), 1);
		assert_int_equal(control_receive(stage->control[0], &stage->message), 1);
		lines += stage->message.type == CONTROL_LOG;
	} while (stage->message.type != CONTROL_END);
	assert_true(lines > 0);
	waitpid(pid, NULL, 0);
}

static void send_call(struct stage *stage, uint32_t serial, enum control_verb verb)
{
	assert_int_equal(control_send_call(stage->control[0], serial, verb, 0, NULL, 0, NULL, 0), 0);
}

static void assert_answer(struct stage *stage, uint32_t serial, int result)
{
	assert_message(stage, CONTROL_ANSWER, NULL);
	assert_int_equal(stage->message.value, serial);
	assert_int_equal(stage->message.answer.result, result);
}

/* Each call has its rows, and then one answer; what happens meanwhile is told, too. */
static void calls_are_answered(void **state)
{
	struct stage *stage = *state;

	play.loops = true;
	play.end = VMM_END_STOPPED;
	play.explained = 1;
	send_call(stage, 11, CALL_PAUSE);
	send_call(stage, 12, CALL_CONTINUE);
	send_call(stage, 13, CALL_RESET);
	send_call(stage, 14, CALL_CPUS);
	send_call(stage, 15, CALL_PCI);
	send_call(stage, 16, CALL_EXPLAIN);
	send_call(stage, UINT32_MAX, CALL_COUNTERS);
	run_it(stage, "nxrHCRepscf");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
	assert_message(stage, CONTROL_EVENT, NULL);
	assert_int_equal(stage->message.event.type, VMM_EVENT_STOP);
	assert_int_equal(stage->message.event.values[0], 7);
	assert_string_equal(stage->message.event.text, "told");
	assert_answer(stage, 11, 0);
	assert_message(stage, CONTROL_EVENT, NULL);
	assert_answer(stage, 12, 0);
	assert_answer(stage, 13, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_message(stage, CONTROL_CPU, NULL);
		assert_int_equal(stage->message.value, 14);
		assert_int_equal(stage->message.cpu.cpu, i);
		assert_int_equal(stage->message.cpu.thread, 100 + i);
	}
	assert_answer(stage, 14, 0);
	assert_message(stage, CONTROL_PCI, NULL);
	assert_string_equal(stage->message.pci.name, "0000:05:00.0");
	assert_answer(stage, 15, 0);
	assert_message(stage, CONTROL_LINE, "how it is reached");
	assert_int_equal(stage->message.value, 16);
	assert_answer(stage, 16, 0);
	assert_message(stage, CONTROL_LINE, "counted");
	assert_answer(stage, UINT32_MAX, 0);
	assert_end(stage, VMM_END_STOPPED, "");
}

/* Descriptors of a call that nobody wants are closed, and a call without a meaning is dropped. */
static void a_call_leaves_no_descriptor(void **state)
{
	struct stage *stage = *state;
	const int fds[CONTROL_FDS_MAX] = {0, 0, 0, 0};
	int before = dup(0), after;
	char payload[CONTROL_PAYLOAD_MAX] = "";

	close(before);
	play.loops = true;
	play.end = VMM_END_STOPPED;
	assert_int_equal(control_send_call(stage->control[0], 1, CALL_RESET, 0, payload, sizeof(payload), fds,
					   CONTROL_FDS_MAX),
			 0);
	assert_int_equal(control_send_call(stage->control[0], 2, CALL_VERBS, 0, NULL, 0, fds, 1), 0);
	assert_int_equal(
		control_send_call(stage->control[0], 3, CALL_RESET, VMM_DEVICES_MAX, NULL, 0, fds, 1), 0);
	assert_int_equal(
		control_send_call(stage->control[0], 4, CALL_RESET, 0, payload, sizeof(payload) + 1, NULL, 0),
		-E2BIG);
	control_send(stage->control[0], CONTROL_STOP);
	run_it(stage, "nxrRscf");
	assert_message(stage, CONTROL_LOG, "care");
	assert_message(stage, CONTROL_RUNNING, "");
	assert_answer(stage, 1, 0);
	assert_end(stage, VMM_END_STOPPED, "");
	after = dup(0);
	close(after);
	assert_int_equal(after, before);
}

/* A keeper that is stopped costs one wait, and the call fails. */
static void an_answer_without_a_reader_ends(void **state)
{
	struct stage *stage = *state;
	unsigned lines = 0;

	play.loops = true;
	play.end = VMM_END_STOPPED;
	play.explained = 100000;
	send_call(stage, 1, CALL_EXPLAIN);
	control_send(stage->control[0], CONTROL_STOP);
	run_it(stage, "nxrescf");
	while (control_receive(stage->control[0], &stage->message) == 1)
		lines += stage->message.type == CONTROL_LINE;
	assert_in_range(lines, 1, play.explained - 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(plain_run),
		CASE(verbose_run),
		CASE(sentences),
		CASE(busy_is_tried_twice),
		CASE(held_is_tried_once),
		CASE(keeper_asks),
		CASE(keeper_is_told_of_work),
		CASE(keeper_goes),
		CASE(signal_is_the_button),
		CASE(servers_come_back),
		CASE(counters_are_asked_for),
		CASE(nobody_waits_for_a_log),
		CASE(calls_are_answered),
		CASE(a_call_leaves_no_descriptor),
		CASE(an_answer_without_a_reader_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

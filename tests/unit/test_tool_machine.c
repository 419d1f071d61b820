/* SPDX-License-Identifier: MIT */
/* The machine process: what it tells its machine, in which order, and what of it reaches the keeper. */
#include "tests/unit/machine_stage.h"

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

static void is_restricted_as_the_user_says(void **state)
{
	struct stage *stage = *state;

	stage->options.sandbox = (struct run_sandbox){RUN_SANDBOX_LOG, true, 1000, 100};
	run_it(stage, "nxrcf");
	assert_true(play.sandbox.log && play.sandbox.has_user);
	assert_int_equal(play.sandbox.user, 1000);
	assert_int_equal(play.sandbox.group, 100);
	memset(&play, 0, sizeof(play));
	stage->options.sandbox = (struct run_sandbox){.mode = RUN_SANDBOX_ON};
	run_it(stage, "nxrcf");
	assert_false(play.sandbox.log || play.sandbox.has_user);
	memset(&play, 0, sizeof(play));
	stage->options.sandbox.mode = RUN_SANDBOX_OFF;
	run_it(stage, "nrcf");
}

static void assert_waited_for(struct stage *stage, const char *host)
{
	assert_message(stage, CONTROL_STEP, NULL);
	assert_int_equal(stage->message.value, VMM_STEP_MAIN);
	assert_non_null(strstr(stage->message.text, "that still has"));
	assert_non_null(strstr(stage->message.text, host));
	assert_message(stage, CONTROL_STEP, "");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(plain_run),
		CASE(verbose_run),
		CASE(sentences),
		CASE(is_restricted_as_the_user_says),
		CASE(busy_is_tried_twice),
		CASE(held_is_tried_once),
		CASE(keeper_asks),
		CASE(keeper_is_told_of_work),
		CASE(keeper_goes),
		CASE(signal_is_the_button),
		CASE(servers_come_back),
		CASE(counters_are_asked_for),
		CASE(nobody_waits_for_a_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

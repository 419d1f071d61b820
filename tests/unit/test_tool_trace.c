/* SPDX-License-Identifier: MIT */
/* --trace: what is written can be read as JSON, whoever wrote it and whatever things are called. */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tool/run/trace.h"

struct stage {
	struct run_options options;
	struct trace trace;
	int fd;
	json_t *events;
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	stage->fd = memfd_create("trace", MFD_CLOEXEC);
	assert_true(stage->fd >= 0);
	assert_int_equal(fcntl(stage->fd, F_SETFL, O_APPEND), 0);
	stage->options.begun = trace_now();
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	json_decref(stage->events);
	close(stage->fd);
	free(stage);
	return 0;
}

static void begin(struct stage *stage)
{
	trace_begin(&stage->trace, stage->fd, &stage->options);
}

static void end(struct stage *stage)
{
	char text[16384];
	json_error_t error;
	ssize_t length;

	trace_end(&stage->trace);
	length = pread(stage->fd, text, sizeof(text) - 1, 0);
	assert_true(length > 0);
	text[length] = '\0';
	stage->events = json_loads(text, 0, &error);
	if (!stage->events)
		fail_msg("%s: %s", error.text, text);
	assert_true(json_is_array(stage->events));
}

/* The n-th event of that kind with this name, or NULL. */
static json_t *find(const struct stage *stage, const char *kind, const char *name, unsigned number)
{
	size_t i;
	json_t *event;

	json_array_foreach(stage->events, i, event)
	{
		if (!strcmp(json_string_value(json_object_get(event, "ph")), kind) &&
		    !strcmp(json_string_value(json_object_get(event, "name")), name) && !number--)
			return event;
	}
	return NULL;
}

static double number_of(const json_t *event, const char *key)
{
	assert_non_null(event);
	assert_true(json_is_number(json_object_get(event, key)));
	return json_number_value(json_object_get(event, key));
}

static void spans_and_marks_are_written(void **state)
{
	struct stage *stage = *state;
	const json_t *command, *outer, *inner, *mark;

	assert_int_equal(write(stage->fd, "of another run", 14), 14);
	stage->options.device_count = 1;
	strcpy(stage->options.devices[0].host, "0000:05:00.0");
	begin(stage);
	trace_step(&stage->trace, VMM_STEP_DEVICE, "opening 0000:05:00.0");
	trace_step(&stage->trace, VMM_STEP_MAIN, "making the processors");
	trace_step(&stage->trace, VMM_STEP_MAIN, "");
	trace_step(&stage->trace, VMM_STEP_DEVICE, "");
	trace_mark(&stage->trace, VMM_STEP_MAIN, "first instruction");
	end(stage);
	command = find(stage, "X", "reading the command line", 0);
	outer = find(stage, "X", "opening 0000:05:00.0", 0);
	inner = find(stage, "X", "making the processors", 0);
	mark = find(stage, "i", "first instruction", 0);
	assert_true(number_of(command, "ts") == 0);
	assert_true(number_of(command, "dur") <= number_of(outer, "ts"));
	assert_true(number_of(outer, "ts") <= number_of(inner, "ts"));
	assert_true(number_of(inner, "ts") + number_of(inner, "dur") <=
		    number_of(outer, "ts") + number_of(outer, "dur") + 0.01);
	assert_true(number_of(mark, "ts") >= number_of(inner, "ts"));
	assert_int_equal(number_of(outer, "tid"), VMM_STEP_DEVICE);
	assert_non_null(find(stage, "M", "thread_name", 4));
	assert_null(find(stage, "M", "thread_name", 5));
}

/* What is known of a step may change, and a row may end that never began. */
static void a_step_is_one_span(void **state)
{
	struct stage *stage = *state;

	begin(stage);
	trace_step(&stage->trace, VMM_STEP_MEMORY, "");
	trace_step(&stage->trace, VMM_STEP_MEMORY, "populating, 0 of 4");
	trace_step(&stage->trace, VMM_STEP_MEMORY, "populating, 1 of 4");
	trace_step(&stage->trace, VMM_STEP_MEMORY, "");
	trace_step(&stage->trace, VMM_STEP_MEMORY, "");
	trace_step(&stage->trace, TRACE_ROWS, "nowhere");
	end(stage);
	assert_non_null(find(stage, "X", "populating, 0 of 4", 0));
	assert_null(find(stage, "X", "populating, 0 of 4", 1));
	assert_null(find(stage, "X", "populating, 1 of 4", 0));
	assert_null(find(stage, "X", "nowhere", 0));
}

static void names_cannot_break_it(void **state)
{
	static const char odd[] = "a\"b\\c\n\x01\xff\x7f}]";
	struct stage *stage = *state;
	char name[300];

	memset(name, '"', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	stage->options.device_count = 2;
	snprintf(stage->options.devices[0].host, sizeof(stage->options.devices[0].host), "%s", odd);
	stage->options.devices[1].served.count = 1;
	memset(stage->options.devices[1].served.name, '"', sizeof(stage->options.devices[1].served.name) - 1);
	begin(stage);
	trace_step(&stage->trace, 0, odd);
	trace_step(&stage->trace, 0, "");
	trace_mark(&stage->trace, 0, name);
	end(stage);
	assert_non_null(find(stage, "X", "a?b?c????}]", 0));
}

/* Keeper and machine write to the same file. */
static void two_processes_write(void **state)
{
	struct stage *stage = *state;
	pid_t pid;

	begin(stage);
	pid = fork();
	for (unsigned i = 0; i < 50; i++) {
		trace_step(&stage->trace, pid ? TRACE_KEEPER : VMM_STEP_MAIN, pid ? "one" : "other");
		trace_step(&stage->trace, pid ? TRACE_KEEPER : VMM_STEP_MAIN, "");
	}
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	end(stage);
	assert_non_null(find(stage, "X", "one", 49));
	assert_non_null(find(stage, "X", "other", 49));
}

static void without_a_file_nothing_is_written(void **state)
{
	struct stage *stage = *state;

	trace_begin(&stage->trace, -1, &stage->options);
	trace_step(&stage->trace, 0, "x");
	trace_step(&stage->trace, 0, "");
	trace_mark(&stage->trace, 0, "x");
	trace_end(&stage->trace);
	assert_int_equal(lseek(stage->fd, 0, SEEK_END), 0);
}

int main(void)
{
#define TRACE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TRACE_TEST(spans_and_marks_are_written),
		TRACE_TEST(a_step_is_one_span),
		TRACE_TEST(names_cannot_break_it),
		TRACE_TEST(two_processes_write),
		TRACE_TEST(without_a_file_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

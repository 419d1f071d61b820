/* SPDX-License-Identifier: MIT */
/*
 * What the machine makes of a reset's report (section 14, case 11): a device
 * that nothing could reset is handed to no guest unless its user says so. The
 * reports come from a double of lend_context_reset().
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/machine.h"

static struct lend_reset_report told[2];
static size_t asked;
static char last_line[512];
static unsigned lines;

int lend_context_reset(struct lend_context *context, struct lend_function **functions, size_t count,
		       struct lend_reset_report *reports, size_t stride)
{
	(void)context;
	for (size_t i = 0; i < count; i++) {
		assert_non_null(functions[i]);
		assert_int_equal(stride, sizeof(*reports));
		reports[i] = told[i];
	}
	asked = count;
	return told[0].result;
}

static void take_line(void *opaque, enum lend_log_level level, const char *line)
{
	(void)opaque, (void)level;
	snprintf(last_line, sizeof(last_line), "%s", line);
	lines++;
}

static struct vmm *machine(unsigned count, struct assigned *assigned)
{
	static struct vmm vmm;
	static char function;

	memset(&vmm, 0, sizeof(vmm));
	pthread_mutex_init(&vmm.lock, NULL);
	vmm.config.log = take_line;
	vmm.assigned_count = count;
	for (unsigned i = 0; i < count; i++) {
		vmm.assigned[i] = &assigned[i];
		assigned[i].index = i;
		snprintf(assigned[i].name, sizeof(assigned[i].name), "0000:0%u:00.0", i + 5);
		assigned[i].function = (struct lend_function *)(void *)&function;
	}
	memset(told, 0, sizeof(told));
	last_line[0] = '\0';
	lines = 0;
	return &vmm;
}

static void none(struct lend_reset_report *report)
{
	*report = (struct lend_reset_report){.result = -EOPNOTSUPP, .check = "not reset"};
	strcpy(report->offered, "pm");
	strcpy(report->obstacle, "its bus is shared with 0000:05:00.1");
}

static void case_14_11_refused(void **state)
{
	struct assigned assigned[1] = {0};
	struct vmm *vmm = machine(1, assigned);
	struct lend_error error;

	(void)state;
	none(&told[0]);
	assert_int_equal(devices_reset(vmm, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.text, "0000:05:00.0"));
	assert_non_null(strstr(error.text, "the kernel offers pm"));
	assert_non_null(strstr(error.text, "0000:05:00.1"));
	assert_non_null(strstr(error.text, "x-allow-unreset=on"));
	assert_null(strchr(error.text, '\n'));
}

/* The kernel has nothing to offer for a device that a server has. */
static void served_device_that_is_not_reset(void **state)
{
	struct assigned assigned[1] = {{.config.backend = LEND_BACKEND_USER}};
	struct vmm *vmm = machine(1, assigned);
	struct lend_error error;

	(void)state;
	none(&told[0]);
	assert_int_equal(devices_reset(vmm, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.text, "its server does not reset it"));
	assert_non_null(strstr(error.text, "x-allow-unreset=on"));
	assert_null(strstr(error.text, "the kernel"));
	assigned[0].config.allow_unreset = true;
	assert_int_equal(devices_reset(vmm, &error), 0);
}

static void case_14_11_allowed(void **state)
{
	struct assigned assigned[2] = {{.config.allow_unreset = true}};
	struct vmm *vmm = machine(2, assigned);
	struct lend_error error;

	(void)state;
	none(&told[0]);
	told[1] = (struct lend_reset_report){.ran = LEND_RESET_FUNCTION, .checked = true, .check = "good"};
	assert_int_equal(devices_reset(vmm, &error), 0);
	assert_int_equal(asked, 2); /* in one call: what hangs together is reset together */
	assert_int_equal(lines, 2); /* that the one was not reset, and how the other one was */
	assert_string_equal(last_line, "0000:06:00.0: reset; good");
	none(&told[1]); /* it is allowed for the first alone */
	assert_int_equal(devices_reset(vmm, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.text, "0000:06:00.0"));
}

static void failed_resets(void **state)
{
	struct assigned assigned[1] = {0};
	struct vmm *vmm = machine(1, assigned);
	struct lend_error error;

	(void)state;
	told[0] =
		(struct lend_reset_report){.ran = LEND_RESET_FUNCTION, .result = -EIO, .check = "not reset"};
	assert_int_equal(devices_reset(vmm, &error), -EIO);
	assert_non_null(strstr(error.text, "its reset failed"));
	assert_null(strchr(error.text, '\n'));
	/* It ran, and the device is not as it should be: said, and no reason to end. */
	told[0] = (struct lend_reset_report){.ran = LEND_RESET_BUS, .check = "decode is still on"};
	assert_int_equal(devices_reset(vmm, &error), 0);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_line, "decode is still on"));
}

/* A server that has ended does not end the guest at its next boot; before the first one it does. */
static void served_devices(void **state)
{
	struct assigned assigned[1] = {{.config.backend = LEND_BACKEND_USER}};
	struct vmm *vmm = machine(1, assigned);
	struct lend_error error;

	(void)state;
	told[0] = (struct lend_reset_report){
		.ran = LEND_RESET_FUNCTION, .result = -ENOTCONN, .check = "not reset"};
	assert_int_equal(devices_reset(vmm, &error), -ENOTCONN);
	vmm->reboots = 1;
	assert_int_equal(devices_reset(vmm, &error), 0);
	assert_non_null(strstr(last_line, "its server is gone"));
	assigned[0].config.backend = LEND_BACKEND_AUTO;
	assert_int_equal(devices_reset(vmm, &error), -ENOTCONN);
}

/* One that was given up is not asked any more. */
static void given_up_devices_are_left_out(void **state)
{
	struct assigned assigned[2] = {{0}};
	struct vmm *vmm = machine(2, assigned);
	struct lend_error error;

	(void)state;
	assigned[0].function = NULL;
	told[0] = (struct lend_reset_report){.ran = LEND_RESET_OPEN, .checked = true, .check = "good"};
	assert_int_equal(devices_reset(vmm, &error), 0);
	assert_int_equal(asked, 1);
}

/* The host asked for it while it was reset: it is given back next, and does not end the machine. */
static void a_device_that_leaves_is_not_judged(void **state)
{
	struct assigned assigned[2] = {{0}};
	struct vmm *vmm = machine(2, assigned);
	struct lend_error error;

	(void)state;
	told[0] = (struct lend_reset_report){.result = -ENODEV, .check = "the host wants it back"};
	told[1] = (struct lend_reset_report){.ran = LEND_RESET_FUNCTION, .checked = true, .check = "good"};
	assert_int_equal(devices_reset(vmm, &error), -ENODEV);
	assigned[0].leaving = true;
	assert_int_equal(devices_reset(vmm, &error), 0);
	assert_int_equal(asked, 2);
	none(&told[1]);
	assert_int_equal(devices_reset(vmm, &error), -EOPNOTSUPP); /* the other one is */
}

/* The first start and the first reboot are told in full. Who starts again without end fills no log. */
static void a_guest_that_reboots_without_end_fills_no_log(void **state)
{
	struct assigned assigned[2] = {{.config.allow_unreset = true}, {.config.allow_unreset = true}};
	struct vmm *vmm = machine(2, assigned);
	struct lend_error error;
	unsigned before;

	(void)state;
	none(&told[0]);
	told[1] = (struct lend_reset_report){.ran = LEND_RESET_BUS, .check = "decode is still on"};
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(devices_reset(vmm, &error), 0);
	assert_int_equal(lines, 200);
	before = lines;
	for (vmm->reboots = 1; vmm->reboots < 1000; vmm->reboots++)
		assert_int_equal(devices_reset(vmm, &error), 0);
	assert_in_range(lines - before, 2, 100);
	assigned[0].config.allow_unreset = false; /* what ends the machine is told all the same */
	assert_int_equal(devices_reset(vmm, &error), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_14_11_refused),
		cmocka_unit_test(served_device_that_is_not_reset),
		cmocka_unit_test(case_14_11_allowed),
		cmocka_unit_test(failed_resets),
		cmocka_unit_test(served_devices),
		cmocka_unit_test(given_up_devices_are_left_out),
		cmocka_unit_test(a_device_that_leaves_is_not_judged),
		cmocka_unit_test(a_guest_that_reboots_without_end_fills_no_log),
	};

	return cmocka_run_group_tests_name("vmm_reset", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The line of a device behind a socket, by what its server says of masks; and its error interrupt. */
#include <stdio.h>
#include <sys/eventfd.h>

#include "tests/unit/user_stage.h"

static unsigned unmask_eventfds(void)
{
	unsigned found = 0;

	for (unsigned i = 0; i < monitor.peer.irq_log_count; i++)
		found += monitor.peer.irq_log[i].what.flags == (WIRE_IRQS_UNMASK | WIRE_IRQS_EVENTFD) &&
			 monitor.peer.irq_log[i].fds;
	return found;
}

static unsigned unmasks(void)
{
	unsigned found = 0;

	for (unsigned i = 0; i < monitor.peer.irq_log_count; i++)
		found += monitor.peer.irq_log[i].what.flags == (WIRE_IRQS_UNMASK | WIRE_IRQS_NONE);
	return found;
}

/* A machine resets a function before the guest runs. */
static void run_function(void)
{
	struct lend_reset_report report;

	open_function();
	assert_int_equal(lend_context_reset(monitor.context, &monitor.function, 1, &report, sizeof(report)),
			 0);
	lend_function_config_write(monitor.function, 0x10, 4, 0xe0000000);
	lend_function_config_write(monitor.function, 4, 2, 6);
}

/* It does not know an unmask eventfd either. The loop has the line, and an access ends the interrupt. */
static void a_server_that_does_not_mask(void **state)
{
	unsigned before;

	(void)state;
	run_function();
	assert_int_equal(unmask_eventfds(), 0);
	assert_true(monitor.peer.irq_fds[LEND_IRQ_INTX][0] > 0);
	assert_int_equal(eventfd_write(monitor.peer.irq_fds[LEND_IRQ_INTX][0], 1), 0);
	user_monitor_loop(&monitor);
	assert_int_equal(monitor.level, 1);
	before = unmasks();
	lend_function_bar_read(monitor.function, 0, 8, 4);
	assert_int_equal(monitor.level, 0);
	assert_int_equal(unmasks(), before + 1);
}

static void a_server_that_masks(void **state)
{
	(void)state;
	monitor.peer.line_flags = WIRE_IRQ_MASKABLE;
	run_function();
	assert_int_equal(unmask_eventfds(), 1);
	assert_true(monitor.line > 0);
}

/* The kernel's number of an eventfd. */
static unsigned number_of(int fd)
{
	char path[64], line[128];
	unsigned number = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "eventfd-id: %u", &number) == 1)
			break;
	fclose(file);
	return number;
}

/* The server tells of an error by an eventfd that nobody here writes to: it could make that wait. */
static void libvfio_user_74e7348_the_error_interrupt(void **state)
{
	int error;

	(void)state;
	monitor.peer.irqs[LEND_IRQ_ERR] = 1;
	open_function();
	error = monitor.peer.irq_fds[LEND_IRQ_ERR][0];
	assert_true(error > 0 && number_of(error));
	for (unsigned i = 0; i < monitor.watch_count; i++)
		assert_int_not_equal(number_of(monitor.watches[i].fd), number_of(error));
	assert_int_equal(eventfd_write(error, UINT64_MAX - 1), 0);
	user_monitor_await(&monitor, LEND_EVENT_ERROR);
	assert_true(lend_function_gone(monitor.function));
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_server_that_does_not_mask),
		test(a_server_that_masks),
		test(libvfio_user_74e7348_the_error_interrupt),
	};

	return cmocka_run_group_tests_name("user_line", tests, NULL, NULL);
}

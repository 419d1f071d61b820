/* SPDX-License-Identifier: MIT */
/* Errors that the guest is told of by its AER registers (PCI Express Base 6.0, 7.8.4). */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"

enum { AER = 0x100, ERR = 0, ON = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER };

static struct world *made(bool reports)
{
	struct world *world = world_new();
	struct lend_reset_report report;

	world_nvme(world);
	world->vectors[LEND_IRQ_ERR] = 1;
	world->function_config.reports_errors = reports;
	world_set(world, AER + PCI_ERR_UNCOR_MASK, 4, 0x02400000);
	world_set(world, AER + PCI_ERR_UNCOR_SEVER, 4, 0x00462030);
	world_set(world, AER + PCI_ERR_CAP, 4, PCI_ERR_CAP_ECRC_GENC | 5);
	assert_int_equal(world_open(world), 0);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	world_start(world);
	world_write(world, PCI_COMMAND, 2, ON);
	world_clear(world);
	return world;
}

static void tell(struct world *world)
{
	uint64_t one = 1;

	assert_int_equal(write(world->notify_fd[ERR], &one, sizeof(one)), sizeof(one));
	world_run(world);
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void error_is_reported_and_the_function_goes_on(void **state)
{
	struct world *world = made(true);
	uint32_t status;

	(void)state;
	assert_true(lend_function_reports_errors(world->function, NULL));
	world_set(world, PCI_COMMAND, 2, ON);
	world_set(world, AER + PCI_ERR_UNCOR_STATUS, 4, PCI_ERR_UNC_COMP_TIME);
	world_set(world, AER + PCI_ERR_HEADER_LOG + 8, 4, 0x12345678);
	tell(world);
	assert_int_equal(world_count(world, "event 5"), 1);
	assert_int_equal(world_count(world, "event"), 1);
	assert_false(lend_function_gone(world->function));
	assert_true(world->bars[0].placed);
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_STATUS, 4), PCI_ERR_UNC_COMP_TIME);
	assert_true(lend_function_reports_errors(world->function, &status));
	assert_int_equal(status, PCI_ERR_UNC_COMP_TIME);
	assert_int_equal(world_read(world, AER + PCI_ERR_CAP, 4), PCI_ERR_CAP_ECRC_GENC | 14);
	assert_int_equal(world_read(world, AER + PCI_ERR_HEADER_LOG + 8, 4), 0x12345678);
	tell(world); /* each is told */
	assert_int_equal(world_count(world, "event 5"), 2);
	stop(world);
}

/* The host's kernel has cleared the status by then. */
static void cleared_status_is_an_internal_error(void **state)
{
	struct world *world = made(true);

	(void)state;
	world_set(world, PCI_COMMAND, 2, ON);
	world_set(world, AER + PCI_ERR_UNCOR_STATUS, 4, 0);
	tell(world);
	assert_int_equal(world_count(world, "event 5"), 1);
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_STATUS, 4), PCI_ERR_UNC_INTN);
	stop(world);
}

static void registers_are_the_guests(void **state)
{
	struct world *world = made(true);

	(void)state;
	world_set(world, PCI_COMMAND, 2, ON);
	world_set(world, AER + PCI_ERR_UNCOR_STATUS, 4, PCI_ERR_UNC_COMP_TIME | PCI_ERR_UNC_POISON_TLP);
	tell(world);
	world_clear(world);
	/* A written 1 clears, byte for byte. */
	world_write(world, AER + PCI_ERR_UNCOR_STATUS + 1, 1, PCI_ERR_UNC_POISON_TLP >> 8);
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_STATUS, 4), PCI_ERR_UNC_COMP_TIME);
	world_write(world, AER + PCI_ERR_UNCOR_STATUS, 4, 0);
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_STATUS, 4), PCI_ERR_UNC_COMP_TIME);
	world_write(world, AER + PCI_ERR_UNCOR_STATUS, 4, UINT32_MAX);
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_STATUS, 4), 0);
	world_write(world, AER + PCI_ERR_COR_STATUS, 4, UINT32_MAX);
	assert_int_equal(world_read(world, AER + PCI_ERR_COR_STATUS, 4), 0);
	/* A device masks internal errors after its reset, and calls them fatal: this one is neither. */
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_MASK, 4), 0x02000000);
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_SEVER, 4), 0x00062030);
	world_write(world, AER + PCI_ERR_UNCOR_MASK, 4, UINT32_MAX);
	world_write(world, AER + PCI_ERR_UNCOR_SEVER, 4, UINT32_MAX);
	world_write(world, AER + PCI_ERR_COR_MASK, 4, UINT32_MAX);
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_MASK, 4), 0x07fff030);
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_SEVER, 4), 0x07fff030);
	assert_int_equal(world_read(world, AER + PCI_ERR_COR_MASK, 4), 0xf1c1);
	world_write(world, AER + PCI_ERR_CAP, 4, UINT32_MAX);
	world_write(world, AER + PCI_ERR_HEADER_LOG, 4, UINT32_MAX);
	assert_int_equal(world_read(world, AER + PCI_ERR_HEADER_LOG, 4), 0);
	assert_int_equal(world->line_count, 0); /* nothing of it reaches the device */
	stop(world);
}

/* The kernel resets the link after a fatal error, and the device has lost what the guest told it. */
static void device_that_lost_its_state_is_stopped(void **state)
{
	static const uint32_t commands[] = {0, PCI_COMMAND_MASTER, 0xffff};

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		struct world *world = made(true);

		world_set(world, PCI_COMMAND, 2, commands[i]);
		tell(world);
		assert_int_equal(world_count(world, "event 1"), 1);
		assert_int_equal(world_count(world, "event"), 1);
		assert_true(lend_function_gone(world->function));
		assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_STATUS, 4), UINT32_MAX);
		stop(world);
	}
}

static void error_that_the_guest_calls_fatal_stops_it(void **state)
{
	struct world *world = made(true);

	(void)state;
	world_set(world, PCI_COMMAND, 2, ON);
	world_set(world, AER + PCI_ERR_UNCOR_STATUS, 4, PCI_ERR_UNC_MALF_TLP);
	tell(world);
	assert_int_equal(world_count(world, "event 1"), 1);
	assert_true(lend_function_gone(world->function));
	stop(world);
}

static void without_reports_nothing_changes(void **state)
{
	struct world *world = made(false);

	(void)state;
	assert_false(lend_function_reports_errors(world->function, NULL));
	world_set(world, PCI_COMMAND, 2, ON);
	world_set(world, AER + PCI_ERR_UNCOR_STATUS, 4, PCI_ERR_UNC_COMP_TIME);
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_STATUS, 4), PCI_ERR_UNC_COMP_TIME);
	tell(world);
	assert_int_equal(world_count(world, "event 1"), 1);
	assert_true(lend_function_gone(world->function));
	stop(world);
}

/* A monitor whose guest takes no reports stops the function itself; a reset brings it back. */
static void monitor_stops_the_function(void **state)
{
	struct world *world = made(true);
	struct lend_reset_report report;

	(void)state;
	lend_function_fail(world->function);
	assert_int_equal(world_count(world, "event 1"), 1);
	assert_true(lend_function_gone(world->function));
	lend_function_fail(world->function);
	assert_int_equal(world_count(world, "event 1"), 1);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	assert_false(lend_function_gone(world->function));
	/* After a reset the registers are as at the start. */
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_STATUS, 4), 0);
	assert_int_equal(world_read(world, AER + PCI_ERR_UNCOR_SEVER, 4), 0x00062030);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_is_reported_and_the_function_goes_on),
		cmocka_unit_test(cleared_status_is_an_internal_error),
		cmocka_unit_test(registers_are_the_guests),
		cmocka_unit_test(device_that_lost_its_state_is_stopped),
		cmocka_unit_test(error_that_the_guest_calls_fatal_stops_it),
		cmocka_unit_test(without_reports_nothing_changes),
		cmocka_unit_test(monitor_stops_the_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

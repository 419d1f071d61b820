/* SPDX-License-Identifier: MIT */
/* What becomes of an error of a device, by x-on-error=, and how the guest is told (plug_stage.h). */
#include "tests/unit/plug_stage.h"

enum { AER = 0x100, ON = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER };

static void serve(void)
{
	errors_serve(&stage.vmm);
	plugs_serve(&stage.vmm);
}

/* The machine's loop runs what waits in it, and then what the callbacks have left. */
static void turn_loop(void)
{
	assert_int_equal(loop_once(&stage.vmm.loop), 0);
	serve();
}

static struct assigned *device(enum vmm_on_error what)
{
	assert_int_equal(add(0), 0);
	serve();
	use(PORT_A);
	serve();
	expect_events("plugged 0, ready 0, ");
	stage.vmm.assigned[0]->config.on_error = what;
	return stage.vmm.assigned[0];
}

/* The port's registers, as the guest's driver of errors sets them. */
static void listen_to_errors(void)
{
	const uint64_t port = PORT_A << 15;

	ecam_ops.write(&stage.vmm.topology, port | (PORT_MSI + PCI_MSI_FLAGS), 2, PCI_MSI_FLAGS_ENABLE);
	ecam_ops.write(&stage.vmm.topology, port | (AER + PCI_ERR_ROOT_COMMAND), 4, 7);
}

static uint32_t port_status(void)
{
	return (uint32_t)ecam_ops.read(&stage.vmm.topology, PORT_A << 15 | (AER + PCI_ERR_ROOT_STATUS), 4);
}

/* VFIO signals; `command` is what the device's register holds then. */
static void fail_device(uint32_t command)
{
	uint64_t one = 1;

	world_set(stage.world, PCI_COMMAND, 2, command);
	assert_int_equal(write(stage.world->notify_fd[0], &one, sizeof(one)), sizeof(one));
	turn_loop();
}

static bool is_gone(void)
{
	return guest_read(PORT_A, PCI_VENDOR_ID, 4) == UINT32_MAX;
}

static void the_guest_is_told_of_what_its_driver_can_mend(void **state)
{
	(void)state;
	device(VMM_ERROR_FORWARD);
	listen_to_errors();
	fail_device(ON);
	assert_int_equal(stage.messages, 1);
	assert_true(port_status() & PCI_ERR_ROOT_NONFATAL_RCV);
	assert_false(is_gone());
	assert_int_equal(guest_read(PORT_A, AER + PCI_ERR_UNCOR_STATUS, 4), PCI_ERR_UNC_INTN);
	expect_events("error 0, ");
	assert_non_null(strstr(stage.log, "the guest was told"));
}

/* The device stays away until the guest resets the bus below the port, and is there again then. */
static void a_fatal_error_ends_with_a_reset_of_the_bus(void **state)
{
	(void)state;
	device(VMM_ERROR_FORWARD);
	listen_to_errors();
	fail_device(0);
	assert_int_equal(stage.messages, 1);
	assert_true(port_status() & PCI_ERR_ROOT_FATAL_RCV);
	assert_true(is_gone());
	expect_events("error 0, ");
	ecam_ops.write(&stage.vmm.topology, PORT_A << 15 | PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
	ecam_ops.write(&stage.vmm.topology, PORT_A << 15 | PCI_BRIDGE_CONTROL, 2, 0);
	ports_serve(&stage.vmm);
	assert_false(is_gone());
	use(PORT_A);
	assert_int_equal(stage.vmm.memory_bus.count, 1);
}

static void a_guest_that_does_not_listen_has_a_device_that_is_stopped(void **state)
{
	(void)state;
	device(VMM_ERROR_FORWARD);
	fail_device(ON);
	serve(); /* the library tells that it has stopped it */
	assert_true(is_gone());
	assert_int_equal(stage.messages, 0);
	expect_events("error 0, ");
}

static void the_device_is_taken_away_where_told(void **state)
{
	(void)state;
	device(VMM_ERROR_REMOVE);
	listen_to_errors();
	fail_device(0);
	serve();
	assert_int_equal(stage.messages, 0);
	expect_events("error 0, deleted 0, ");
	expect_nothing_left();
}

static void the_machine_ends_where_told(void **state)
{
	(void)state;
	device(VMM_ERROR_STOP);
	fail_device(0);
	assert_int_equal(stage.request, REQUEST_DEVICE);
	expect_events("error 0, ");
}

static void the_guest_goes_on_without_it_where_told(void **state)
{
	(void)state;
	device(VMM_ERROR_CONTINUE);
	listen_to_errors();
	fail_device(0);
	assert_true(is_gone());
	assert_int_equal(stage.messages, 0);
	assert_int_equal(stage.request, REQUEST_NONE);
	expect_events("error 0, ");
	assert_non_null(strstr(stage.log, "uncorrectable error"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(the_guest_is_told_of_what_its_driver_can_mend),
		TEST(a_fatal_error_ends_with_a_reset_of_the_bus),
		TEST(a_guest_that_does_not_listen_has_a_device_that_is_stopped),
		TEST(the_device_is_taken_away_where_told),
		TEST(the_machine_ends_where_told),
		TEST(the_guest_goes_on_without_it_where_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

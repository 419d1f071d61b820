/* SPDX-License-Identifier: MIT */
/* Which port a device that comes goes behind, and what is said where none has room (plug_stage.h). */
#include "tests/unit/plug_stage.h"

static void serve(void)
{
	plugs_serve(&stage.vmm);
}

static void too_large_for_each_port(void **state)
{
	(void)state;
	world_bar(stage.world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
		  2ull * ROOM_HIGH);
	assert_int_equal(add(0), 0);
	serve();
	serve();
	expect_events("failed 0, ");
	assert_non_null(strstr(stage.text, "32 MiB above 4 GiB"));
	assert_non_null(strstr(stage.text, "the largest empty port has 16 MiB"));
	assert_non_null(strstr(stage.text, "start the machine with -ports 2,window=32M, or with the device"));
	expect_nothing_left();
}

/* Firmware opens the windows: what a port has is what it asks the firmware for. */
static void below_firmware_a_port_has_what_it_asks_for(void **state)
{
	struct pci_slot *slots = stage.vmm.topology.slots;

	(void)state;
	for (unsigned port = PORT_A; port <= PORT_B; port++) {
		slots[port].setup.unplaced = true;
		slots[port].setup.memory_length = slots[port].setup.prefetch_length = 0;
		slots[port].room_low = slots[port].room_high = 0;
	}
	assert_int_equal(add(0), 0);
	serve();
	serve();
	expect_events("failed 0, ");
	slots[PORT_B].room_low = 1 << 20; /* as of a device that was there when the machine started */
	assert_int_equal(add(0), 0);
	serve();
	expect_events("plugged 0, ");
	assert_int_equal(guest_read(PORT_B, 0, 2), world_get(stage.world, 0, 2));
}

/* A machine with the ports that the refusal names takes the device. */
static void what_the_refusal_names_does(void **state)
{
	const unsigned bar = PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH;

	(void)state;
	world_bar(stage.world, 2, bar, 2ull * ROOM_HIGH);
	world_bar(stage.world, 4, bar, 64 << 10);
	assert_int_equal(add(0), 0);
	serve();
	serve();
	expect_events("failed 0, ");
	assert_non_null(strstr(stage.text, "window=33M"));
	end_machine();
	memset(&stage, 0, sizeof(stage));
	stage.window = 33 << 20;
	start_machine();
	world_bar(stage.world, 2, bar, 2ull * ROOM_HIGH);
	world_bar(stage.world, 4, bar, 64 << 10);
	plug_and_use();
}

static void a_port_that_is_taken_has_room(void **state)
{
	(void)state;
	plug_and_use();
	stage.vmm.topology.slots[PORT_A].setup.prefetch_length = 4ull * ROOM_HIGH;
	world_bar(stage.world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
		  2ull * ROOM_HIGH);
	assert_int_equal(add(1), 0);
	serve();
	serve();
	expect_events("failed 1, ");
	assert_non_null(strstr(stage.text, "take 0000:05:00.0 away first, whose port (1) has room for it"));
}

/* No window that a user can ask for is below 4 GiB. */
static void too_large_below(void **state)
{
	(void)state;
	world_bar(stage.world, 2, 0, 2ull * PORT_ROOM_LOW);
	assert_int_equal(add(0), 0);
	serve();
	serve();
	expect_events("failed 0, ");
	assert_non_null(strstr(stage.text, "32 MiB: start the machine with the device"));
	assert_null(strstr(stage.text, "window="));
	expect_nothing_left();
}

/* A device that was there before the guest goes by the same ways. */
static void the_first_port_that_is_free_again(void **state)
{
	(void)state;
	plug_and_use();
	assert_int_equal(take_away(0, true), 0);
	serve();
	stage.events[0] = '\0';
	chip_write(HOTPLUG_CHANGED, 1 << PORT_A);
	assert_int_equal(add(5), 0);
	serve();
	expect_events("plugged 5, ");
	assert_int_equal(stage.vmm.assigned[5]->slot, PORT_A);
}

#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(too_large_for_each_port),
		each(below_firmware_a_port_has_what_it_asks_for),
		each(what_the_refusal_names_does),
		each(a_port_that_is_taken_has_room),
		each(too_large_below),
		each(the_first_port_that_is_free_again),
	};

	return cmocka_run_group_tests_name("vmm_plug_port", tests, NULL, NULL);
}

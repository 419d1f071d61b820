/* SPDX-License-Identifier: MIT */
/* Devices that come and go while the guest runs (plug_stage.h). */
#include "tests/unit/plug_stage.h"

static void serve(void)
{
	plugs_serve(&stage.vmm);
}

static void reset(void)
{
	plugs_reset(&stage.vmm);
	ports_reset(&stage.vmm);
}

static void until_late(void)
{
	assert_int_equal(loop_once(&stage.vmm.loop), 0);
	serve();
}

static void ch_75b0fe5a2_whole_before_the_guest_sees_it(void **state)
{
	(void)state;
	assert_int_equal(add(3), 0);
	assert_int_equal(stage.opens, 1);
	assert_int_equal(guest_read(PORT_A, 0, 4), UINT32_MAX);
	assert_int_equal(chip(HOTPLUG_CHANGED), 0);
	expect_events("");
	serve();
	expect_events("plugged 3, ");
	assert_int_equal(guest_read(PORT_A, 0, 2), world_get(stage.world, 0, 2));
	assert_int_equal(chip(HOTPLUG_CHANGED), 1 << PORT_A);
	serve();
	guest_write(PORT_A, PCI_COMMAND, 2, 0); /* as a guest that sizes BARs */
	serve();
	expect_events("");
	use(PORT_A);
	serve();
	expect_events("ready 3, ");
	assert_int_equal(stage.vmm.memory_bus.count, 1);
	assert_int_equal(stage.irqfds, 2);
	guest_write(PORT_A, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	serve();
	expect_events("");
}

static void openvmm_3077_bars_stay_until_it_is_let_go(void **state)
{
	(void)state;
	plug_and_use();
	assert_int_equal(take_away(0, false), 0);
	assert_int_equal(chip(HOTPLUG_ASKED), 1 << PORT_A);
	chip_write(HOTPLUG_ASKED, 1 << PORT_A);
	/* A second request presses nothing. */
	assert_int_equal(take_away(0, false), -EALREADY);
	assert_non_null(strstr(stage.text, "0000:05:00.0"));
	assert_int_equal(chip(HOTPLUG_ASKED), 0);
	serve();
	expect_events("");
	/* Until then its driver works with it: BAR, interrupts and config space are there. */
	assert_int_equal(stage.vmm.memory_bus.count, 1);
	assert_int_equal(stage.irqfds, 2);
	assert_int_equal(guest_read(PORT_A, 0, 2), world_get(stage.world, 0, 2));
	chip_write(HOTPLUG_EJECT, 1 << PORT_A);
	serve();
	assert_int_equal(guest_read(PORT_A, 0, 4), UINT32_MAX);
	serve();
	expect_events("deleted 0, ");
	expect_nothing_left();
	plug_and_use(); /* the number and the port are free again */
}

/* A device's line is that of its port: it is not known before the device has one. */
static void its_line_is_that_of_its_port(void **state)
{
	(void)state;
	stage.world->vectors[LEND_IRQ_INTX] = 1;
	assert_int_equal(add(0), 0);
	assert_int_equal(stage.line_gsi, 0);
	serve();
	expect_events("plugged 0, ");
	assert_int_equal(stage.line_gsi, line_gsi(PORT_A, 1));
	assert_int_equal(take_away(0, true), 0);
	serve();
	expect_events("deleted 0, ");
	expect_nothing_left();
}

/* What the guest said of a slot's last device, and the loop has not taken yet, is not about the next one. */
static void what_was_said_of_the_last_device_is_forgotten(void **state)
{
	(void)state;
	plug_and_use();
	chip_write(HOTPLUG_EJECT, 1 << PORT_A);
	assert_int_equal(take_away(0, true), 0);
	assert_int_equal(add(1), 0);
	serve();
	expect_events("plugged 1, deleted 0, ");
	serve();
	expect_events("");
	assert_int_equal(guest_read(PORT_A, 0, 2), world_get(stage.world, 0, 2));
}

/* The guest lets it go and is reset before the loop has heard of it. */
static void a_reset_does_not_lose_what_was_let_go(void **state)
{
	(void)state;
	plug_and_use();
	chip_write(HOTPLUG_EJECT, 1 << PORT_A);
	reset();
	serve();
	expect_events("deleted 0, ");
	expect_nothing_left();
}

/* The system does hotplug by the chip: no write to the port's slot registers interrupts, or completes later.
 */
static void pciehp_no_interrupt_for_a_command(void **state)
{
	enum { EXP = 0x40 };
	const uint64_t port = (uint64_t)PORT_A << 15;

	(void)state;
	for (unsigned bit = 0; bit <= 16; bit++) {
		uint16_t control = (uint16_t)(bit < 16 ? 1u << bit : 0xffff);

		ecam_ops.write(&stage.vmm.topology, port | (EXP + PCI_EXP_SLTCTL), 2, control);
		ecam_ops.write(&stage.vmm.topology, port | (EXP + PCI_EXP_SLTSTA), 2, 0xffff);
		assert_int_equal(ecam_ops.read(&stage.vmm.topology, port | (EXP + PCI_EXP_SLTSTA), 2) &
					 PCI_EXP_SLTSTA_CC,
				 0);
	}
	assert_true(ecam_ops.read(&stage.vmm.topology, port | (EXP + PCI_EXP_SLTCAP), 4) &
		    PCI_EXP_SLTCAP_NCCS);
	assert_int_equal(stage.messages, 0);
}

static void the_guest_lets_it_go_unasked(void **state)
{
	(void)state;
	plug_and_use();
	chip_write(HOTPLUG_EJECT, 1 << PORT_A);
	serve();
	serve();
	expect_events("deleted 0, ");
	expect_nothing_left();
}

static void the_guest_keeps_it(void **state)
{
	(void)state;
	plug_and_use();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(take_away(0, false), 0);
		chip_write(HOTPLUG_ASKED, 1 << PORT_A);
		chip_write(HOTPLUG_OUTCOME, PORT_A << 24 | 3 << 8 | 0x82);
		serve();
		expect_events("refused 0, ");
		assert_non_null(strstr(stage.text, "0x82"));
	}
	assert_int_equal(guest_read(PORT_A, 0, 2), world_get(stage.world, 0, 2));
}

static void the_guest_does_not_answer(void **state)
{
	(void)state;
	stage.vmm.config.unplug_ms = 1;
	plug_and_use();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(take_away(0, false), 0);
		serve();
		until_late();
		expect_events("refused 0, ");
		assert_non_null(strstr(stage.text, "not answered"));
		assert_int_equal(chip(HOTPLUG_ASKED), 1 << PORT_A);
		chip_write(HOTPLUG_ASKED, 1 << PORT_A);
	}
	/* It answers late: it is gone all the same. */
	chip_write(HOTPLUG_EJECT, 1 << PORT_A);
	serve();
	serve();
	expect_events("deleted 0, ");
}

static void ch_7c5b66b2c_by_force(void **state)
{
	(void)state;
	plug_and_use();
	assert_int_equal(take_away(0, true), 0);
	assert_int_equal(guest_read(PORT_A, 0, 4), UINT32_MAX);
	assert_int_equal(stage.vmm.memory_bus.count, 0);
	assert_int_equal(chip(HOTPLUG_CHANGED), 1 << PORT_A);
	serve();
	expect_events("deleted 0, ");
	expect_nothing_left();
	assert_int_equal(take_away(0, true), -ENODEV);
}

static void by_force_after_a_question(void **state)
{
	(void)state;
	plug_and_use();
	assert_int_equal(take_away(0, false), 0);
	assert_int_equal(take_away(0, true), 0);
	assert_int_equal(chip(HOTPLUG_ASKED), 0);
	serve();
	serve();
	expect_events("deleted 0, ");
	expect_nothing_left();
}

static void the_guest_never_turns_it_on(void **state)
{
	(void)state;
	stage.vmm.config.plug_ms = 1;
	assert_int_equal(add(0), 0);
	serve();
	expect_events("plugged 0, ");
	until_late();
	serve();
	expect_events("timeout 0, ");
	assert_non_null(strstr(stage.text, "not turned it on"));
	assert_int_equal(guest_read(PORT_A, 0, 4), UINT32_MAX);
	expect_nothing_left();
}

/* While the user holds the guest, it can do nothing, and is late with nothing. */
static void a_held_guest_is_not_late(void **state)
{
	(void)state;
	stage.vmm.config.plug_ms = 1;
	stage.vmm.held = true;
	assert_int_equal(add(0), 0);
	serve();
	until_late();
	until_late();
	expect_events("plugged 0, ");
	stage.vmm.held = false;
	until_late();
	serve();
	expect_events("timeout 0, ");
}

static void a_reset_ends_what_was_asked(void **state)
{
	(void)state;
	plug_and_use();
	assert_int_equal(take_away(0, false), 0);
	reset();
	serve();
	expect_events("deleted 0, ");
	assert_int_equal(chip(HOTPLUG_CHANGED) | chip(HOTPLUG_ASKED), 0);
	expect_nothing_left();
}

static void openvmm_3915_a_device_survives_a_reset(void **state)
{
	(void)state;
	assert_int_equal(add(0), 0);
	serve();
	reset();
	serve();
	expect_events("plugged 0, ");
	assert_int_equal(guest_read(PORT_A, 0, 2), world_get(stage.world, 0, 2));
	use(PORT_A);
	serve();
	expect_events("ready 0, ");
	reset();
	assert_int_equal(guest_read(PORT_A, 0, 2), world_get(stage.world, 0, 2));
	assert_int_equal(take_away(0, false), 0);
	assert_int_equal(chip(HOTPLUG_ASKED), 1 << PORT_A);
}

/*
 * The machine is reset while a device is opened, and while one is closed: none is half-way when devices
 * are reset, and the guest does not run before all of the reset is done.
 */
static void a_reset_waits_for_who_comes_and_goes(void **state)
{
	struct lend_error error;

	(void)state;
	stage.open_ms = 50;
	assert_int_equal(plugs_start(&stage.vmm, &error), 0);
	assert_int_equal(add(0), 0);
	plugs_settle(&stage.vmm);
	assert_null(stage.vmm.plugs.list);
	assert_non_null(stage.vmm.assigned[0]);
	expect_events("plugged 0, ");
	assert_int_equal(stage.resumes, 0);
	assert_int_equal(devices_reset(&stage.vmm, &error), 0);
	assert_int_equal(take_away(0, true), 0);
	stage.resumes = 0;
	plugs_settle(&stage.vmm);
	expect_events("deleted 0, ");
	assert_int_equal(stage.resumes, 0);
	expect_nothing_left();
	/* The guest resets a bus: what is on it in the host may be what comes just now. */
	assert_int_equal(add(1), 0);
	ports_bus_reset(&stage.vmm, PORT_B);
	ports_serve(&stage.vmm);
	expect_events("plugged 1, ");
}

/* A device that was opened in vain is closed, too, before devices are reset. */
static void a_reset_waits_for_who_finds_no_port(void **state)
{
	struct lend_error error;

	(void)state;
	world_bar(stage.world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
		  2ull * ROOM_HIGH);
	assert_int_equal(plugs_start(&stage.vmm, &error), 0);
	for (unsigned i = 0; i < 20; i++) { /* the worker may be quick enough now and then */
		assert_int_equal(add(0), 0);
		plugs_settle(&stage.vmm);
		assert_null(stage.vmm.plugs.list);
		expect_events("failed 0, ");
		expect_nothing_left();
	}
}

static void host_asks(void)
{
	uint64_t one = 1;

	assert_int_equal(write(stage.world->notify_fd[1], &one, sizeof(one)), sizeof(one));
	assert_int_equal(loop_once(&stage.vmm.loop), 0);
	devices_release(&stage.vmm);
	serve();
}

static void the_host_asks_and_the_guest_lets_it_go(void **state)
{
	(void)state;
	plug_and_use();
	host_asks();
	expect_events("asked back 0, ");
	assert_int_equal(chip(HOTPLUG_ASKED), 1 << PORT_A);
	assert_int_equal(guest_read(PORT_A, 0, 2), world_get(stage.world, 0, 2));
	host_asks(); /* the kernel repeats it */
	expect_events("");
	chip_write(HOTPLUG_EJECT, 1 << PORT_A);
	serve();
	serve();
	expect_events("deleted 0, ");
	assert_string_equal(stage.text, "the guest let it go");
	assert_non_null(strstr(stage.log, "(the guest let it go)"));
	expect_nothing_left();
}

static void the_host_asks_and_the_guest_keeps_it(void **state)
{
	(void)state;
	plug_and_use();
	stage.vmm.assigned[0]->config.give_up_ms = 1;
	host_asks();
	chip_write(HOTPLUG_OUTCOME, PORT_A << 24 | 3 << 8 | 1);
	until_late();
	serve();
	expect_events("asked back 0, deleted 0, ");
	assert_string_equal(stage.text, "the guest has not let it go within 1 ms, and the host wants it");
	assert_non_null(strstr(stage.log, stage.text));
	assert_int_equal(guest_read(PORT_A, 0, 4), UINT32_MAX);
	expect_nothing_left();
}

static void what_cannot_come(void **state)
{
	(void)state;
	assert_int_equal(take_away(VMM_DEVICES_MAX, false), -ENODEV);
	assert_int_equal(take_away(0, false), -ENODEV);
	plug_and_use();
	assert_int_equal(add(0), -EEXIST);
	assert_int_equal(add(VMM_DEVICES_MAX), -EEXIST);
	stage.vmm.config.ports = 0;
	assert_int_equal(add(1), -EOPNOTSUPP);
	assert_non_null(strstr(stage.text, "-ports"));
	stage.vmm.config.ports = 2;
	stage.vmm.topology.slots[PORT_B].kind = SLOT_EMPTY;
	assert_int_equal(add(1), -ENOSPC);
	stage.vmm.topology.slots[PORT_B].kind = SLOT_PORT;
	expect_events("");
}

static void a_machine_ends_with_a_device_half_way(void **state)
{
	(void)state;
	assert_int_equal(add(0), 0);
	plugs_free(&stage.vmm);
	assert_null(stage.vmm.plugs.list);
	assert_int_equal(stage.world->map_count, 0);
	assert_int_equal(plugs_init(&stage.vmm), 0); /* tear_down() ends it */
}

#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(ch_75b0fe5a2_whole_before_the_guest_sees_it),
		each(openvmm_3077_bars_stay_until_it_is_let_go),
		each(its_line_is_that_of_its_port),
		each(what_was_said_of_the_last_device_is_forgotten),
		each(a_reset_does_not_lose_what_was_let_go),
		each(pciehp_no_interrupt_for_a_command),
		each(the_guest_lets_it_go_unasked),
		each(the_guest_keeps_it),
		each(the_guest_does_not_answer),
		each(ch_7c5b66b2c_by_force),
		each(by_force_after_a_question),
		each(the_guest_never_turns_it_on),
		each(a_held_guest_is_not_late),
		each(a_reset_ends_what_was_asked),
		each(openvmm_3915_a_device_survives_a_reset),
		each(a_reset_waits_for_who_comes_and_goes),
		each(a_reset_waits_for_who_finds_no_port),
		each(the_host_asks_and_the_guest_lets_it_go),
		each(the_host_asks_and_the_guest_keeps_it),
		each(what_cannot_come),
		each(a_machine_ends_with_a_device_half_way),
	};

	return cmocka_run_group_tests_name("vmm_plug", tests, NULL, NULL);
}

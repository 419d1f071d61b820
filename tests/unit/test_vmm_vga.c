/* SPDX-License-Identifier: MIT */
/* The legacy VGA ranges and ioeventfds on this machine. */
#include "tests/unit/vmm_doubles.h"
#include "vmm/x86/tables.h"

static bool answers(struct bus *bus, uint64_t address)
{
	uint64_t value;

	/* The double answers with the address. */
	return bus_read(bus, address, 1, &value) == 0 && value == address;
}

static void what_is_decoded_answers(void **state)
{
	static const uint64_t ports[] = {0x3b0, 0x3bb, 0x3c0, 0x3df}, others[] = {0x3af, 0x3bc, 0x3bf, 0x3e0};

	(void)state;
	assert_int_equal(assign_ops.vga_map(&vmm, device, true, false), 0);
	assert_true(answers(&vmm.memory_bus, 0xa0000));
	assert_true(answers(&vmm.memory_bus, 0xbffff));
	assert_false(answers(&vmm.memory_bus, 0x9ffff));
	assert_false(answers(&vmm.memory_bus, 0xc0000));
	assert_false(answers(&vmm.port_bus, 0x3c0));
	assert_int_equal(assign_ops.vga_map(&vmm, device, true, true), 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(answers(&vmm.port_bus, ports[i]));
		assert_false(answers(&vmm.port_bus, others[i]));
	}
	assert_int_equal(assign_ops.vga_map(&vmm, device, false, true), 0);
	assert_false(answers(&vmm.memory_bus, 0xa0000));
	assert_int_equal(assign_ops.vga_map(&vmm, device, false, false), 0);
	assert_int_equal(vmm.port_bus.count, 0);
	assert_int_equal(vmm.memory_bus.count, 0);
}

/* The second waits, and has them when the first lets go. */
static void one_device_at_a_time(void **state)
{
	struct assigned *pair[2] = {device, add_device(1)};

	(void)state;
	assert_int_equal(assign_ops.vga_map(&vmm, pair[0], true, true), 0);
	assert_int_equal(assign_ops.vga_map(&vmm, pair[1], true, false), 1);
	assert_ptr_equal(vmm.vga, pair[0]);
	assert_true(answers(&vmm.memory_bus, 0xa0000));
	assert_int_equal(assign_ops.vga_map(&vmm, pair[0], false, true), 0);
	assert_false(answers(&vmm.memory_bus, 0xa0000)); /* the first still has the ports */
	assert_int_equal(assign_ops.vga_map(&vmm, pair[0], false, false), 0);
	assert_ptr_equal(vmm.vga, pair[1]);
	assert_ptr_equal(vmm.memory_bus.ranges[0].opaque, pair[1]);
	assert_int_equal(vmm.port_bus.count, 0);
	assert_int_equal(assign_ops.vga_map(&vmm, pair[1], false, false), 0);
	assert_null(vmm.vga);
	assert_int_equal(vmm.memory_bus.count, 0);
}

/* A guest's I/O BAR lies on the ports, and goes. And the other way round. */
static void who_comes_second_waits(void **state)
{
	const struct lend_bar_direct none = {0};
	const struct lend_bar_map ports = {
		.bar = 5, .io = true, .address = 0x3d0, .size = 0x10, .direct = &none};

	(void)state;
	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_map(&vmm, device, &ports), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(assign_ops.vga_map(&vmm, device, true, true), 1);
	assert_true(answers(&vmm.memory_bus, 0xa0000)); /* each kind by itself */
	assert_false(answers(&vmm.port_bus, 0x3b0));
	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, 5), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_true(answers(&vmm.port_bus, 0x3b0));
	assert_true(answers(&vmm.port_bus, 0x3d0));

	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_map(&vmm, device, &ports), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 1 << 5);
	assert_int_equal(assign_ops.vga_map(&vmm, device, false, false), 0);
	assert_null(vmm.vga);
	assert_int_equal(vmm.port_bus.count, 1);
	assert_ptr_equal(vmm.port_bus.ranges[0].opaque, &device->bars[5]);
}

static void ram_has_a_hole(void **state)
{
	const struct memory memory = {.piece_count = 2,
				      .pieces = {{gpa(0), 0, GIB(1)}, {gpa(ADDR_4GIB), GIB(1), GIB(2)}}};
	struct memory_piece out[MEMORY_PIECES_MAX + 1];

	(void)state;
	assert_int_equal(map_shown(&memory, false, out), 2);
	assert_int_equal(out[0].length, GIB(1));
	assert_int_equal(map_shown(&memory, true, out), 3);
	assert_int_equal(out[0].length, 0xa0000);
	assert_int_equal(out[1].gpa.a, 0xc0000);
	assert_int_equal(out[1].offset, 0xc0000); /* huge pages stay possible */
	assert_int_equal(out[1].length, GIB(1) - 0xc0000);
	assert_int_equal(out[2].length, GIB(2));
}

static void ioeventfds(void **state)
{
	const struct lend_bar_direct none = {0};
	const struct lend_bar_map memory = {.address = 0xe0000000, .size = 0x100000, .direct = &none};
	const struct lend_bar_map ports = {
		.bar = 5, .io = true, .address = 0x1000, .size = 0x80, .direct = &none};
	struct lend_ioeventfd what = {.bar = 0, .length = 1, .offset = 0x88068, .data = 0xff, .fd = 7};

	(void)state;
	assert_int_equal(assign_ops.ioeventfd_add(&vmm, device, &what), -ENOENT); /* it is nowhere */
	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_map(&vmm, device, &memory), 0);
	assert_int_equal(assign_ops.bar_map(&vmm, device, &ports), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_int_equal(assign_ops.ioeventfd_add(&vmm, device, &what), 0);
	assert_int_equal(kvm.event_address, 0xe0088068);
	assert_int_equal(kvm.event_data, 0xff);
	assert_int_equal(kvm.event_flags, KVM_IOEVENTFD_FLAG_DATAMATCH);
	assert_int_equal(kvm.event_lengths, 1 << 1);
	assert_int_equal(assign_ops.ioeventfd_remove(&vmm, device, &what), 0);
	assert_int_equal(kvm.event_flags, KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_DEASSIGN);
	assert_int_equal(kvm.event_lengths, 0);
	what.bar = 5;
	what.offset = 4;
	assert_int_equal(assign_ops.ioeventfd_add(&vmm, device, &what), 0);
	assert_int_equal(kvm.event_address, 0x1004);
	assert_int_equal(kvm.event_flags, KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH);
	/* Of any length, with any data: each length, or none of them. */
	what.length = 0;
	what.any = true;
	kvm.event_lengths = 0;
	assert_int_equal(assign_ops.ioeventfd_add(&vmm, device, &what), 0);
	assert_int_equal(kvm.event_flags, KVM_IOEVENTFD_FLAG_PIO);
	assert_int_equal(kvm.event_lengths, 1 << 1 | 1 << 2 | 1 << 4 | 1 << 8);
	assert_int_equal(assign_ops.ioeventfd_remove(&vmm, device, &what), 0);
	assert_int_equal(kvm.event_lengths, 0);
	kvm.event_refused = 4;
	assert_int_equal(assign_ops.ioeventfd_add(&vmm, device, &what), -ENOSPC);
	assert_int_equal(kvm.event_lengths, 0);
	kvm.event_refused = 0;
	what.bar = 6; /* the ROM, which is nowhere */
	assert_int_equal(assign_ops.ioeventfd_add(&vmm, device, &what), -ENOENT);
	what.bar = 7;
	assert_int_equal(assign_ops.ioeventfd_add(&vmm, device, &what), -ENOENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_is_decoded_answers), TEST(one_device_at_a_time), TEST(who_comes_second_waits),
		TEST(ram_has_a_hole),          TEST(ioeventfds),
	};

	return cmocka_run_group_tests_name("vmm_vga", tests, NULL, NULL);
}

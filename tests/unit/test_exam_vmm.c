/* SPDX-License-Identifier: MIT */
/* The exam (docs/security.md): the machine's side of interrupts, and its chip of hotplug. */
#include "tests/unit/vmm_doubles.h"

static void set_route(struct assigned *of, unsigned vector, uint32_t data)
{
	assign_ops.msi_begin(&vmm, of);
	assert_int_equal(assign_ops.msi_set(&vmm, of, vector, 0xfee00000, data), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, of), 0);
}

/* A device reaches the routes that it has. An error undoes what the same call did, and nothing of others. */
static void xsa_237_only_its_own_routes(void **state)
{
	struct assigned *other = add_device(1);

	(void)state;
	set_route(device, 0, 0x11);
	assert_int_equal(assign_ops.msi_attach(&vmm, device, 0, 99), 0);
	kvm.irqfd_gsi = -1;
	assert_int_equal(assign_ops.msi_attach(&vmm, other, 0, 98), -ENOENT);
	assert_int_equal(assign_ops.msi_attach(&vmm, other, UINT32_MAX, 98), -ENOENT);
	assert_int_equal(assign_ops.msi_detach(&vmm, other, 0, 99), -ENOENT);
	assert_int_equal(kvm.irqfd_gsi, -1);
	assign_ops.msi_begin(&vmm, other);
	assign_ops.msi_free(&vmm, other, 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, other), 0);
	kvm.table_error = -ENOMEM;
	assign_ops.msi_begin(&vmm, other);
	assert_int_equal(assign_ops.msi_set(&vmm, other, 0, 0xfee00000, 0x22), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, other), -ENOMEM);
	kvm.table_error = 0;
	set_route(other, 1, 0x33);
	assert_int_equal(kvm.entries, ROUTES_PINS + 2);
	assert_int_equal(kvm.data[0], 0x11);
	assert_int_equal(kvm.data[1], 0x33);
}

/* A GSI follows from the guest's slot and pin, and stays among the IOAPIC's pins. */
static void crosvm_e4c638d5c_no_number_of_the_host(void **state)
{
	(void)state;
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
		for (unsigned pin = 1; pin <= 4; pin++)
			assert_in_range(line_gsi(slot, pin), GSI_PCI, ROUTES_PINS - 1);
	device->slot = PCI_SLOTS - 1;
	assert_int_equal(assign_ops.line_attach(&vmm, device, 4, 5, 6), 0);
	assert_in_range(kvm.irqfd_gsi, GSI_PCI, ROUTES_PINS - 1);
}

static unsigned calls;

static void on_level(void *opaque, bool high)
{
	(void)opaque, (void)high;
	calls++;
}

static void on_slot(void *opaque, unsigned slot)
{
	(void)opaque, (void)slot;
	calls++;
}

static void on_refused(void *opaque, unsigned slot, uint32_t status)
{
	(void)opaque, (void)slot, (void)status;
	calls++;
}

/* The chip of hotplug answers to 4 bytes at its registers alone. */
static void ch_8405_registers_of_hotplug(void **state)
{
	const struct hotplug_calls table = {
		.level = on_level, .seen = on_slot, .ejected = on_slot, .refused = on_refused};
	struct hotplug hotplug;

	(void)state;
	hotplug_init(&hotplug, &table, 0xfe, 0xfe);
	hotplug_came(&hotplug, 3);
	calls = 0;
	for (uint64_t at = 0; at < 64; at++)
		for (unsigned length = 0; length < 16; length++) {
			if (length == 4)
				continue;
			assert_true(hotplug_ops.read(&hotplug, at, length) == UINT64_MAX);
			hotplug_ops.write(&hotplug, at, length, UINT64_MAX);
		}
	for (uint64_t at = 1; at < 64; at += 4)
		hotplug_ops.write(&hotplug, at, 4, UINT64_MAX);
	assert_int_equal(calls, 0);
	assert_int_equal(hotplug_ops.read(&hotplug, HOTPLUG_CHANGED, 4), 1 << 3);
	hotplug_free(&hotplug);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(xsa_237_only_its_own_routes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(crosvm_e4c638d5c_no_number_of_the_host, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ch_8405_registers_of_hotplug, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("exam_vmm", tests, NULL, NULL);
}

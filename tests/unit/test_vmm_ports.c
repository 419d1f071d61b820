/* SPDX-License-Identifier: MIT */
/* Root ports in a machine: the level of hotplug's interrupt, errors from below, resets of the bus below. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/mute_functions.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"

struct lend_function {
	unsigned resets;
};

static struct vmm vmm;
static struct assigned assigned[3];
static struct lend_function functions[3];
static struct {
	int gsi, level, reset_error;
	uint64_t address;
	uint32_t data;
	unsigned ejected, refused, seen;
	unsigned messages, pauses, parks, resumes, wakes, reset_calls;
	char line[512];
} told;

int hv_irq_line(int vm, unsigned gsi, int level)
{
	(void)vm;
	told.gsi = (int)gsi;
	told.level = level;
	return 0;
}

int hv_signal_msi(int vm, uint64_t address, uint32_t data)
{
	(void)vm;
	told.address = address;
	told.data = data;
	told.messages++;
	return 0;
}

int lend_context_reset(struct lend_context *context, struct lend_function **set, size_t count,
		       struct lend_reset_report *reports, size_t stride)
{
	(void)context;
	assert_int_equal(stride, sizeof(*reports));
	assert_true(told.parks > 0);
	told.reset_calls++;
	for (size_t i = 0; i < count; i++) {
		set[i]->resets++;
		reports[i] = (struct lend_reset_report){.result = told.reset_error, .check = "good"};
	}
	return told.reset_error;
}

void vcpus_order(struct vcpus *vcpus, enum vcpus_order order)
{
	(void)vcpus;
	told.pauses += order == VCPUS_PAUSE;
}

void vcpus_wait_parked(struct vcpus *vcpus)
{
	(void)vcpus;
	told.parks++;
}

void plugs_settle(struct vmm *of)
{
	(void)of;
	assert_true(told.parks > 0);
}

void vmm_resume(struct vmm *of)
{
	(void)of;
	told.resumes++;
}

void vmm_wake(struct vmm *of)
{
	(void)of;
	told.wakes++;
}

bool vmm_may_log(struct vmm *of)
{
	(void)of;
	return true;
}

void vmm_log(struct vmm *of, enum lend_log_level level, const char *format, ...)
{
	va_list args;

	(void)of, (void)level;
	va_start(args, format);
	vsnprintf(told.line, sizeof(told.line), format, args);
	va_end(args);
}

void plug_ejected(void *opaque, unsigned slot)
{
	(void)opaque;
	told.ejected = slot;
}

void plug_refused(void *opaque, unsigned slot, uint32_t status)
{
	(void)opaque;
	told.refused = slot << 8 | status;
}

void plug_seen(void *opaque, unsigned slot)
{
	(void)opaque;
	told.seen = slot;
}

void plug_commanded(void *opaque)
{
	(void)opaque;
}

/* One device behind a port from the start, one that came, and one on the root bus; the last port is empty. */
static int start(void **state)
{
	const struct layout layout = {.low_start = 0xe0000000,
				      .low_end = 0xf0000000,
				      .high_start = 0x100000000,
				      .high_end = 0x8000000000,
				      .buses = 4,
				      .hotplug = 1 << 1 | 1 << 3 | 1 << 4};
	const struct placement placements[] = {
		{.function = &functions[0], .host = {.bus = 1}, .place = LEND_PLACE_PORT},
		{.function = &functions[1], .host = {.bus = 2}, .place = LEND_PLACE_ROOT},
	};
	static const unsigned slots[] = {1, 2, 3};

	(void)state;
	memset(&vmm, 0, sizeof(vmm));
	memset(&told, 0, sizeof(told));
	memset(functions, 0, sizeof(functions));
	bus_init(&vmm.port_bus);
	vmm.layout = layout;
	vmm.assigned_count = 3;
	for (unsigned i = 0; i < 3; i++) {
		assigned[i] = (struct assigned){.index = i, .function = &functions[i], .slot = slots[i]};
		snprintf(assigned[i].name, sizeof(assigned[i].name), "0000:0%u:00.0", i + 1);
		vmm.assigned[i] = &assigned[i];
	}
	if (topology_place(&vmm.topology, placements, 2) || topology_add_ports(&vmm.topology, 2, MIB(1)) ||
	    topology_assign(&vmm.topology, &vmm.layout, NULL) || ports_init(&vmm, NULL))
		return -1;
	topology_insert(&vmm.topology, 3, &functions[2]);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	ports_free(&vmm);
	return 0;
}

static void config_write(unsigned slot, unsigned reg, unsigned length, uint32_t value)
{
	ecam_ops.write(&vmm.topology, slot << 15 | reg, length, value);
}

static void listen(unsigned slot)
{
	config_write(slot, PORT_MSI + PCI_MSI_ADDRESS_LO, 4, 0xfee00000 | slot << 12);
	config_write(slot, PORT_MSI + PCI_MSI_DATA_64, 2, 0x40 + slot);
	config_write(slot, PORT_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	config_write(slot, 0x100 + PCI_ERR_ROOT_COMMAND, 4, 7);
}

static void an_event_raises_a_line_until_it_is_taken(void **state)
{
	uint64_t value = 0;

	(void)state;
	hotplug_came(&vmm.hotplug, 3);
	assert_int_equal(told.gsi, GSI_HOTPLUG);
	assert_int_equal(told.level, 1);
	assert_int_equal(bus_read(&vmm.port_bus, PORT_HOTPLUG + HOTPLUG_CHANGED, 4, &value), 0);
	assert_int_equal(value, 1 << 3);
	assert_int_equal(bus_write(&vmm.port_bus, PORT_HOTPLUG + HOTPLUG_CHANGED, 4, value), 0);
	assert_int_equal(told.level, 0);
	assert_int_equal(told.seen, 3);
	hotplug_ask(&vmm.hotplug, 1);
	assert_int_equal(told.level, 1);
	assert_int_equal(bus_write(&vmm.port_bus, PORT_HOTPLUG + HOTPLUG_OUTCOME, 4, 1 << 24 | 3 << 8 | 0x81),
			 0);
	assert_int_equal(told.refused, 1 << 8 | 0x81);
	assert_int_equal(bus_write(&vmm.port_bus, PORT_HOTPLUG + HOTPLUG_EJECT, 4, 1 << 3), 0);
	assert_int_equal(told.ejected, 3);
	ports_reset(&vmm);
	assert_int_equal(told.level, 0);
}

static void an_error_interrupts_by_the_ports_message(void **state)
{
	(void)state;
	assert_false(ports_error(&vmm, &functions[2], PORT_ERROR_FATAL));
	assert_int_equal(told.messages, 0); /* nobody listens */
	listen(1);
	listen(3);
	assert_true(ports_error(&vmm, &functions[2], PORT_ERROR_FATAL));
	assert_int_equal(told.messages, 1);
	assert_true(told.address == 0xfee03000);
	assert_int_equal(told.data, 0x43);
	/* The guest's own number of the bus. */
	assert_int_equal(bridge_config_read(&vmm.topology.slots[3].config, 0x100 + PCI_ERR_ROOT_ERR_SRC, 4),
			 0x200 << 16);
	assert_false(ports_error(&vmm, &functions[1], PORT_ERROR_FATAL));
	vmm.topology.slots[1].setup.hotplug = false;
	assert_false(ports_error(&vmm, &functions[0], PORT_ERROR_FATAL));
	assert_int_equal(told.messages, 1);
}

static void a_reset_of_the_bus_resets_what_is_below(void **state)
{
	(void)state;
	ports_serve(&vmm);
	assert_int_equal(told.pauses + told.parks + told.resumes, 0);
	config_write(3, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
	assert_int_equal(told.reset_calls, 0); /* a vCPU does not wait for it */
	assert_int_equal(told.wakes, 1);
	config_write(3, PCI_BRIDGE_CONTROL, 2, 0);
	ports_serve(&vmm);
	ports_serve(&vmm);
	assert_int_equal(told.reset_calls, 1);
	assert_int_equal(told.resumes, 1);
	assert_int_equal(functions[0].resets + functions[1].resets, 0);
	assert_int_equal(functions[2].resets, 1);
	assert_non_null(strstr(told.line, "0000:03:00.0: reset, because the guest resets its bus"));
	told.reset_error = -EOPNOTSUPP;
	config_write(1, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET);
	ports_serve(&vmm);
	assert_int_equal(functions[0].resets, 1);
	assert_non_null(strstr(told.line, "nothing here resets it"));
	config_write(4, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_BUS_RESET); /* nothing is below */
	ports_serve(&vmm);
	assert_int_equal(told.resumes, 3);
}

static void without_ports_there_is_no_chip(void **state)
{
	struct vmm *bare = calloc(1, sizeof(*bare));
	uint64_t value;

	(void)state;
	assert_non_null(bare);
	bus_init(&bare->port_bus);
	assert_int_equal(ports_init(bare, NULL), 0);
	assert_int_equal(bus_read(&bare->port_bus, PORT_HOTPLUG, 4, &value), -ENXIO);
	ports_reset(bare);
	ports_free(bare);
	free(bare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_event_raises_a_line_until_it_is_taken, start, stop),
		cmocka_unit_test_setup_teardown(an_error_interrupts_by_the_ports_message, start, stop),
		cmocka_unit_test_setup_teardown(a_reset_of_the_bus_resets_what_is_below, start, stop),
		cmocka_unit_test(without_ports_there_is_no_chip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

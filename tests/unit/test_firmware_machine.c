/* SPDX-License-Identifier: MIT */
/*
 * The chips of firmware in a machine, with doubles of KVM: what is where on the buses and in memory
 * slots, and what the firmware's writes to its chipset change there.
 */
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/firmware_files.h"
#include "tests/unit/vmm_doubles.h"
#include "vmm/firmware/files.h"
#include "vmm/firmware/firmware.h"

int hv_create_pit(int vm)
{
	(void)vm;
	return 0;
}

int hv_get_pit(int vm, struct kvm_pit_state2 *state)
{
	(void)vm;
	state->flags = 0x55;
	return 0;
}

static unsigned pits;

int hv_set_pit(int vm, const struct kvm_pit_state2 *state)
{
	(void)vm;
	assert_int_equal(state->flags, 0x55);
	pits++;
	return 0;
}

/* No function is placed: the calls of liblend that the topology would make. */
uint32_t lend_function_config_read(struct lend_function *function, unsigned offset, unsigned length)
{
	(void)function, (void)offset, (void)length;
	return UINT32_MAX;
}

void lend_function_config_write(struct lend_function *function, unsigned offset, unsigned length,
				uint32_t value)
{
	(void)function, (void)offset, (void)length, (void)value;
}

void lend_function_bar(const struct lend_function *function, unsigned index, struct lend_bar *out,
		       size_t size)
{
	(void)function, (void)index;
	memset(out, 0, size);
}

void lend_function_link(const struct lend_function *function, struct lend_link *out, size_t size)
{
	(void)function;
	memset(out, 0, size);
}

static const struct vmm_device_config devices[] = {{.boot_index = 3}};
static struct vmm_firmware_config config;

static int start(void **state)
{
	struct lend_error error;
	int ret = set_up(state);

	pits = 0;
	config = (struct vmm_firmware_config){.code_fd = firmware_file(FILE_CODE, CODE_4M),
					      .vars_fd = -1,
					      .template_fd = firmware_file(FILE_STORE, VARS_4M)};
	config.code_name = "code.fd";
	vmm.config = (struct vmm_config){.memory = MIB(256),
					 .cpus = 2,
					 .kernel_fd = -1,
					 .firmware = &config,
					 .devices = devices,
					 .device_count = 1};
	vmm.cpuid = calloc(1, sizeof(*vmm.cpuid));
	vmm.layout = (struct layout){.ram = {{.length = MIB(256)}},
				     .ram_count = 1,
				     .low_start = 0xc0000000,
				     .low_end = 0xe0000000};
	vmm.memory.pieces[0].length = MIB(256);
	ret = ret ? ret : firmware_new(&vmm, &error);
	ret = ret ? ret : firmware_init(&vmm, &error);
	assert_int_equal(ret, 0);
	vmm.topology = (struct topology){.chips = vmm.topology_chips};
	vmm.topology.slots[1].kind = SLOT_PORT;
	device->slot = 1;
	assert_int_equal(topology_place(&vmm.topology, NULL, 0), 0);
	assert_int_equal(firmware_describe(&vmm, &error), 0);
	assert_int_equal(topology_assign(&vmm.topology, &vmm.layout, &error), 0);
	return 0;
}

static int stop(void **state)
{
	firmware_free(&vmm);
	free(vmm.cpuid);
	close(config.code_fd);
	close(config.template_fd);
	return tear_down(state);
}

static void config_write(unsigned device_number, unsigned reg, unsigned length, uint32_t value)
{
	cf8_address_ops.write(&vmm.topology, 0, 4, 0x80000000u | device_number << 11 | (reg & 0xfc));
	cf8_data_ops.write(&vmm.topology, reg & 3, length, value);
}

static uint64_t memory_read(uint64_t at, unsigned length)
{
	uint64_t value;

	bus_read(&vmm.memory_bus, at, length, &value);
	return length == 8 ? value : value & ((1ull << 8 * length) - 1);
}

static uint64_t port_read(uint16_t port, unsigned length)
{
	uint64_t value;

	bus_read(&vmm.port_bus, port, length, &value);
	return value & ((1ull << 8 * length) - 1);
}

static bool has_slot(uint64_t at, uint64_t size)
{
	for (unsigned i = 0; i < 64; i++)
		if (kvm.slots[i].size == size && kvm.slots[i].gpa == at)
			return kvm.slots[i].flags == KVM_MEM_READONLY;
	return false;
}

static void flash_ends_at_4_gib(void **state)
{
	const uint64_t store = 0xffc00000, code = 0xffc84000;

	(void)state;
	assert_true(has_slot(code, CODE_4M));
	assert_true(has_slot(store, VARS_4M));
	bus_write(&vmm.memory_bus, store + 0x10, 1, 0x70);
	assert_false(has_slot(store, VARS_4M)); /* what is read is status now */
	assert_int_equal(memory_read(store + 0x10, 1), 0);
	bus_write(&vmm.memory_bus, store + 0x10, 1, 0xff);
	assert_true(has_slot(store, VARS_4M));
	bus_write(&vmm.memory_bus, code, 1, 0x70); /* ROM */
	assert_true(has_slot(code, CODE_4M));
	bus_write(&vmm.memory_bus, store, 1, 0x70);
	assert_int_equal(firmware_reset(&vmm), 0);
	assert_true(has_slot(store, VARS_4M));
	assert_int_equal(pits, 1);
}

static void ecam_is_where_the_firmware_puts_it(void **state)
{
	(void)state;
	assert_false(bus_overlaps(&vmm.memory_bus, 0xb0000000, 0x40000000));
	config_write(0, 0x60, 4, 0xe0000001);
	assert_int_equal(memory_read(0xe0000000, 4), 0x29c08086);
	assert_int_equal(memory_read(0xe00f8000, 4), 0x29188086);
	/* RAM, the interrupt controllers, and above 4 GiB. */
	config_write(0, 0x60, 4, 0x00000001);
	assert_false(bus_overlaps(&vmm.memory_bus, 0, 0xe0000000));
	config_write(0, 0x60, 4, 0xf0000001);
	assert_false(bus_overlaps(&vmm.memory_bus, 0xe0000000, 0x10000000));
	config_write(0, 0x64, 4, 1);
	config_write(0, 0x60, 4, 0xe0000001);
	assert_false(bus_overlaps(&vmm.memory_bus, 0x1e0000000, 0x10000000));
	config_write(0, 0x64, 4, 0);
	assert_int_equal(memory_read(0xe0000000, 4), 0x29c08086);
	/* Off again with a reset. */
	assert_int_equal(topology_assign(&vmm.topology, &vmm.layout, NULL), 0);
	assert_false(bus_overlaps(&vmm.memory_bus, 0xe0000000, 0x10000000));
}

static bool is_listed(const char *name)
{
	const struct fw_cfg *fw_cfg = &vmm.firmware->fw_cfg;

	for (unsigned i = 0; i < fw_cfg->file_count; i++)
		if (!strcmp((const char *)fw_cfg->directory + 4 + 64 * i + 8, name))
			return true;
	return false;
}

static void old_releases_are_not_shown_the_windows(void **state)
{
	(void)state;
	assert_true(is_listed(FILES_WINDOWS));
	assert_true(is_listed("bootorder"));
	config_write(0, 0x60, 4, 0xb0000001);
	assert_false(is_listed(FILES_WINDOWS));
	assert_true(is_listed("bootorder"));
	assert_int_equal(firmware_reset(&vmm), 0); /* another image cannot come, but another boot */
	assert_int_equal(topology_assign(&vmm.topology, &vmm.layout, NULL), 0);
	assert_true(is_listed(FILES_WINDOWS));
	config_write(0, 0x60, 4, 0xe0000001);
	assert_true(is_listed(FILES_WINDOWS));
}

static void power_management_comes_with_acpi_cntl(void **state)
{
	unsigned before;

	(void)state;
	assert_int_equal(port_read(PORT_PM + 4, 2), 0xffff);
	config_write(31, 0x44, 1, 0x80);
	assert_int_equal(port_read(PORT_PM + 4, 2), 1);
	bus_write(&vmm.port_bus, PORT_PM + 2, 2, 0x100);
	before = kvm.level_changes;
	pm_button(&vmm.firmware->pm);
	assert_int_equal(kvm.level_changes, before + 1);
	bus_write(&vmm.port_bus, PORT_PM, 2, 0x100);
	assert_int_equal(kvm.level_changes, before + 2);
	bus_write(&vmm.port_bus, PORT_PM + 4, 2, 0x2001);
	assert_int_equal(asked.request, REQUEST_OFF);
	config_write(31, 0x44, 1, 0);
	assert_int_equal(port_read(PORT_PM + 4, 2), 0xffff);
	assert_int_equal(port_read(PORT_CMOS + 1, 1) & 0x80, 0);     /* the clock's register 0 */
	assert_int_equal(port_read(PORT_FW_CFG + 4, 4), 0x554d4551); /* QEMU, big-endian */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(flash_ends_at_4_gib, start, stop),
		cmocka_unit_test_setup_teardown(ecam_is_where_the_firmware_puts_it, start, stop),
		cmocka_unit_test_setup_teardown(old_releases_are_not_shown_the_windows, start, stop),
		cmocka_unit_test_setup_teardown(power_management_comes_with_acpi_cntl, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

enum access_kind { IN, OUT, LOAD, STORE };

/* An access of a boot; of a value that differs from boot to boot the mask is 0. */
struct access {
	enum access_kind kind;
	uint64_t at;
	unsigned length;
	uint64_t value, mask;
};

#define CF8(device, reg)                                                                                     \
	{                                                                                                    \
		OUT, PORT_CF8, 4, 0x80000000u | (device) << 11 | (reg), 0                                    \
	}
#define CONFIG_OUT(device, reg, value)                                                                       \
	CF8(device, reg),                                                                                    \
	{                                                                                                    \
		OUT, PORT_CF8 + 4, 4, value, 0                                                               \
	}
#define CONFIG_IN(device, reg, value)                                                                        \
	CF8(device, reg),                                                                                    \
	{                                                                                                    \
		IN, PORT_CF8 + 4, 4, value, UINT32_MAX                                                       \
	}
#define CMOS_IN(index, value, mask)                                                                          \
	{OUT, PORT_CMOS, 1, index, 0},                                                                       \
	{                                                                                                    \
		IN, PORT_CMOS + 1, 1, value, mask                                                            \
	}
#define TEXT_IN(byte)                                                                                        \
	{                                                                                                    \
		IN, PORT_FW_CFG + 1, 1, byte, 0xff                                                           \
	}
#define PROGRAM(at, byte)                                                                                    \
	{STORE, at, 1, 0x10, 0},                                                                             \
	{                                                                                                    \
		STORE, at, 1, byte, 0                                                                        \
	}

/*
 * What ovmf of 2025.02 does first to the machine, chip by chip, as it was recorded, and the answers
 * without which it takes another way, waits for ever, or stops.
 */
static const struct access first_accesses[] = {
	/* Which machine it is, in the upper half of the register; then the PM block, and a first delay. */
	CF8(0, PCI_VENDOR_ID),
	{IN, PORT_CF8 + 6, 2, 0x29c0, 0xffff},
	CONFIG_IN(31, 0x40, 0x00000001),
	CONFIG_OUT(31, 0x40, 0x00000601),
	CONFIG_IN(31, 0x40, 0x00000601),
	CF8(31, 0x44),
	{IN, PORT_CF8 + 4, 1, 0x00, 0xff},
	{OUT, PORT_CF8 + 4, 1, 0x80, 0},
	{IN, PORT_PM_TIMER, 4, 0, 0xff000000},
	/* Is there fw_cfg, with DMA? */
	{OUT, PORT_FW_CFG, 2, 0, 0},
	TEXT_IN('Q'),
	TEXT_IN('E'),
	TEXT_IN('M'),
	TEXT_IN('U'),
	{OUT, PORT_FW_CFG, 2, 1, 0},
	TEXT_IN(3),
	TEXT_IN(0),
	TEXT_IN(0),
	TEXT_IN(0),
	/* Warm start? Each access of the index keeps its bit 7. */
	{IN, PORT_CMOS, 1, 0xff, 0xff},
	CMOS_IN(0x0f, 0, 0xff),
	/* How many processors; and no block of them for hotplug. */
	{OUT, PORT_FW_CFG, 2, 5, 0},
	TEXT_IN(2),
	TEXT_IN(0),
	{OUT, 0xcd8, 4, 0, 0},
	{IN, 0xce0, 4, UINT32_MAX, UINT32_MAX},
	/* ECAM: off, its high half, on. RCBA is set, and nobody is there. */
	CONFIG_OUT(0, 0x60, 0),
	CONFIG_OUT(0, 0x64, 0),
	CONFIG_OUT(0, 0x60, 0xe0000001),
	{LOAD, 0xe0000000, 4, 0x29c08086, UINT32_MAX},
	{LOAD, 0xe00f9000, 4, UINT32_MAX, UINT32_MAX}, /* 00:1f.1 */
	CONFIG_OUT(31, 0xf0, 0xfed1c001),
	{LOAD, 0xfed1f410, 4, UINT32_MAX, UINT32_MAX},
	/* Routes of the PICs, twice. */
	CONFIG_OUT(31, 0x60, 0x0b0b0a0a),
	CONFIG_OUT(31, 0x68, 0x0b0b0a0a),
	CONFIG_OUT(31, 0x60, 0x0b0b0a0a),
	CONFIG_OUT(31, 0x68, 0x0b0b0a0a),
	/* Is the store a flash chip? The byte is one that is no command. */
	{LOAD, 0xffc00010, 1, 0x8d, 0xff},
	{STORE, 0xffc00010, 1, 0x50, 0},
	{LOAD, 0xffc00010, 1, 0x8d, 0xff},
	{STORE, 0xffc00010, 1, 0x70, 0},
	{LOAD, 0xffc00010, 1, 0x00, 0xff},
	PROGRAM(0xffc00010, 0x8d),
	{STORE, 0xffc00010, 1, 0x70, 0},
	{LOAD, 0xffc00010, 1, 0x80, 0xff},
	{STORE, 0xffc00010, 1, 0xff, 0},
	/* Variables, byte by byte, until the chip is memory again. */
	PROGRAM(0xffc00064, 0xaa),
	PROGRAM(0xffc00065, 0x55),
	{STORE, 0xffc00065, 1, 0xff, 0},
	{LOAD, 0xffc00064, 1, 0xaa, 0xff},
	{LOAD, 0xffc00065, 1, 0x55, 0xff},
	/* Is the code writable? It is ROM. */
	{STORE, 0xffc84010, 1, 0x50, 0},
	{STORE, 0xffc84010, 1, 0x70, 0},
	{LOAD, 0xffc84010, 1, 0x78, 0xff},
	PROGRAM(0xffc84010, 0x00),
	{LOAD, 0xffc84010, 1, 0x78, 0xff},
	/* The clock: no update goes on, it is valid, BCD, 24 hours. */
	CMOS_IN(0x0a, 0x00, 0x80),
	CMOS_IN(0x0d, 0x80, 0xff),
	CMOS_IN(0x0b, 0x02, 0xff),
	/* Neither keyboard controller nor COM2. */
	{OUT, 0x2ff, 1, 0xaa, 0},
	{IN, 0x2ff, 1, 0xff, 0xff},
	/* Off. */
	{OUT, PORT_PM_CONTROL, 2, 0x0001, 0},
	{OUT, PORT_PM_CONTROL, 2, 0x0001, 0},
};

static void play(const struct access *access)
{
	struct bus *bus = access->kind == IN || access->kind == OUT ? &vmm.port_bus : &vmm.memory_bus;
	uint64_t value;

	if (access->kind == OUT || access->kind == STORE) {
		bus_write(bus, access->at, access->length, access->value);
		return;
	}
	bus_read(bus, access->at, access->length, &value);
	if ((value & access->mask) != access->value)
		fail_msg("access %zu: %#llx reads %#llx, not %#llx", (size_t)(access - first_accesses),
			 (unsigned long long)access->at, (unsigned long long)(value & access->mask),
			 (unsigned long long)access->value);
}

static void first_accesses_of_a_boot(void **state)
{
	const struct bus_range address = {
		.start = PORT_CF8, .length = 1, .ops = &cf8_address_ops, .opaque = &vmm.topology};
	const struct bus_range data = {
		.start = PORT_CF8 + 4, .length = 4, .ops = &cf8_data_ops, .opaque = &vmm.topology};

	(void)state;
	assert_int_equal(bus_add(&vmm.port_bus, &address) + bus_add(&vmm.port_bus, &data), 0);
	for (size_t i = 0; i < sizeof(first_accesses) / sizeof(*first_accesses); i++)
		play(&first_accesses[i]);
	assert_int_equal(asked.request, REQUEST_NONE);
	bus_write(&vmm.port_bus, PORT_PM_CONTROL, 2, 0x2001);
	assert_int_equal(asked.request, REQUEST_OFF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(flash_ends_at_4_gib, start, stop),
		cmocka_unit_test_setup_teardown(ecam_is_where_the_firmware_puts_it, start, stop),
		cmocka_unit_test_setup_teardown(old_releases_are_not_shown_the_windows, start, stop),
		cmocka_unit_test_setup_teardown(power_management_comes_with_acpi_cntl, start, stop),
		cmocka_unit_test_setup_teardown(first_accesses_of_a_boot, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

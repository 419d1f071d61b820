/* SPDX-License-Identifier: MIT */
/*
 * Config space of the machine's own functions, each byte of it: what it reads before the guest wrote
 * anything, and after it wrote ones everywhere. What no row names is zero, and stays so.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/pci/bridge.h"
#include "vmm/pci/ids.h"

struct reg {
	unsigned at, bytes;
	uint32_t reads, ones; /* `ones`: after ones were written */
};

static void expect(uint8_t *values, unsigned at, unsigned bytes, uint32_t value)
{
	for (unsigned i = 0; i < bytes; i++)
		values[at + i] = (uint8_t)(value >> 8 * i);
}

static void assert_reads(const struct bridge_config *config, const uint8_t *want)
{
	for (unsigned at = 0; at < BRIDGE_CONFIG_BYTES; at++)
		if (bridge_config_read(config, at, 1) != want[at])
			fail_msg("0x%x reads 0x%x, not 0x%x", at, bridge_config_read(config, at, 1),
				 want[at]);
}

static void assert_registers(struct bridge_config *config, const struct reg *regs, size_t count)
{
	uint8_t reads[BRIDGE_CONFIG_BYTES] = {0}, ones[BRIDGE_CONFIG_BYTES] = {0};

	for (size_t i = 0; i < count; i++) {
		expect(reads, regs[i].at, regs[i].bytes, regs[i].reads);
		expect(ones, regs[i].at, regs[i].bytes, regs[i].ones);
	}
	assert_reads(config, reads);
	for (unsigned at = 0; at < BRIDGE_CONFIG_BYTES; at += 4)
		bridge_config_write(config, at, 4, UINT32_MAX);
	assert_reads(config, ones);
}

#define ASSERT_REGISTERS(config, regs) assert_registers(config, regs, sizeof(regs) / sizeof(*(regs)))

/* A register that a guest cannot write. */
#define FIXED(at, bytes, value)                                                                              \
	{                                                                                                    \
		at, bytes, value, value                                                                      \
	}

static struct bridge_config config;

/* What was there before is of no account. */
static int clean(void **state)
{
	(void)state;
	memset(&config, 0xff, sizeof(config));
	config.page = NULL;
	return 0;
}

static void the_host_bridge_has_an_identity_alone(void **state)
{
	static const struct reg regs[] = {
		FIXED(PCI_VENDOR_ID, 4, ID_VENDOR | ID_HOST_BRIDGE << 16),
		FIXED(PCI_CLASS_REVISION, 4, 0x06000000),
		FIXED(PCI_SUBSYSTEM_VENDOR_ID, 4, ID_VENDOR | ID_SUBSYSTEM << 16),
	};

	(void)state;
	host_bridge_init(&config);
	ASSERT_REGISTERS(&config, regs);
}

/* Of a direct boot: what is below stays, and so do the windows, which are open. */
static void a_port_with_a_device_that_stays(void **state)
{
	const struct port_setup setup = {
		.slot = 3,
		.secondary = 3,
		.link = {.speed = 3, .width = 4},
		.atomics = 5,
		.memory_start = 0xe0100000,
		.memory_length = 0x300000,
		.prefetch_start = 0x812300000,
		.prefetch_length = 0x100000000,
		.io_start = 0x1000,
		.io_length = 0x2000,
	};
	static const struct reg regs[] = {
		FIXED(PCI_VENDOR_ID, 4, ID_VENDOR | ID_ROOT_PORT << 16),
		{PCI_COMMAND, 2, 0, 0x507},
		FIXED(PCI_STATUS, 2, PCI_STATUS_CAP_LIST),
		FIXED(PCI_CLASS_REVISION, 4, 0x06040000),
		{PCI_CACHE_LINE_SIZE, 1, 0, 0xff},
		FIXED(PCI_HEADER_TYPE, 1, 1),
		{PCI_PRIMARY_BUS, 3, 0x030300, 0xffffff},
		{PCI_IO_BASE, 2, 0x2010, 0xf0f0},
		{PCI_MEMORY_BASE, 4, 0xe030e010, 0xfff0fff0},
		{PCI_PREF_MEMORY_BASE, 4, 0x12211231, 0xfff1fff1}, /* 64 bits */
		{PCI_PREF_BASE_UPPER32, 4, 8, 0xffffffff},
		{PCI_PREF_LIMIT_UPPER32, 4, 9, 0xffffffff},
		FIXED(PCI_CAPABILITY_LIST, 1, 0x40),
		{PCI_INTERRUPT_LINE, 1, 0, 0xff},
		{PCI_BRIDGE_CONTROL, 2, 0, 3},
		FIXED(0x40, 4, 0x00428010), /* PCI Express, a root port */
		FIXED(0x44, 4, 0x8002),     /* payloads of 512 bytes */
		{0x48, 2, 0, 0x70ff},
		FIXED(0x4c, 4, 0x03100043), /* the link of what is below */
		FIXED(0x52, 2, 0x2043),
		{0x5c, 2, 0, 0xf},
		FIXED(0x64, 4, 0x280), /* AtomicOps of 32 and 128 bits */
		FIXED(0x6c, 4, 0xe),
		FIXED(0x70, 2, 3),
		FIXED(0x80, 4, 0x0d),
		FIXED(0x84, 4, ID_VENDOR | ID_SUBSYSTEM << 16),
	};

	(void)state;
	root_port_init(&config, &setup);
	ASSERT_REGISTERS(&config, regs);
}

/* With nothing below, and no windows: closed ones have their limit below their base. */
static void a_port_without_windows(void **state)
{
	const struct port_setup setup = {.slot = 1, .secondary = 2};

	(void)state;
	root_port_init(&config, &setup);
	assert_int_equal(bridge_config_read(&config, PCI_MEMORY_BASE, 4), 0x0000fff0);
	assert_int_equal(bridge_config_read(&config, PCI_PREF_MEMORY_BASE, 4), 0x0001fff1);
	assert_int_equal(bridge_config_read(&config, PCI_PREF_BASE_UPPER32, 4), 0);
	assert_int_equal(bridge_config_read(&config, PCI_PREF_LIMIT_UPPER32, 4), 0);
	bridge_config_write(&config, PCI_IO_BASE, 2, 0xffff);
	assert_int_equal(bridge_config_read(&config, PCI_IO_BASE, 2), 0); /* there are none for ports */
	/* The slowest link is one. */
	assert_int_equal(bridge_config_read(&config, 0x4c, 4), 0x01100011);
	assert_int_equal(bridge_config_read(&config, 0x52, 2), 0x2011);
}

/* Devices come and go, and firmware is told how much room they may need, in powers of two. */
static void a_port_for_a_device_that_comes(void **state)
{
	const struct port_setup setup = {
		.slot = 31,
		.hotplug = true,
		.unplaced = true,
		.io_length = 0x1000,
		.room_low = (3 << 20) + 1,
		.room_high = 0x0fff000000,
	};
	static const struct reg regs[] = {
		FIXED(PCI_VENDOR_ID, 4, ID_VENDOR | ID_ROOT_PORT << 16),
		{PCI_COMMAND, 2, 0, 0x507},
		FIXED(PCI_STATUS, 2, PCI_STATUS_CAP_LIST),
		FIXED(PCI_CLASS_REVISION, 4, 0x06040000),
		{PCI_CACHE_LINE_SIZE, 1, 0, 0xff},
		FIXED(PCI_HEADER_TYPE, 1, 1),
		{PCI_PRIMARY_BUS, 3, 0, 0xffffff},
		{PCI_IO_BASE, 2, 0x00f0, 0xf0f0},
		{PCI_MEMORY_BASE, 4, 0x0000fff0, 0xfff0fff0},
		{PCI_PREF_MEMORY_BASE, 4, 0x0001fff1, 0xfff1fff1},
		{PCI_PREF_BASE_UPPER32, 4, 0, 0xffffffff},
		{PCI_PREF_LIMIT_UPPER32, 4, 0, 0xffffffff},
		FIXED(PCI_CAPABILITY_LIST, 1, 0x40),
		{PCI_INTERRUPT_LINE, 1, 0, 0xff},
		{PCI_BRIDGE_CONTROL, 2, 0, 0x43}, /* a bus that can be reset */
		FIXED(0x40, 4, 0x01428010),       /* with a slot */
		FIXED(0x44, 4, 0x8002),
		{0x48, 2, 0, 0x70ff},
		FIXED(0x4c, 4, 0x1f100011),
		FIXED(0x54, 4, 0x00fc0060), /* of number 31, for hotplug, by surprise */
		{0x58, 2, 0, 0x1028},
		{0x5c, 2, 0, 0xf},
		FIXED(0x6c, 4, 2),
		FIXED(0x70, 2, 1),
		FIXED(0x80, 4, 0x880d),
		FIXED(0x84, 4, ID_VENDOR | ID_SUBSYSTEM << 16),
		{0x88, 4, 0x0080a005, 0x0081a005}, /* MSI of 64 bits */
		{0x8c, 4, 0, 0xfffffffc},
		{0x90, 4, 0, 0xffffffff},
		{0x94, 2, 0, 0xffff},
		FIXED(0xa0, 4, 0x01200009), /* the room */
		FIXED(0xa4, 4, 0xffffffff),
		FIXED(0xb0, 4, 4 << 20),
		FIXED(0xb4, 4, 0xffffffff),
		FIXED(0xbc, 4, 0x10),
		FIXED(0x100, 4, 0x00020001), /* AER */
		{0x108, 4, 0, 0x07fff030},
		{0x10c, 4, 0x00462030, 0x07fff030},
		{0x114, 4, 0x2000, 0xf1c1},
		{0x12c, 4, 0, 7},
	};

	(void)state;
	root_port_init(&config, &setup);
	ASSERT_REGISTERS(&config, regs);
}

/* It has its link, and is seen to be there, from when it came until it goes. */
static void a_device_comes_and_goes(void **state)
{
	struct port_setup setup = {.slot = 2, .hotplug = true};

	(void)state;
	root_port_init(&config, &setup);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(bridge_config_read(&config, 0x52, 2), 0);
		assert_int_equal(bridge_config_read(&config, 0x5a, 2), 0);
		setup.filled = true;
		setup.link = (struct lend_link){.speed = 4, .width = 16};
		setup.atomics = 0xff;
		root_port_update(&config, &setup);
		assert_int_equal(bridge_config_read(&config, 0x4c, 4), 0x02100104);
		assert_int_equal(bridge_config_read(&config, 0x52, 2), 0x2104);
		assert_int_equal(bridge_config_read(&config, 0x5a, 2), PCI_EXP_SLTSTA_PDS);
		assert_int_equal(bridge_config_read(&config, 0x64, 4), 0x380);
		assert_int_equal(bridge_config_read(&config, 0x6c, 4), 0x1e);
		assert_int_equal(bridge_config_read(&config, 0x70, 2), 4);
		setup = (struct port_setup){.slot = 2, .hotplug = true};
		root_port_update(&config, &setup);
		assert_int_equal(bridge_config_read(&config, 0x64, 4), 0);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_host_bridge_has_an_identity_alone),
		TEST(a_port_with_a_device_that_stays),
		TEST(a_port_without_windows),
		TEST(a_port_for_a_device_that_comes),
		TEST(a_device_comes_and_goes),
	};

	return cmocka_run_group_tests_name("vmm_bridge", tests, NULL, NULL);
}

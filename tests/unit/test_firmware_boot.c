/* SPDX-License-Identifier: MIT */
/* The first accesses of a boot, as they were recorded, in a machine with the chips of firmware. */
#include "tests/unit/firmware_machine.h"

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
		cmocka_unit_test_setup_teardown(first_accesses_of_a_boot, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What a root port notes of errors below, and when it interrupts, as a guest's driver sees it. */
#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "vmm/pci/bridge.h"
#include "vmm/pci/port_errors.h"

enum { AER = 0x100, STATUS = AER + PCI_ERR_ROOT_STATUS, SOURCE = AER + PCI_ERR_ROOT_ERR_SRC };

static struct bridge_config port;
static struct port_message message;

static uint32_t get(unsigned reg, unsigned length)
{
	return bridge_config_read(&port, reg, length);
}

static void put(unsigned reg, unsigned length, uint32_t value)
{
	bridge_config_write(&port, reg, length, value);
}

/* As Linux does it: the message first, the errors last. */
static void listen(uint32_t command)
{
	put(PORT_MSI + PCI_MSI_ADDRESS_LO, 4, 0xfee01000);
	put(PORT_MSI + PCI_MSI_ADDRESS_HI, 4, 0x12);
	put(PORT_MSI + PCI_MSI_DATA_64, 2, 0x4042);
	put(PORT_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	put(AER + PCI_ERR_ROOT_COMMAND, 4, command);
}

static int start(void **state)
{
	const struct port_setup setup = {.slot = 3, .secondary = 3, .hotplug = true};

	(void)state;
	root_port_init(&port, &setup);
	return 0;
}

/* Each capability of both lists is found, and none is where another one is. */
static void the_capabilities_are_linked(void **state)
{
	static const uint8_t ids[] = {PCI_CAP_ID_EXP, PCI_CAP_ID_SSVID, PCI_CAP_ID_MSI, PCI_CAP_ID_VNDR};
	const struct port_setup setup = {.slot = 3,
					 .hotplug = true,
					 .unplaced = true,
					 .room_low = 32 << 20,
					 .room_high = 0x0fff000000};
	unsigned at, count = 0;

	(void)state;
	assert_int_equal(get(AER, 4), 0x00020001);
	for (at = get(PCI_CAPABILITY_LIST, 1); at; at = get(at + 1, 1))
		assert_int_equal(get(at, 1), ids[count++]);
	assert_int_equal(count, 3);
	root_port_init(&port, &setup); /* with firmware, which is told how much room to keep */
	count = 0;
	for (at = get(PCI_CAPABILITY_LIST, 1); at; at = get(at + 1, 1))
		assert_int_equal(get(at, 1), ids[count++]);
	assert_int_equal(count, 4);
	assert_int_equal(get(0xa2, 2), 0x0120);
	assert_int_equal(get(0xb0, 4), 32 << 20);
	assert_int_equal(get(0xb4, 4), UINT32_MAX);
	assert_int_equal(get(0xb8, 4), 0);
	assert_int_equal(get(0xbc, 4), 0x10);
	assert_int_equal(get(0xc0, 4), 0);
}

static void a_port_without_hotplug_has_none(void **state)
{
	const struct port_setup setup = {.slot = 3};

	(void)state;
	root_port_init(&port, &setup);
	put(PCI_BRIDGE_CONTROL, 2, 0xffff);
	assert_int_equal(get(PCI_BRIDGE_CONTROL, 2), 3);
	for (unsigned at = 0x88; at < 0x1000; at += 4) {
		put(at, 4, UINT32_MAX);
		assert_int_equal(get(at, 4), 0);
	}
}

static void an_error_waits_until_it_is_asked_for(void **state)
{
	(void)state;
	assert_false(port_error(&port, PORT_ERROR_FATAL, 0x300, &message));
	assert_int_equal(get(STATUS, 4),
			 PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_FATAL_RCV | PCI_ERR_ROOT_FIRST_FATAL);
	assert_int_equal(get(SOURCE, 4), 0x03000000);
	put(STATUS, 4, get(STATUS, 4));
	assert_int_equal(get(STATUS, 4), 0);
	listen(PCI_ERR_ROOT_CMD_NONFATAL_EN);
	assert_false(port_error(&port, PORT_ERROR_FATAL, 0x300, &message));
	assert_false(port_error(&port, PORT_ERROR_CORRECTABLE, 0x300, &message));
	assert_true(port_error(&port, PORT_ERROR_NONFATAL, 0x300, &message));
	assert_true(message.address == 0x12fee01000 && message.data == 0x4042);
	put(PORT_MSI + PCI_MSI_FLAGS, 2, 0);
	assert_false(port_error(&port, PORT_ERROR_NONFATAL, 0x300, &message));
}

/* The first one's source stays until the guest has taken it. */
static void further_errors_are_counted_as_one(void **state)
{
	(void)state;
	listen(7);
	assert_true(port_error(&port, PORT_ERROR_NONFATAL, 0x301, &message));
	assert_int_equal(get(STATUS, 4), PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_NONFATAL_RCV);
	assert_true(port_error(&port, PORT_ERROR_FATAL, 0x302, &message));
	assert_int_equal(get(STATUS, 4), PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_MULTI_UNCOR_RCV |
						 PCI_ERR_ROOT_NONFATAL_RCV | PCI_ERR_ROOT_FATAL_RCV);
	assert_true(port_error(&port, PORT_ERROR_CORRECTABLE, 0x303, &message));
	assert_true(port_error(&port, PORT_ERROR_CORRECTABLE, 0x304, &message));
	assert_int_equal(get(SOURCE, 4), 0x03010303);
	assert_int_equal(get(STATUS, 4) & 3, PCI_ERR_ROOT_COR_RCV | PCI_ERR_ROOT_MULTI_COR_RCV);
	put(STATUS, 1, 0xff);
	assert_int_equal(get(STATUS, 4), 0);
	assert_true(port_error(&port, PORT_ERROR_CORRECTABLE, 0x305, &message));
	assert_int_equal(get(SOURCE, 4), 0x03010305);
}

/* What a guest writes changes only what it may change, at each width. */
static void registers_keep_what_they_are(void **state)
{
	static const struct {
		unsigned reg;
		uint32_t reads;
	} rows[] = {
		{AER, 0x00020001},
		{AER + PCI_ERR_UNCOR_STATUS, 0},
		{AER + PCI_ERR_COR_STATUS, 0},
		{AER + PCI_ERR_CAP, 0},
		{AER + PCI_ERR_HEADER_LOG, 0},
		{AER + PCI_ERR_ROOT_COMMAND, 7},
		{STATUS, 0},
		{SOURCE, 0},
		{AER + 0x38, 0},
		{0x140, 0},
		{0xffc, 0},
	};

	(void)state;
	for (unsigned at = 0x88; at < 0x1000; at++)
		for (unsigned length = 1; length <= 4; length *= 2)
			put(at, length, UINT32_MAX);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(get(rows[i].reg, 4), rows[i].reads);
	assert_int_equal(get(PORT_MSI, 4), 0x00810005);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_capabilities_are_linked, start),
		cmocka_unit_test_setup(a_port_without_hotplug_has_none, start),
		cmocka_unit_test_setup(an_error_waits_until_it_is_asked_for, start),
		cmocka_unit_test_setup(further_errors_are_counted_as_one, start),
		cmocka_unit_test_setup(registers_keep_what_they_are, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The described config space, as a client that sizes BARs and walks capabilities sees it. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "lib/le.h"
#include "tests/unit/server_stage.h"

static uint32_t read_config(struct server_stage *stage, unsigned offset, unsigned length)
{
	uint32_t value = 0;

	assert_int_equal(peer_read(&stage->peer, LEND_REGION_CONFIG, offset, &value, length), (int)length);
	return value;
}

static void write_config(struct server_stage *stage, unsigned offset, uint32_t value, unsigned length)
{
	assert_int_equal(peer_write(&stage->peer, LEND_REGION_CONFIG, offset, &value, length), (int)length);
}

static unsigned find(struct server_stage *stage, unsigned id)
{
	unsigned at = read_config(stage, PCI_CAPABILITY_LIST, 1), hops = 0;

	while (at && read_config(stage, at, 1) != id) {
		at = read_config(stage, at + 1, 1);
		assert_true(hops++ < 48);
	}
	return at;
}

static void header_fields(void **state)
{
	static const struct {
		unsigned offset, length;
		uint32_t value;
	} rows[] = {
		{PCI_VENDOR_ID, 4, 0x56781234},
		{PCI_REVISION_ID, 4, 0xff000103},
		{PCI_SUBSYSTEM_VENDOR_ID, 4, 0x11001af4},
		{PCI_HEADER_TYPE, 1, 0},
		{PCI_INTERRUPT_PIN, 1, 1},
		{PCI_STATUS, 2, PCI_STATUS_CAP_LIST},
		{PCI_COMMAND, 2, 0},
	};
	struct server_stage *stage = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_config(stage, rows[i].offset, rows[i].length), rows[i].value);
		/* None of them but the command is written. */
		write_config(stage, rows[i].offset, 0xffffffff, rows[i].length);
		if (rows[i].offset != PCI_COMMAND)
			assert_int_equal(read_config(stage, rows[i].offset, rows[i].length), rows[i].value);
	}
	assert_int_equal(read_config(stage, PCI_COMMAND, 2), 0x547);
	write_config(stage, PCI_INTERRUPT_LINE, 11, 1);
	assert_int_equal(read_config(stage, PCI_INTERRUPT_LINE, 1), 11);
	/* There are no extended capabilities. */
	assert_int_equal(read_config(stage, 0x100, 4), 0);
}

static void sizes_of_bars(void **state)
{
	static const struct {
		unsigned offset;
		uint32_t sized, at_first;
	} rows[] = {
		{PCI_BASE_ADDRESS_0, 0xfffff000, 0},  {PCI_BASE_ADDRESS_1, 0xffffffe1, 1},
		{PCI_BASE_ADDRESS_2, 0xffff000c, 12}, {PCI_BASE_ADDRESS_3, 0xffffffff, 0},
		{PCI_BASE_ADDRESS_4, 0xfffff000, 0},  {PCI_BASE_ADDRESS_5, 0, 0},
		{PCI_ROM_ADDRESS, 0xfffff001, 0},
	};
	struct server_stage *stage = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_config(stage, rows[i].offset, 4), rows[i].at_first);
		write_config(stage, rows[i].offset, 0xffffffff, 4);
		assert_int_equal(read_config(stage, rows[i].offset, 4), rows[i].sized);
		/* In single bytes, too. */
		write_config(stage, rows[i].offset + 3, 0x12, 1);
		assert_int_equal(read_config(stage, rows[i].offset + 3, 1), 0x12 & rows[i].sized >> 24);
	}
}

static void the_capabilities_in_their_order(void **state)
{
	static const uint8_t order[] = {PCI_CAP_ID_PM, PCI_CAP_ID_EXP, PCI_CAP_ID_MSI, PCI_CAP_ID_MSIX,
					PCI_CAP_ID_VNDR};
	struct server_stage *stage = *state;
	unsigned at = read_config(stage, PCI_CAPABILITY_LIST, 1);

	for (unsigned i = 0; i < sizeof(order); i++) {
		assert_int_equal(at % 4, 0);
		assert_int_equal(read_config(stage, at, 1), order[i]);
		at = read_config(stage, at + 1, 1);
	}
	assert_int_equal(at, 0);
}

static void registers_of_capabilities(void **state)
{
	struct server_stage *stage = *state;
	unsigned power = find(stage, PCI_CAP_ID_PM), express = find(stage, PCI_CAP_ID_EXP),
		 msi = find(stage, PCI_CAP_ID_MSI), msix = find(stage, PCI_CAP_ID_MSIX);

	assert_int_equal(read_config(stage, power + PCI_PM_PMC, 2), 3);
	write_config(stage, power + PCI_PM_CTRL, 3, 2);
	assert_int_equal(read_config(stage, power + PCI_PM_CTRL, 2), 3 | PCI_PM_CTRL_NO_SOFT_RESET);
	write_config(stage, power + PCI_PM_CTRL, 1, 2);
	assert_int_equal(read_config(stage, power + PCI_PM_CTRL, 2), 3 | PCI_PM_CTRL_NO_SOFT_RESET);
	write_config(stage, power + PCI_PM_CTRL, 0, 2);
	assert_int_equal(read_config(stage, express + PCI_EXP_FLAGS, 2), 2);
	assert_true(read_config(stage, express + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR);
	assert_int_equal(read_config(stage, express + PCI_EXP_LNKSTA, 2), 0x11);
	/* MSI: 64 bits, masks, four vectors; more are not enabled. */
	assert_int_equal(read_config(stage, msi + PCI_MSI_FLAGS, 2), 2 << 1 | 0x80 | 0x100);
	write_config(stage, msi + PCI_MSI_FLAGS, 5 << 4 | 1, 2);
	assert_int_equal(read_config(stage, msi + PCI_MSI_FLAGS, 2), 2 << 1 | 0x80 | 0x100 | 2 << 4 | 1);
	write_config(stage, msi + PCI_MSI_ADDRESS_LO, 0xfee00003, 4);
	assert_int_equal(read_config(stage, msi + PCI_MSI_ADDRESS_LO, 4), 0xfee00000);
	write_config(stage, msi + PCI_MSI_PENDING_64, 0xff, 4);
	assert_int_equal(read_config(stage, msi + PCI_MSI_PENDING_64, 4), 0);
	assert_int_equal(read_config(stage, msix + PCI_MSIX_FLAGS, 2), STAGE_VECTORS - 1);
	assert_int_equal(read_config(stage, msix + PCI_MSIX_TABLE, 4), STAGE_MSIX);
	assert_int_equal(read_config(stage, msix + PCI_MSIX_PBA, 4), STAGE_PENDING | STAGE_MSIX);
	write_config(stage, msix + PCI_MSIX_FLAGS, 0xffff, 2);
	assert_int_equal(read_config(stage, msix + PCI_MSIX_FLAGS, 2), 0xc000 | (STAGE_VECTORS - 1));
}

static void a_capability_of_the_caller(void **state)
{
	struct server_stage *stage = *state;
	unsigned at = find(stage, PCI_CAP_ID_VNDR), written = stage->written;
	uint32_t value = 0;

	assert_int_equal(lend_server_capability(stage->server, 0), at);
	assert_int_equal(lend_server_capability(stage->server, 1), 0);
	assert_int_equal(read_config(stage, at + 2, 2), 0x0110);
	write_config(stage, at + 4, 0xffffffff, 4);
	write_config(stage, at + 8, 0xffffffff, 4);
	assert_int_equal(stage->written, written + 2);
	assert_int_equal(read_config(stage, at + 4, 4), 0x05040302);
	assert_int_equal(read_config(stage, at + 8, 4), 0x0908ffff);
	assert_int_equal(lend_server_config_set(stage->server, at + 4, "abcd", 4), 0);
	assert_int_equal(read_config(stage, at + 4, 4), 0x64636261);
	assert_int_equal(lend_server_config_read(stage->server, at + 4, &value, 4), 0);
	assert_int_equal(value, 0x64636261);
	assert_int_equal(lend_server_config_set(stage->server, 4094, "abcd", 4), -EINVAL);
	assert_int_equal(lend_server_config_read(stage->server, 4096, &value, 1), -EINVAL);
}

static int config_at_reset;

static int look_at_config(struct server_stage *stage, enum lend_server_why why)
{
	uint16_t command = 0xffff;

	(void)why;
	lend_server_config_read(stage->server, PCI_COMMAND, &command, 2);
	config_at_reset = command;
	return 0;
}

static void function_level_reset(void **state)
{
	struct server_stage *stage = *state;
	unsigned express = find(stage, PCI_CAP_ID_EXP);

	write_config(stage, PCI_COMMAND, 6, 2);
	write_config(stage, PCI_BASE_ADDRESS_0, 0xfebf0000, 4);
	assert_int_equal(peer_write32(&stage->peer, STAGE_MSIX, 12, 0), 0);
	stage->on_reset = look_at_config;
	write_config(stage, express + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR | 0x10, 2);
	assert_int_equal(stage->resets, 1);
	/* Config space is reset before the device is asked. */
	assert_int_equal(config_at_reset, 0);
	assert_int_equal(read_config(stage, PCI_BASE_ADDRESS_0, 4), 0);
	assert_false(read_config(stage, express + PCI_EXP_DEVCTL, 2) & PCI_EXP_DEVCTL_BCR_FLR);
	assert_int_equal(peer_read32(&stage->peer, STAGE_MSIX, 12), 1);
	stage->device.cannot_reset = true;
	stage_serve(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 0, NULL), 0);
	assert_false(read_config(stage, express + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR);
	write_config(stage, express + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR, 2);
	assert_int_equal(stage->resets, 1);
}

/* The table and its pending bits are the library's; what is between and behind them the device's. */
static void accesses_over_the_borders_of_the_table(void **state)
{
	struct server_stage *stage = *state;
	unsigned end = 16 * STAGE_VECTORS;
	uint8_t data[64];

	memset(stage->bytes[STAGE_MSIX], 0xee, 4096);
	memset(data, 0x77, sizeof(data));
	assert_int_equal(peer_write(&stage->peer, STAGE_MSIX, end - 16, data, 32), 32);
	assert_int_equal(stage->bytes[STAGE_MSIX][end - 1], 0xee);
	assert_int_equal(stage->bytes[STAGE_MSIX][end], 0x77);
	assert_int_equal(stage->writes, 1);
	assert_int_equal(peer_read(&stage->peer, STAGE_MSIX, end - 16, data, 32), 32);
	assert_int_equal(data[0], 0x74);
	assert_int_equal(data[12], 1);
	assert_int_equal(data[13] | data[15], 0);
	assert_int_equal(data[16], 0x77);
	memset(data, 0xff, sizeof(data));
	assert_int_equal(peer_write(&stage->peer, STAGE_MSIX, STAGE_PENDING - 8, data, 24), 24);
	assert_int_equal(peer_read(&stage->peer, STAGE_MSIX, STAGE_PENDING - 8, data, 24), 24);
	assert_int_equal(data[7], 0xff);
	assert_int_equal(data[8] | data[15], 0);
	assert_int_equal(data[16], 0xff);
}

static int raw_config(struct server_stage *stage, unsigned region, uint64_t offset)
{
	(void)stage, (void)region, (void)offset;
	return 0;
}

/* Without a description, config space and interrupts are what the device says. */
static void a_device_with_its_own_config_space(void **state)
{
	struct server_stage *stage = *state;
	struct wire_irq_info irq = {.argsz = 16, .index = LEND_IRQ_MSI};

	stage->device.config = NULL;
	stage->device.regions[LEND_REGION_CONFIG] =
		(struct lend_server_region){.size = 256, .readable = true, .writable = true};
	stage->device.irqs[LEND_IRQ_MSI] = (struct lend_irq_info){.count = 2, .noresize = true};
	stage->on_write = raw_config;
	stage_serve(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 0, NULL), 0);
	le_store(stage->bytes[LEND_REGION_CONFIG], 4, 0x56781234);
	assert_int_equal(read_config(stage, 0, 4), 0x56781234);
	write_config(stage, 4, 0xffff, 2);
	assert_int_equal(read_config(stage, 4, 2), 0xffff);
	assert_int_equal(peer_ask(&stage->peer, WIRE_GET_IRQ_INFO, &irq, sizeof(irq)), 0);
	memcpy(&irq, stage->peer.reader.payload, sizeof(irq));
	assert_true(irq.count == 2 && irq.flags == (WIRE_IRQ_EVENTFD | WIRE_IRQ_NORESIZE));
	assert_int_equal(lend_server_config_read(stage->server, 0, &irq, 4), -EINVAL);
	assert_int_equal(lend_server_capability(stage->server, 0), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		CASE(header_fields),
		CASE(sizes_of_bars),
		CASE(the_capabilities_in_their_order),
		CASE(registers_of_capabilities),
		CASE(a_capability_of_the_caller),
		CASE(function_level_reset),
		CASE(accesses_over_the_borders_of_the_table),
		CASE(a_device_with_its_own_config_space),
	};

	return cmocka_run_group_tests_name("server_config", tests, NULL, NULL);
}

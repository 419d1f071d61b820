/* SPDX-License-Identifier: MIT */
/* Trapped accesses: their width at the device, the table and PBA over the BAR, and the edges of everything.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

enum { TABLE = 0x2100, VECTORS = 20, TABLE_END = TABLE + VECTORS * 16, PBA = 0x2800, PBA_END = PBA + 8 };

/* Table and PBA in the middle of a page, which traps as a whole. */
static struct world *start(void)
{
	struct world *world = world_new();

	world_bar(world, 0, 0, 0x4000);
	world_bar(world, 1, PCI_BASE_ADDRESS_SPACE_IO, 0x20);
	world_msix(world, VECTORS, 0, TABLE, 0, PBA);
	for (unsigned i = 0; i < 0x4000; i++)
		world->bytes[0][i] = (uint8_t)(i * 7 + (i >> 8));
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world_clear(world);
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static bool in_table(uint64_t at)
{
	return at >= TABLE && at < TABLE_END;
}

static bool in_pba(uint64_t at)
{
	return at >= PBA && at < PBA_END;
}

/* A naive table: the bits that can be written of each byte. */
static uint8_t writable(uint64_t at)
{
	unsigned byte = (unsigned)(at - TABLE) % 16;

	return byte == 0 ? 0xfc : byte < 12 ? 0xff : byte == 12 ? 1 : 0;
}

/* XSA-164 and CVE-2020-13754: every offset of the trapped page, every width. */
static void xsa_164_every_offset_and_width(void **state)
{
	struct world *world = start();
	uint8_t table[0x1000] = {0}, device[0x1000];

	(void)state;
	world->mute = true;
	memcpy(device, world->bytes[0] + 0x2000, sizeof(device));
	for (unsigned i = 0; i < VECTORS; i++)
		table[TABLE - 0x2000 + i * 16 + 12] = 1;
	for (unsigned width = 1; width <= 8; width++) {
		for (uint64_t at = 0x2000 - 7; at < 0x3000; at++) {
			uint64_t value = UINT64_C(0x9e3779b97f4a7c15) * (at + 1), got;

			if (at < 0x2000)
				continue;
			lend_function_bar_write(world->function, 0, at, width, value);
			got = lend_function_bar_read(world->function, 0, at, width);
			for (unsigned i = 0; i < width; i++) {
				uint64_t byte = at + i;
				uint8_t sent = (uint8_t)(value >> 8 * i), want;

				if (byte >= 0x3000)
					continue;
				if (in_table(byte)) {
					uint8_t mask = writable(byte), *old = &table[byte - 0x2000];

					*old = (uint8_t)((*old & ~mask) | (sent & mask));
					want = *old;
				} else {
					if (!in_pba(byte))
						device[byte - 0x2000] = sent;
					want = device[byte - 0x2000];
				}
				assert_int_equal((uint8_t)(got >> 8 * i), want);
			}
		}
	}
	assert_memory_equal(world->bytes[0] + 0x2000, device, sizeof(device));
	stop(world);
}

static void own_width(void **state)
{
	struct world *world = start();

	(void)state;
	lend_function_bar_read(world->function, 0, 0x10, 8);
	lend_function_bar_read(world->function, 0, 0x2014, 4);
	lend_function_bar_read(world->function, 0, 0x2012, 2);
	lend_function_bar_write(world->function, 0, 0x2011, 1, 0x5a);
	world_expect_order(world, "bar_read 0 10 8", "bar_read 0 2014 4", "bar_read 0 2012 2",
			   "bar_write 0 2011 1 5a", NULL);
	assert_int_equal(world->line_count, 4);
	world_clear(world);
	lend_function_bar_read(world->function, 0, 0x20, 3); /* no width of a processor: bytes */
	assert_int_equal(world_count(world, "bar_read"), 3);
	stop(world);
}

/* XSA-112: each side handles its own bytes. */
static void xsa_112_straddling_the_table(void **state)
{
	struct world *world = start();

	(void)state;
	lend_function_bar_write(world->function, 0, TABLE - 4, 8, UINT64_MAX);
	assert_int_equal(world->line_count, 1);
	assert_int_equal(world_find(world, 0, "bar_write 0 20fc 4 ffffffff"), 0);
	assert_int_equal(lend_function_bar_read(world->function, 0, TABLE, 4), 0xfffffffc);
	world_clear(world);
	lend_function_bar_write(world->function, 0, TABLE_END - 4, 8, 0);
	assert_int_equal(world->line_count, 1);
	assert_int_equal(world_find(world, 0, "bar_write 0 2240 4 0"), 0);
	assert_int_equal(lend_function_bar_read(world->function, 0, TABLE_END - 4, 4), 0);
	stop(world);
}

static void out_of_bounds(void **state)
{
	struct world *world = start();
	struct lend_function_counters counters;

	(void)state;
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x4000, 4), UINT32_MAX);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x3ffe, 4), UINT32_MAX);
	assert_int_equal(lend_function_bar_read(world->function, 0, UINT64_MAX - 1, 4), UINT32_MAX);
	assert_int_equal(lend_function_bar_read(world->function, 0, UINT64_MAX, 8), UINT64_MAX);
	assert_int_equal(lend_function_bar_read(world->function, 5, 0, 2), UINT16_MAX);
	assert_int_equal(lend_function_bar_read(world->function, 77, 0, 1), UINT8_MAX);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0, 0), 0);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0, 9), UINT64_MAX);
	lend_function_bar_write(world->function, 0, 0x3fff, 2, 0);
	lend_function_bar_write(world->function, 6, 0, 2, 0);
	assert_int_equal(world->line_count, 0);
	lend_function_count(world->function, &counters, sizeof(counters));
	assert_int_equal(counters.ignored, 10);
	assert_int_equal(counters.bar_reads, 8);
	assert_int_equal(counters.bar_writes, 2);
	stop(world);
}

static void not_placed_is_all_ones(void **state)
{
	struct world *world = start();

	(void)state;
	assert_int_equal(lend_function_bar_read(world->function, 1, 0, 4),
			 UINT32_MAX); /* I/O decode is off */
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_IO);
	world_write(world, PCI_BASE_ADDRESS_1, 4, 0xc000);
	world_clear(world);
	lend_function_bar_read(world->function, 1, 4, 2);
	assert_int_equal(world_find(world, 0, "bar_read 1 4 2"), 0);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0, 4), UINT32_MAX);
	assert_int_equal(lend_function_bar_read(world->function, 0, TABLE, 4), UINT32_MAX);
	lend_function_bar_write(world->function, 0, TABLE + 12, 4, 0);
	assert_int_equal(world->line_count, 1);
	stop(world);
}

static void failed_access(void **state)
{
	struct world *world = start();

	(void)state;
	world->fail_reads = true;
	assert_int_equal(lend_function_bar_read(world->function, 0, 0, 4), UINT32_MAX);
	assert_int_equal(lend_function_bar_read(world->function, 0, PBA, 8), UINT64_MAX);
	assert_int_equal(lend_function_bar_read(world->function, 0, TABLE + 12, 4), 1);
	world->fail_at = world->calls + 1;
	lend_function_bar_write(world->function, 0, 0, 4, 1);
	assert_true(world->log_lines > 0);
	world->fail_reads = false;
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xsa_164_every_offset_and_width), cmocka_unit_test(own_width),
		cmocka_unit_test(xsa_112_straddling_the_table),   cmocka_unit_test(out_of_bounds),
		cmocka_unit_test(not_placed_is_all_ones),         cmocka_unit_test(failed_access),
	};

	return cmocka_run_group_tests_name("pci_bar_access", tests, NULL, NULL);
}

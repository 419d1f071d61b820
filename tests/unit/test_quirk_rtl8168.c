/* SPDX-License-Identifier: MIT */
/* Realtek 8168: the back door to the MSI-X table. */
#include "tests/unit/test_quirk.h"

enum { DATA = 0x70, ADDRESS = 0x74, VECTORS = 4 };

#define WRITE UINT32_C(0x80000000)
#define TABLE UINT32_C(0x0001f000) /* the block, and all bytes of the data */

static struct world *shown_as(uint32_t id, const struct lend_ids *ids)
{
	struct world *world = device(0x10ec, id, 0x020000);

	world->function_config.ids = *ids;
	world_bar(world, 2, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x1000);
	world_bar(world, 4, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x4000);
	world_msix(world, VECTORS, 4, 0, 4, 0x800);
	assert_int_equal(world_open(world), 0);
	world_write(world, PCI_BASE_ADDRESS_2, 4, 0xe0000000);
	world_write(world, PCI_BASE_ADDRESS_4, 4, 0xe0010000);
	world_write(world, PCI_COMMAND, 2, DECODE);
	world_clear(world);
	return world;
}

static struct world *realtek(uint32_t id)
{
	return shown_as(id, &(struct lend_ids){0});
}

static uint32_t table(struct world *world, unsigned offset)
{
	return (uint32_t)bar_get(world, 4, offset, 4);
}

static void write_and_read(void **state)
{
	struct world *world = realtek(0x8168);

	(void)state;
	bar_put(world, 2, DATA, 4, 0xfee01000);
	bar_put(world, 2, ADDRESS, 4, WRITE | TABLE | 0x10);
	assert_int_equal(table(world, 0x10), 0xfee01000);
	assert_int_equal(bar_get(world, 2, ADDRESS, 4), TABLE | 0x10); /* done: the bit is clear */
	assert_int_equal(world_count(world, "bar_write 2 74"), 0);     /* the device does not hear of it */
	bar_put(world, 4, 0x18, 4, 0x4021);
	bar_put(world, 2, ADDRESS, 4, TABLE | 0x18);
	assert_int_equal(bar_get(world, 2, ADDRESS, 4), WRITE | TABLE | 0x18); /* done: the bit is set */
	assert_int_equal(bar_get(world, 2, DATA, 4), 0x4021);
	assert_int_equal(bar_get(world, 2, DATA + 1, 1), 0x40);
	/* Both registers in one read, and the middle of them. */
	assert_true(bar_get(world, 2, DATA, 8) == ((uint64_t)(WRITE | TABLE | 0x18) << 32 | 0x4021));
	assert_int_equal(bar_get(world, 2, DATA + 2, 4), (TABLE | 0x18) << 16);
	stop(world);
}

static void other_blocks_are_the_devices(void **state)
{
	struct world *world = realtek(0x8168);

	(void)state;
	bar_put(world, 2, DATA, 4, 0x1234);
	bar_put(world, 2, ADDRESS, 4, WRITE | 0xf0c0);     /* block 0 */
	bar_put(world, 2, ADDRESS, 4, WRITE | 0x0002f0c0); /* block 2 */
	assert_true(recorded(world, "bar_write 2 70 4 1234"));
	assert_int_equal(world_count(world, "bar_write 2 74 4"), 2);
	bar_get(world, 2, ADDRESS, 4);
	bar_get(world, 2, DATA, 4);
	assert_int_equal(world_count(world, "bar_read 2 7"), 2);
	assert_int_equal(table(world, 0xc0 & 0x3f), 0);
	stop(world);
}

static void byte_enables(void **state)
{
	struct world *world = realtek(0x8168);

	(void)state;
	bar_put(world, 4, 8, 4, 0x11223344);
	bar_put(world, 2, DATA, 4, 0xaabbccdd);
	bar_put(world, 2, ADDRESS, 4, WRITE | 0x00015000 | 8); /* bytes 0 and 2 */
	assert_int_equal(table(world, 8), 0x11bb33dd);
	stop(world);
}

/* An index beyond the table; odd widths; accesses across the registers. */
static void hostile(void **state)
{
	static const unsigned widths[] = {1, 2, 3, 5, 8};
	struct world *world = realtek(0x8168);
	struct lend_function_counters counters;

	(void)state;
	for (unsigned offset = VECTORS * 16; offset < 0x1000; offset++) {
		bar_put(world, 2, DATA, 4, 0);
		bar_put(world, 2, ADDRESS, 4, WRITE | TABLE | offset);
		bar_put(world, 2, ADDRESS, 4, TABLE | offset);
		assert_int_equal(bar_get(world, 2, DATA, 4), UINT32_MAX);
	}
	for (unsigned i = 0; i < VECTORS; i++)
		assert_int_equal(table(world, i * 16 + 12), 1);
	world_clear(world);
	for (unsigned i = 0; i < sizeof(widths) / sizeof(*widths); i++)
		bar_put(world, 2, DATA, widths[i], UINT64_C(0x8001f00000000000) | TABLE);
	bar_put(world, 2, ADDRESS - 2, 4, UINT64_C(0xf0000000));
	bar_put(world, 2, ADDRESS + 2, 2, 0x8001);
	assert_int_equal(world_count(world, "bar_write"), 0);
	assert_int_equal(table(world, 0), 0);
	lend_function_count(world->function, &counters, sizeof(counters));
	assert_true(counters.ignored >= 7);
	/* Before and behind the two registers it is the device. */
	bar_put(world, 2, DATA - 4, 4, 1);
	bar_put(world, 2, ADDRESS + 4, 4, 2);
	assert_int_equal(world_count(world, "bar_write"), 2);
	bar_put(world, 2, DATA - 2, 4, 0x33334444); /* half of it */
	assert_true(recorded(world, "bar_write 2 6e 2 4444"));
	assert_int_equal(world_count(world, "bar_write"), 3);
	stop(world);
}

static void another_device(void **state)
{
	struct world *world = realtek(0x8169);

	(void)state;
	bar_put(world, 2, ADDRESS, 4, WRITE | TABLE);
	assert_true(recorded(world, "bar_write 2 74 4 8001f000"));
	stop(world);
}

/* spec 11: what the user calls it decides. */
static void ids_of_the_users_choice(void **state)
{
	const struct lend_ids away = {.given = LEND_ID_DEVICE, .device = 0x1234};
	const struct lend_ids to = {.given = LEND_ID_DEVICE, .device = 0x8168};
	struct world *world = shown_as(0x8168, &away);

	(void)state;
	bar_put(world, 2, ADDRESS, 4, WRITE | TABLE);
	assert_int_equal(world_count(world, "bar_write 2 74 4"), 1);
	stop(world);
	world = shown_as(0x1234, &to);
	bar_put(world, 2, ADDRESS, 4, WRITE | TABLE);
	assert_int_equal(world_count(world, "bar_write 2 74 4"), 0);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_and_read), cmocka_unit_test(other_blocks_are_the_devices),
		cmocka_unit_test(byte_enables),   cmocka_unit_test(hostile),
		cmocka_unit_test(another_device), cmocka_unit_test(ids_of_the_users_choice),
	};

	return cmocka_run_group_tests_name("quirk_rtl8168", tests, NULL, NULL);
}

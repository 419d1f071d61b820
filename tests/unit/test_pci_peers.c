/* SPDX-License-Identifier: MIT */
/*
 * Which parts of BARs other devices reach: those of a BAR that had to wait for its
 * place, of one that moved while the IOMMU kept them, and of a controller that
 * needs them for itself.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/pci/ledger/lock.h"
#include "tests/unit/test_pci.h"

enum { MEM = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, A = 0xe0000000, B = 0xe1000000, AREAS = 2 };

static struct world *drive(void)
{
	struct world *world = world_new();

	world_nvme(world);
	return start(world);
}

static bool is_mapped(const struct world *world, uint64_t iova)
{
	for (unsigned i = 0; i < world->map_count; i++)
		if (world->maps[i].iova == iova)
			return true;
	return false;
}

/* Another BAR is where the guest puts this one, and goes away later. */
static void a_bar_that_waited_gets_its_peers(void **state)
{
	struct world *world = drive();

	(void)state;
	world->hidden_bars = 1;
	world_start(world);
	assert_int_equal(world->map_count, 0);
	lend_function_bars_shown(world->function); /* not yet */
	assert_int_equal(world->map_count, 0);
	assert_int_equal(world->bars[0].address, A);
	world->hidden_bars = 0;
	lend_function_bars_shown(world->function);
	assert_int_equal(world->map_count, AREAS);
	assert_true(is_mapped(world, A));
	world_clear(world);
	lend_function_bars_shown(world->function); /* nothing waits any more */
	assert_int_equal(world_count(world, "begin"), 0);
	stop(world);
}

/* The monitor's loop does not wait for a function that is busy. */
static void who_is_busy_asks_when_it_is_done(void **state)
{
	struct world *world = drive();

	(void)state;
	world->hidden_bars = 1;
	world_start(world);
	world->hidden_bars = 0;
	function_lock(world->function);
	lend_function_bars_shown(world->function);
	assert_int_equal(world->map_count, 0);
	function_unlock(world->function);
	assert_int_equal(world->map_count, AREAS);
	stop(world);
}

/* The guest has moved it again meanwhile, or it is stopped: what was said of its old place is nothing. */
static void what_was_said_too_late_is_nothing(void **state)
{
	struct world *world = drive();

	(void)state;
	world->hidden_bars = 1;
	world_start(world);
	world_write(world, PCI_BASE_ADDRESS_0, 4, B);
	lend_function_bars_shown(world->function);
	assert_int_equal(world->map_count, 0);
	world_write(world, PCI_COMMAND, 2, 0);
	world_clear(world);
	lend_function_bars_shown(world->function);
	assert_int_equal(world_count(world, "begin"), 0);
	world_write(world, PCI_COMMAND, 2, MEM);
	lend_function_quiesce(world->function);
	world->hidden_bars = 0;
	world_clear(world);
	lend_function_bars_shown(world->function);
	assert_int_equal(world_count(world, "begin"), 0);
	assert_int_equal(world->map_count, 0);
	stop(world);
}

/* A monitor that refuses has the BAR as it had it. */
static void a_refusal_changes_nothing(void **state)
{
	struct world *world = drive();

	(void)state;
	world->hidden_bars = 1;
	world_start(world);
	world->hidden_bars = 0;
	world->fail_bar_commit = 1;
	lend_function_bars_shown(world->function);
	assert_int_equal(world->map_count, 0);
	assert_true(world->bars[0].placed);
	lend_function_bars_shown(world->function);
	assert_int_equal(world->map_count, AREAS);
	stop(world);
}

/*
 * The IOMMU keeps some parts, or all, where the BAR was. Nothing of the BAR is
 * then reached at its new place, and what was kept is removed from where it is.
 */
static void parts_that_the_iommu_keeps_stay_where_they_are(void **state)
{
	(void)state;
	for (unsigned kept = 1; kept <= AREAS; kept++) {
		struct world *world = drive();

		world_start(world);
		assert_int_equal(world->map_count, AREAS);
		world->fail_dma_unmaps = kept;
		world_write(world, PCI_BASE_ADDRESS_0, 4, B);
		assert_int_equal(world->bars[0].address, B);
		assert_int_equal(world->map_count, kept);
		for (unsigned i = 0; i < world->map_count; i++)
			assert_true(world->maps[i].iova < B);
		assert_true(world->log_lines > 0);
		/* It lets go of them now. */
		world_write(world, PCI_BASE_ADDRESS_0, 4, A);
		assert_int_equal(world->map_count, AREAS);
		assert_true(is_mapped(world, A));
		world->fail_dma_unmaps = kept;
		world_write(world, PCI_BASE_ADDRESS_0, 4, B);
		lend_function_quiesce(world->function);
		assert_int_equal(world->map_count, 0);
		stop(world);
	}
}

/* NVM Express 1.3, 3.1.11 and 3.1.12: a controller with a memory buffer needs its own BAR, and is alone. */
static void a_buffer_that_no_iommu_maps_is_said(void **state)
{
	(void)state;
	for (unsigned size = 0; size < 2; size++)
		for (unsigned bar = 0; bar < 2; bar++)
			for (unsigned fails = 0; fails < 2; fails++) {
				struct world *world = world_new();
				bool said;

				world_nvme(world);
				world_bar(world, 2, 0, 0x2000);
				world->function_config.p2p = fails ? LEND_P2P_ON : LEND_P2P_AUTO;
				world->bytes[0][0x38] = (uint8_t)(2 * bar);
				world->bytes[0][0x3b] =
					0xff; /* where it would be; that it is there its size says */
				world->bytes[0][0x3c] = (uint8_t)size;
				world->fail_dma_maps = fails;
				start(world);
				world_write(world, PCI_BASE_ADDRESS_2, 4, B);
				world_start(world);
				said = strstr(world->last_log, "memory buffer");
				assert_int_equal(said, size && fails);
				assert_int_equal(world->map_count, fails || !size ? 0 : AREAS + 1);
				if (said) {
					assert_non_null(strstr(world->last_log, bar ? "BAR 2" : "BAR 0"));
					memset(world->last_log, 0, sizeof(world->last_log));
					world_write(world, PCI_COMMAND, 2, 0);
					world_write(world, PCI_COMMAND, 2, MEM);
					assert_null(strstr(world->last_log, "memory buffer")); /* once */
				}
				stop(world);
			}
}

/* One that says it is such a controller, and whose BAR 0 has no room for the registers, is not asked. */
static void registers_that_there_is_no_room_for_are_not_read(void **state)
{
	static const struct {
		uint32_t type;
		uint64_t size;
		unsigned reads;
		uint32_t class_code;
	} rows[] = {
		{0, 0x20, 0, 0x010802},
		{0, 0x40, 1, 0x010802},
		{PCI_BASE_ADDRESS_SPACE_IO, 0x40, 0, 0x010802},
		{0, 0x40, 0, 0x020000}, /* and another device not at all */
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct world *world = world_new();

		world_set(world, PCI_CLASS_REVISION, 4, rows[i].class_code << 8);
		world_bar(world, 0, rows[i].type, rows[i].size);
		world->function_config.p2p = LEND_P2P_AUTO;
		start(world);
		world_write(world, PCI_BASE_ADDRESS_0, 4, rows[i].type ? 0xc000 : A);
		world_write(world, PCI_COMMAND, 2, MEM | PCI_COMMAND_IO);
		assert_true(world->bars[0].placed);
		assert_int_equal(world_count(world, "bar_read"), rows[i].reads);
		assert_int_equal(world->map_count, 0);
		stop(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bar_that_waited_gets_its_peers),
		cmocka_unit_test(who_is_busy_asks_when_it_is_done),
		cmocka_unit_test(what_was_said_too_late_is_nothing),
		cmocka_unit_test(a_refusal_changes_nothing),
		cmocka_unit_test(parts_that_the_iommu_keeps_stay_where_they_are),
		cmocka_unit_test(a_buffer_that_no_iommu_maps_is_said),
		cmocka_unit_test(registers_that_there_is_no_room_for_are_not_read),
	};

	return cmocka_run_group_tests_name("pci_peers", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Devices that lie about everything at once: sizes and areas of regions, counts
 * of interrupts, BAR types, where the MSI-X table is, how long the ROM is; and a
 * guest that does anything at all with what comes of it, while calls fail. Each
 * is refused in one line or stays within what it said (the fake looks), and
 * leaves nothing behind. The same seed makes the same devices.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

enum { DEVICES = 3000, STEPS = 200 };

static uint32_t seed;

static uint32_t any(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static bool one_in(uint32_t count)
{
	return !any(count);
}

/* Mostly a power of two that a BAR may have. */
static uint64_t any_size(void)
{
	uint64_t size = UINT64_C(1) << (one_in(32) ? any(64) : 8 + any(14));

	return one_in(64) ? size + any(4096) : size;
}

static void any_areas(struct world *world, unsigned bar)
{
	struct lend_region *region = &world->regions[bar];

	world->sparse[bar] = true;
	region->area_count = any(AREAS_MAX);
	for (unsigned i = 0; i < region->area_count; i++) /* in order, as the backend hands them on */
		world->areas[bar][i] = (struct lend_area){i * 0x3000 + any(0x1000), any(0x2000) + 1};
}

static void any_bars(struct world *world)
{
	static const uint32_t types[] = {0, 1, 4, 8, 0xc, 2, 6};

	for (unsigned i = 0; i < 6; i++) {
		if (one_in(3))
			continue;
		world_bar(world, i, types[any(7)], any_size());
		world->unmappable[i] = one_in(4);
		if (one_in(3))
			any_areas(world, i);
		if (world->config[PCI_BASE_ADDRESS_0 + 4 * i] & 4 && !one_in(32))
			i++; /* room for the upper half */
	}
}

/* In most cases in the first memory BAR, where it has room. */
static void any_table(struct world *world)
{
	unsigned bar = 0, count = any(64) + 1;

	while (bar < 5 && (!world->regions[bar].size || world->config[PCI_BASE_ADDRESS_0 + 4 * bar] & 1))
		bar++;
	if (one_in(4))
		world_msix(world, any(2048) + 1, any(8), any(0x4000) & ~7u, any(8), any(0x8000) & ~7u);
	else
		world_msix(world, count, bar, any(4) * 0x400, bar, 0x2000 + any(4) * 0x400);
}

static void any_device(struct world *world)
{
	world->config_size = one_in(4) ? 256 : one_in(16) ? any(8192) : 4096;
	any_bars(world);
	world_set(world, world_cap(world, 0x40, PCI_CAP_ID_PM) + PCI_PM_PMC, 2, any(0x10000));
	any_table(world);
	world_msi(world, any(0x10000), any(64));
	world_exp(world, one_in(8) ? any(16) : PCI_EXP_TYPE_ENDPOINT, any(PCI_EXP_DEVCAP_FLR));
	world_set(world, PCI_INTERRUPT_PIN, 1, any(one_in(8) ? 256 : 5));
	for (unsigned i = 0; i < LEND_IRQ_COUNT; i++)
		world->vectors[i] = one_in(4) ? any(UINT32_MAX) : any(70);
	world->vectors[LEND_IRQ_INTX] &= 1;
	world->regions[LEND_REGION_ROM] = (struct lend_region){.size = one_in(2) ? any_size() : 0};
	world->rom_length = any(4097);
	for (unsigned i = 0; i < sizeof(world->rom); i++)
		world->rom[i] = (uint8_t)(i < 2 ? 0xaa55u >> 8 * i : any(256));
	world->noresize = one_in(2);
	world->grant = one_in(4) ? any(32) : 0;
	world->function_config.no_intx_bypass = one_in(2);
	world->function_config.no_msi_bypass = world->function_config.no_msix_bypass = one_in(4);
	world->function_config.strict_config = one_in(4);
	world->function_config.intx_timeout_ms = any(2) * 1100;
	world->function_config.msix_to = one_in(4) ? any(8) : LEND_MSIX_STAYS;
	world->function_config.place = one_in(2) ? LEND_PLACE_ROOT : LEND_PLACE_PORT;
}

static uint64_t any_offset(void)
{
	return one_in(4) ? (uint64_t)any(UINT32_MAX) << any(33) : any(0x8000);
}

static void any_step(struct world *world)
{
	static const unsigned widths[] = {1, 2, 4, 8, 3};
	struct lend_reset_report report;
	unsigned bar = any(8);

	switch (any(16)) {
	case 0:
		world_read(world, any(4200), widths[any(3)]);
		break;
	case 1:
		world_write(world, PCI_BASE_ADDRESS_0 + 4 * any(6), 4,
			    one_in(3) ? UINT32_MAX : any(UINT32_MAX));
		break;
	case 2:
		world_write(world, PCI_COMMAND, 2, any(0x800));
		break;
	case 3:
		world_write(world, 0x53, 1, any(4) << 6);
		break;
	case 4:
		world_write(world, 0x60 + any(24), widths[any(3)], any(UINT32_MAX));
		break;
	case 5:
		world_write(world, PCI_ROM_ADDRESS, 4, any(UINT32_MAX) | any(2));
		break;
	case 6:
		world_write(world, 0x44, 2, any(4));
		break;
	case 7:
	case 8:
		lend_function_bar_read(world->function, bar, any_offset(), widths[any(5)]);
		break;
	case 9:
	case 10:
		lend_function_bar_write(world->function, bar, any_offset(), widths[any(5)], any(UINT32_MAX));
		break;
	case 11:
		if (world->msix_on)
			world_interrupt(world, any(64));
		world_raise(world);
		break;
	case 12:
		world_run(world);
		world_timer(world);
		break;
	case 13:
		lend_function_line_changed(world->function);
		lend_function_bar_fault(world->function);
		break;
	case 14:
		if (one_in(8))
			lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
		break;
	default:
		world->fail_at = one_in(4) ? world->calls + any(8) : 0;
	}
}

static void devices_that_lie_and_any_guest(void **state)
{
	unsigned opened = 0;

	(void)state;
	for (unsigned i = 0; i < DEVICES; i++) {
		struct world *world = world_new();

		seed = i * 2654435761u + 1;
		world->mute = true;
		any_device(world);
		if (world_open(world)) {
			assert_non_null(strstr(world->error.text, "0000:05:00.0"));
			assert_null(strchr(world->error.text, '\n'));
			world_free(world);
			continue;
		}
		opened++;
		for (unsigned step = 0; step < STEPS; step++)
			any_step(world);
		world->fail_at = 0;
		world_close(world);
		if (world->log_lines)
			assert_null(strchr(world->last_log, '\n'));
		world_free(world);
	}
	print_message("%u of %u devices were opened, %u steps of a guest each\n", opened, DEVICES, STEPS);
	assert_in_range(opened, DEVICES / 10, DEVICES - DEVICES / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(devices_that_lie_and_any_guest)};

	return cmocka_run_group_tests_name("pci_random", tests, NULL, NULL);
}

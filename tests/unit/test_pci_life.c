/* SPDX-License-Identifier: MIT */
/* From open to free: reset and its report, and every call that can fail, failing. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/open/device.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_world.h"

static struct world *running(void)
{
	struct world *world = world_new();

	world_nvme(world);
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world_write(world, 0x53, 1, 0x80);
	world_vector(world, 0, 0xfee00000, 1, false);
	world_clear(world);
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static struct lend_reset_report reset(struct world *world, int want)
{
	struct lend_reset_report report;

	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)),
			 want);
	return report;
}

static void good_reset_at_open_counts(void **state)
{
	struct world *world = world_new();
	struct lend_reset_report report;

	(void)state;
	world_nvme(world);
	assert_int_equal(world_open(world), 0);
	report = reset(world, 0);
	assert_int_equal(report.ran, LEND_RESET_OPEN);
	assert_true(report.checked);
	assert_string_equal(report.offered, "flr bus");
	assert_int_equal(world_count(world, "reset"), 0);
	world_start(world);
	report = reset(world, 0);
	assert_int_equal(report.ran, LEND_RESET_FUNCTION);
	assert_true(report.checked);
	assert_int_equal(world_count(world, "reset"), 1);
	assert_int_equal(world->events, 1);
	stop(world);
}

/* A bus or PM reset is not a good one; nor is what is not known, without an FLR. */
static void poor_reset_at_open_does_not(void **state)
{
	static const char *const methods[] = {"pm bus", "bus", ""};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *world = world_new();

		world->reset_methods = methods[i];
		assert_int_equal(world_open(world), 0);
		assert_int_equal(reset(world, 0).ran, LEND_RESET_FUNCTION);
		stop(world);
	}
}

/* The state after a reset is that after opening; vCPUs are stopped, nothing is placed. */
static void reset_restores_the_state(void **state)
{
	struct world *world = running();

	(void)state;
	reset(world, 0);
	world_expect_order(world, "detach 0", "irqs off", "msi_free 0", "unmap 0", "cfg_write 4", "reset",
			   NULL);
	assert_false(world->bars[0].placed);
	assert_int_equal(world_read(world, PCI_BASE_ADDRESS_0, 4), 4);
	assert_int_equal(world_read(world, 0x52, 2), 63);
	assert_int_equal(world_read(world, PCI_COMMAND, 2), 0);
	world_start(world);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x2000 + 12, 4), 1);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x2000, 4), 0);
	stop(world);
}

static void no_reset_is_said(void **state)
{
	struct world *world = world_new();
	struct lend_reset_report report;

	(void)state;
	world_nvme(world);
	world->can_reset = false;
	assert_int_equal(world_open(world), 0);
	report = reset(world, -EOPNOTSUPP);
	assert_int_equal(report.ran, LEND_RESET_NONE);
	assert_false(report.checked);
	stop(world);
}

static void failed_reset_is_said(void **state)
{
	struct world *world = running();
	struct lend_reset_report report;
	unsigned calls = world->calls;

	(void)state;
	reset(world, 0);
	calls = world->calls - calls; /* of a whole reset: run it again, and fail the reset itself */
	world_start(world);
	world->dead = true;
	report = reset(world, 0);
	assert_false(report.checked);
	world->dead = false;
	assert_true(calls > 0);
	stop(world);
}

static void reset_from_d3_wakes(void **state)
{
	struct world *world = running();

	(void)state;
	world_write(world, 0x44, 2, 3);
	world_clear(world);
	reset(world, 0);
	world_expect_order(world, "cfg_write 44 2 0", "reset", NULL);
	assert_int_equal(world_read(world, 0x44, 2) & 3, 0);
	stop(world);
}

/* All that a guest does between start and power-off. */
static void live(struct world *world)
{
	world_start(world);
	for (unsigned i = 0; i < 3; i++)
		world_vector(world, i, 0xfee00000, i, false);
	world_write(world, 0x53, 1, 0x80);
	world_vector(world, 5, 0xfee00000, 5, false);
	world_vector(world, 1, 0xfee01000, 1, true);
	world_interrupt(world, 1);
	world_run(world);
	world_vector(world, 1, 0xfee01000, 1, false);
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xd0000000);
	world_write(world, 0x44, 2, 3);
	world_write(world, 0x44, 2, 0);
}

static unsigned whole_life(struct world *world)
{
	struct lend_reset_report report;
	unsigned calls;

	world->vectors[LEND_IRQ_INTX] = 1;
	if (world_open(world)) /* closes what is open, and looks at what is left */
		return world->calls;
	lend_context_reset(world->context, &world->function, 1, &report,
			   sizeof(report)); /* the line goes on */
	live(world);
	world_write(world, 0x53, 1, 0); /* and is back when MSI-X goes off */
	world_raise(world);
	world_run(world);
	world_close(world);
	calls = world->calls;
	return calls;
}

/* Fail the Nth call, for each N; afterwards nothing is left, whatever failed. */
static void fail_each_call(bool noresize)
{
	unsigned last = 1;

	for (unsigned n = 1; n <= last; n++) {
		struct world *world = world_new();

		world_nvme(world);
		world->noresize = noresize;
		if (n == 1) {
			last = whole_life(world);
			assert_true(last > 30);
			world_free(world);
			world = world_new();
			world_nvme(world);
			world->noresize = noresize;
		}
		world->fail_at = n;
		whole_life(world);
		world_free(world);
	}
	print_message("calls 1 to %u failed in turn\n", last);
}

static void g5_fail_each_call(void **state)
{
	(void)state;
	fail_each_call(false);
}

static void g5_fail_each_call_noresize(void **state)
{
	(void)state;
	fail_each_call(true);
}

static void infos_that_make_no_sense(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct world *world = world_new();

		if (i == 0)
			world->not_pci = true;
		if (i == 1)
			world->region_count = 7;
		if (i == 2)
			world->irq_count = 2;
		if (i == 3)
			world->config_size = 64;
		if (i == 4)
			world->regions[1].size = 0x1800;
		assert_int_equal(world_open(world), -EPROTO);
		assert_non_null(strstr(world->error.text, "0000:05:00.0"));
		world_free(world);
	}
}

/* Old kernels and conventional devices: no VGA region, no error or request interrupt. */
static void fewer_indexes(void **state)
{
	struct world *world = world_new();
	struct lend_region region;

	(void)state;
	world->region_count = 8;
	world->irq_count = 3;
	assert_int_equal(world_open(world), 0);
	assert_int_equal(lend_device_info(world->device)->vectors[LEND_IRQ_ERR], 0);
	assert_int_equal(world->log_lines, 0); /* the kernel is not asked to tell of errors */
	assert_int_equal(lend_device_region(world->device, LEND_REGION_COUNT, &region, sizeof(region)),
			 -EINVAL);
	assert_int_equal(lend_device_areas(world->device, LEND_REGION_COUNT, NULL, 0), 0);
	stop(world);
}

static void device_info_is_filled(void **state)
{
	struct world *world = running();
	const struct lend_device_info *info = lend_device_info(world->device);

	(void)state;
	assert_string_equal(info->name, "0000:05:00.0");
	assert_int_equal(info->vendor, 0x1b36);
	assert_int_equal(info->device, 0x1122);
	assert_int_equal(info->class_code, 0x010802);
	assert_int_equal(info->vectors[LEND_IRQ_MSIX], 64);
	assert_int_equal(info->config_size, 4096);
	assert_ptr_equal(lend_function_device(world->function), world->device);
	stop(world);
}

/* XSA-337: what the device says after it was opened decides nothing any more. */
static void xsa_337_changed_registers_are_not_trusted(void **state)
{
	struct world *world = running();
	struct lend_bar bar;

	(void)state;
	memset(world->config + 0x10, 0xff, 0x18);
	memset(world->config + 0x50, 0xff, 12);
	world->config[0x34] = 0xff;
	lend_function_bar(world->function, 0, &bar, sizeof(bar));
	assert_int_equal(bar.size, 0x4000);
	assert_true(bar.is_64);
	world_write(world, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	assert_int_equal(world_read(world, PCI_BASE_ADDRESS_0, 4), 0xffffc004);
	assert_int_equal(world_read(world, 0x54, 4), 0x2000);
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe0000000);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x2000 + 63 * 16 + 12, 4), 1);
	lend_function_bar(world->function, 6, &bar, sizeof(bar));
	assert_int_equal(bar.size, 0);
	stop(world);
}

/* A monitor that offers nothing: everything is trapped, nothing is delivered, nothing crashes. */
static void absent_host_operations(void **state)
{
	struct lend_host_ops ops = {.size = 2 * sizeof(size_t)};
	struct lend_space *space;
	struct lend_context *context;

	(void)state;
	assert_int_equal(lend_context_new(NULL, &context), 0);
	assert_int_equal(lend_space_new(context, NULL, NULL, &space), -EINVAL);
	ops.size = 0;
	assert_int_equal(lend_space_new(context, &ops, NULL, &space), -EINVAL);
	ops.size = 2 * sizeof(size_t);
	assert_int_equal(lend_space_new(context, &ops, NULL, &space), 0);
	assert_int_equal(space_ops(space)->bar_map(NULL, NULL, NULL), -EOPNOTSUPP);
	assert_int_equal(space_ops(space)->watch(NULL, 0, NULL, NULL), -EOPNOTSUPP);
	space_ops(space)->bar_begin(NULL, NULL);
	space_ops(space)->event(NULL, NULL, LEND_EVENT_DEAD, "");
	lend_space_free(space);
	lend_context_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_reset_at_open_counts),
		cmocka_unit_test(poor_reset_at_open_does_not),
		cmocka_unit_test(reset_restores_the_state),
		cmocka_unit_test(no_reset_is_said),
		cmocka_unit_test(failed_reset_is_said),
		cmocka_unit_test(reset_from_d3_wakes),
		cmocka_unit_test(g5_fail_each_call),
		cmocka_unit_test(g5_fail_each_call_noresize),
		cmocka_unit_test(infos_that_make_no_sense),
		cmocka_unit_test(fewer_indexes),
		cmocka_unit_test(device_info_is_filled),
		cmocka_unit_test(xsa_337_changed_registers_are_not_trusted),
		cmocka_unit_test(absent_host_operations),
	};

	return cmocka_run_group_tests_name("pci_life", tests, NULL, NULL);
}

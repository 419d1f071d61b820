/* SPDX-License-Identifier: MIT */
/* Resets: which way is taken, what a bus reset takes along, and what the report says (spec, section 8). */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"

static const struct lend_bdf self = {0, 5, 0, 0}, sibling = {0, 5, 0, 1};

static struct world *with_methods(const char *methods)
{
	struct world *world = world_new();

	world_nvme(world);
	world->reset_methods = methods;
	world->no_bus = false;
	world->by_id = world->owned = true;
	world->dependents[0] = (struct backend_dependent){self, -1};
	world->dependent_count = 1;
	return world;
}

static struct lend_reset_report reset_all(struct world *world, struct lend_function **functions, size_t count,
					  int want)
{
	struct lend_reset_report reports[4];

	assert_int_equal(lend_context_reset(world->context, functions, count, reports, sizeof(*reports)),
			 want);
	return reports[0];
}

static struct lend_reset_report reset(struct world *world, int want)
{
	return reset_all(world, &world->function, 1, want);
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

/* 8.3: a bus reset before one by the power state; that is the last resort. */
static void power_state_is_the_last_resort(void **state)
{
	struct world *world = with_methods("pm bus");
	struct lend_reset_report report;

	(void)state;
	assert_int_equal(world_open(world), 0);
	report = reset(world, 0);
	assert_int_equal(report.ran, LEND_RESET_BUS);
	assert_true(report.checked);
	assert_int_equal(world_count(world, "bus_reset"), 1);
	assert_int_equal(world_count(world, "reset"), 0);
	world->no_bus = true;
	report = reset(world, 0);
	assert_int_equal(report.ran, LEND_RESET_FUNCTION);
	assert_non_null(strstr(report.obstacle, "cannot be reset"));
	stop(world);
}

/* 8.1: without the kernel's list the power state's own bit decides (No_Soft_Reset). */
static void soft_reset_bit_decides_where_nothing_is_told(void **state)
{
	(void)state;
	for (unsigned no_soft = 0; no_soft < 2; no_soft++) {
		struct world *world = with_methods("");

		world_set(world, 0x80 + PCI_EXP_DEVCAP, 4, 0);
		world_set(world, 0x44, 2, no_soft ? PCI_PM_CTRL_NO_SOFT_RESET : 0);
		assert_int_equal(world_open(world), 0);
		assert_int_equal(reset(world, 0).ran, no_soft ? LEND_RESET_FUNCTION : LEND_RESET_BUS);
		stop(world);
	}
}

/* 8.1: with an FLR it does not; and the kernel's list outranks what the capabilities say. */
static void the_kernels_list_decides(void **state)
{
	static const struct {
		const char *methods;
		bool flr;
		enum lend_reset_method first, next;
	} rows[] = {
		{"", true, LEND_RESET_OPEN, LEND_RESET_FUNCTION},
		{"bus", true, LEND_RESET_FUNCTION, LEND_RESET_FUNCTION}, /* what it did at open was no FLR */
		{"pm bus", true, LEND_RESET_BUS, LEND_RESET_BUS},
		{"flr", false, LEND_RESET_OPEN, LEND_RESET_FUNCTION},
		{"device_specific flr", false, LEND_RESET_OPEN, LEND_RESET_FUNCTION},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *world = with_methods(rows[i].methods);

		world_set(world, 0x80 + PCI_EXP_DEVCAP, 4, rows[i].flr ? PCI_EXP_DEVCAP_FLR : 0);
		assert_int_equal(world_open(world), 0);
		assert_int_equal(reset(world, 0).ran, rows[i].first);
		world_start(world);
		assert_int_equal(reset(world, 0).ran, rows[i].next);
		stop(world);
	}
}

static void bus_is_tried_when_the_function_does_not(void **state)
{
	struct world *world = with_methods("flr bus");
	struct lend_reset_report report;

	(void)state;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world->fail_reset = -EIO;
	report = reset(world, 0);
	assert_int_equal(report.ran, LEND_RESET_BUS);
	world->fail_bus_reset = -EIO;
	world_start(world);
	report = reset(world, -EIO);
	assert_true(strstr(report.obstacle, "failed") != NULL);
	assert_false(report.checked);
	stop(world);
}

/* section 14, case 10: a sibling that belongs to somebody else. */
static void case_14_10_sibling_of_others(void **state)
{
	struct world *world = with_methods("");
	struct lend_reset_report report;

	(void)state;
	world->can_reset = world->owned = false;
	world->dependents[1] = (struct backend_dependent){sibling, -1};
	world->dependent_count = 2;
	assert_int_equal(world_open(world), 0);
	report = reset(world, -EOPNOTSUPP);
	assert_int_equal(report.ran, LEND_RESET_NONE);
	assert_int_equal(world_count(world, "bus_reset"), 0);
	assert_non_null(strstr(report.obstacle, "0000:05:00.1, which"));
	world->dependent_count = 1; /* itself alone, and still not ours: nothing is guessed */
	report = reset(world, -EOPNOTSUPP);
	assert_int_equal(world_count(world, "bus_reset"), 0);
	assert_non_null(strstr(report.obstacle, "does not name"));
	stop(world);
}

/* The same with groups: the kernel's list names one that is not open here. */
static void group_that_is_not_open_is_not_ours(void **state)
{
	struct world *world = with_methods("");
	struct lend_reset_report report;

	(void)state;
	world->can_reset = world->by_id = false;
	world->dependents[0].group = 7;
	world->dependents[1] = (struct backend_dependent){sibling, 8};
	world->dependent_count = 2;
	assert_int_equal(world_open(world), 0);
	report = reset(world, -EOPNOTSUPP);
	assert_non_null(strstr(report.obstacle, "0000:05:00.1 (IOMMU group 8)"));
	stop(world);
}

/* A second function in the same space, on a device of its own without BARs or interrupts. */
struct second {
	struct world *world;
	struct lend_device *device;
	struct lend_function *function;
};

static void open_second(struct world *first, struct second *out)
{
	struct device_source source = {
		.bdf = sibling, .group = 7, .numa_node = -1, .reset_methods = "", .ops = &fake_transport};
	struct lend_function_config config = {.size = sizeof(config), .peer = first};

	out->world = world_new();
	out->world->can_reset = false;
	world_set(out->world, PCI_INTERRUPT_PIN, 1, 0);
	out->world->regions[LEND_REGION_CONFIG] = (struct lend_region){.size = 4096, .readable = true};
	source.transport = out->world;
	assert_int_equal(device_open_with(first->space, &source, &out->device, NULL), 0);
	assert_int_equal(lend_function_new(out->device, &config, &out->function, NULL), 0);
}

static void close_second(struct second *second)
{
	lend_function_free(second->function);
	lend_device_close(second->device);
	world_free(second->world);
}

/* section 14, case 10: a sibling in the same machine. One reset serves both, and both were stopped before. */
static void case_14_10_siblings_together(void **state)
{
	struct world *world = with_methods("");
	struct lend_reset_report reports[2];
	struct lend_function *functions[2];
	struct second second;

	(void)state;
	world->can_reset = false;
	world->dependents[1] = (struct backend_dependent){sibling, -1};
	world->dependent_count = 2;
	assert_int_equal(world_open(world), 0);
	open_second(world, &second);
	second.world->no_bus = false;
	second.world->by_id = second.world->owned = true;
	memcpy(second.world->dependents, world->dependents, sizeof(world->dependents));
	second.world->dependent_count = 2;
	functions[0] = world->function;
	functions[1] = second.function;
	world_start(world);
	lend_function_config_write(second.function, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(lend_context_reset(world->context, functions, 2, reports, sizeof(*reports)), 0);
	assert_int_equal(reports[0].ran, LEND_RESET_BUS);
	assert_int_equal(reports[1].ran, LEND_RESET_BUS);
	assert_string_equal(reports[0].along, "0000:05:00.1");
	assert_string_equal(reports[1].along, "0000:05:00.0");
	assert_int_equal(world_count(world, "bus_reset") + world_count(second.world, "bus_reset"), 1);
	assert_int_equal(world_get(second.world, PCI_COMMAND, 2) & PCI_COMMAND_MASTER, 0);
	close_second(&second);
	stop(world);
}

/* 8.5, "one": a sibling that is open here and that nobody asked to reset keeps the bus from it. */
static void sibling_in_use_is_not_taken_along(void **state)
{
	struct world *world = with_methods("");
	struct lend_reset_report report;
	struct second second;

	(void)state;
	world->can_reset = false;
	world->dependents[1] = (struct backend_dependent){sibling, -1};
	world->dependent_count = 2;
	assert_int_equal(world_open(world), 0);
	open_second(world, &second);
	report = reset(world, -EOPNOTSUPP);
	assert_int_equal(world_count(world, "bus_reset"), 0);
	assert_non_null(strstr(report.obstacle, "0000:05:00.1, which is in use"));
	close_second(&second);
	report = reset(world, 0);
	assert_int_equal(report.ran, LEND_RESET_BUS);
	stop(world);
}

/* section 14, case 11: no way at all. It is said, and the function is in its first state all the same. */
static void case_14_11_no_way_to_reset(void **state)
{
	struct world *world = with_methods("");
	struct lend_reset_report report;

	(void)state;
	world->can_reset = false;
	world->no_bus = true;
	world->vectors[LEND_IRQ_INTX] = 1;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	report = reset(world, -EOPNOTSUPP);
	assert_int_equal(report.ran, LEND_RESET_NONE);
	assert_false(report.checked);
	assert_int_equal(world_read(world, PCI_BASE_ADDRESS_0, 4), 4);
	assert_true(world->intx_fd >= 0); /* its line is on */
	stop(world);
}

/* What was found afterwards is in the report, not only that a call returned 0. */
static void what_was_found_is_said(void **state)
{
	struct world *world = with_methods("flr");
	struct lend_reset_report report;

	(void)state;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world->dead = true;
	report = reset(world, 0);
	assert_false(report.checked);
	assert_non_null(strstr(report.check, "does not answer"));
	assert_int_equal(world_count(world, "event 2"), 1); /* LEND_EVENT_DEAD */
	world->dead = false;
	report = reset(world, 0);
	assert_true(report.checked);
	assert_int_equal(world_count(world, "event 2"), 1);
	stop(world);
}

static int reset_that_changes_nothing(void *dev)
{
	struct world *world = dev;

	world_set(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	return 0;
}

/* The device answers with its ids, but no device that was reset decodes. */
static void decode_after_a_reset_is_said(void **state)
{
	struct world *world = with_methods("flr");
	struct transport_ops ops = fake_transport;
	struct lend_reset_report report;

	(void)state;
	ops.reset = reset_that_changes_nothing;
	assert_int_equal(world_open(world), 0);
	world->device->ops = &ops;
	world_start(world);
	report = reset(world, 0);
	assert_int_equal(report.ran, LEND_RESET_FUNCTION);
	assert_false(report.checked);
	assert_non_null(strstr(report.check, "still on"));
	world->device->ops = &fake_transport;
	stop(world);
}

/* 8.2: a driver that used messages left the line switched off; the next one finds it on. */
static void interrupt_disable_does_not_outlive_a_reset(void **state)
{
	struct world *world = with_methods("flr");

	(void)state;
	world->vectors[LEND_IRQ_INTX] = 1;
	assert_int_equal(world_open(world), 0);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_SERR);
	assert_int_equal(world_get(world, PCI_COMMAND, 2), PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_SERR);
	world_clear(world);
	reset(world, 0);
	world_expect_order(world, "cfg_write 4 2 100", "reset", "intx on", NULL);
	assert_int_equal(world_read(world, PCI_COMMAND, 2), PCI_COMMAND_SERR);
	assert_true(world_raise(world));
	world_run(world);
	assert_int_equal(world->line.delivered, 1);
	stop(world);
}

/* 8.2: a register that cannot be read is not written either. */
static void failed_read_is_not_acted_on(void **state)
{
	struct world *world = with_methods("flr");

	(void)state;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world_write(world, 0x44, 2, 3);
	world->dead = true;
	world_clear(world);
	reset(world, 0);
	assert_int_equal(world_count(world, "cfg_write"), 0);
	world->dead = false;
	world->fail_reads = true;
	world_clear(world);
	reset(world, 0);
	assert_int_equal(world_count(world, "cfg_write"), 0);
	world->fail_reads = false;
	stop(world);
}

static void resets_are_counted(void **state)
{
	struct world *world = with_methods("flr");
	struct lend_function_counters counters;

	(void)state;
	assert_int_equal(world_open(world), 0);
	reset(world, 0);
	lend_function_count(world->function, &counters, sizeof(counters));
	assert_int_equal(counters.resets, 0); /* the kernel's at open */
	world_start(world);
	reset(world, 0);
	reset(world, 0);
	lend_function_count(world->function, &counters, sizeof(counters));
	assert_int_equal(counters.resets, 2);
	stop(world);
}

/* A device that is not asleep is not woken: the write would reach its power management for nothing. */
static void one_that_is_awake_is_not_woken(void **state)
{
	(void)state;
	for (unsigned sleeps = 0; sleeps < 2; sleeps++) {
		struct world *world = with_methods("flr");

		world_set(world, 0x44, 2, sleeps ? 3 : 0);
		assert_int_equal(world_open(world), 0);
		world_clear(world);
		reset(world, 0);
		assert_int_equal(world_count(world, "cfg_write 44"), sleeps);
		stop(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_is_awake_is_not_woken),
		cmocka_unit_test(power_state_is_the_last_resort),
		cmocka_unit_test(soft_reset_bit_decides_where_nothing_is_told),
		cmocka_unit_test(the_kernels_list_decides),
		cmocka_unit_test(bus_is_tried_when_the_function_does_not),
		cmocka_unit_test(case_14_10_sibling_of_others),
		cmocka_unit_test(group_that_is_not_open_is_not_ours),
		cmocka_unit_test(case_14_10_siblings_together),
		cmocka_unit_test(sibling_in_use_is_not_taken_along),
		cmocka_unit_test(case_14_11_no_way_to_reset),
		cmocka_unit_test(what_was_found_is_said),
		cmocka_unit_test(decode_after_a_reset_is_said),
		cmocka_unit_test(interrupt_disable_does_not_outlive_a_reset),
		cmocka_unit_test(failed_read_is_not_acted_on),
		cmocka_unit_test(resets_are_counted),
	};

	return cmocka_run_group_tests_name("pci_reset", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The line interrupt, both ways. */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lend/reset.h"
#include "lib/pci/function.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"

enum { MSIX_CONTROL = 0x53, MSIX_ENABLE = 0x80, MSI_CONTROL = 0x62, MSI_ENABLE = 1, COMMAND_HIGH = 5 };

/* An NVMe drive with a pin and MSI; a function comes to life with its first reset. */
static struct world *world_with_pin(void)
{
	struct world *world = world_new();

	world_nvme(world);
	world_msi(world, PCI_MSI_FLAGS_64BIT, 1);
	world->vectors[LEND_IRQ_INTX] = 1;
	world->function_config.intx_timeout_ms = 1100;
	return world;
}

static void first_reset(struct world *world)
{
	struct lend_reset_report report;

	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	world_start(world);
}

static void come_alive(struct world *world)
{
	assert_int_equal(world_open(world), 0);
	first_reset(world);
}

static struct world *start(bool bypass)
{
	struct world *world = world_with_pin();

	world->function_config.no_intx_bypass = !bypass;
	come_alive(world);
	return world;
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void the_bypass_is_put_together_in_order(void **state)
{
	struct world *world = world_with_pin();

	(void)state;
	come_alive(world);
	world_expect_order(world, "intx on", "intx mask", "line_attach 1", "intx unmaskfd x", "intx unmask",
			   NULL);
	assert_int_equal(world_read(world, PCI_INTERRUPT_PIN, 1), 1);
	assert_int_equal(world->watch_count, 0); /* no code of ours runs */
	for (unsigned i = 1; i <= 3; i++) {
		assert_true(world_raise(world));
		assert_false(world_raise(world)); /* masked until it is served */
		world_run(world);
		assert_int_equal(world->line.delivered, i);
		world_eoi(world);
	}
	assert_int_equal(world->bars[0].direct_count, 2); /* BARs stay mapped */
	world_clear(world);
	lend_function_quiesce(world->function);
	/* CVE-2024-26812: unmask goes before the trigger. */
	world_expect_order(world, "intx mask", "line_detach 1", "intx unmaskfd -", "intx off", NULL);
	stop(world);
}

static void case_14_6_an_access_serves(void **state)
{
	struct world *world = start(false);

	(void)state;
	assert_int_equal(world_count(world, "line_attach"), 0);
	assert_int_equal(world->watch_count, 1);
	assert_true(world_raise(world));
	world_run(world);
	assert_true(world->line.raised);
	assert_int_equal(world->bars[0].direct_count, 0); /* the next access is seen */
	assert_true(world->timer.nanoseconds == 1100000000);
	lend_function_bar_read(world->function, 0, 0x10, 4);
	assert_false(world->line.raised);
	assert_false(world->intx_masked);
	/* It did not service the device: it fires again at once. */
	assert_true(world_raise(world));
	world_run(world);
	assert_true(world->line.raised);
	lend_function_bar_write(world->function, 0, 0x2000, 4, 0); /* of the table counts too */
	assert_false(world->line.raised);
	stop(world);
}

/* What the machine's user is shown of it. */
static void its_way_and_its_count_are_told(void **state)
{
	(void)state;
	for (unsigned bypass = 0; bypass < 2; bypass++) {
		struct world *world = start(bypass);
		struct lend_vector_count row;

		for (unsigned i = 0; i < 2; i++) {
			memset(&row, 0xff, sizeof(row));
			assert_int_equal(lend_function_vectors(world->function, &row, 1, sizeof(row)), 1);
			assert_int_equal(row.irq, LEND_IRQ_INTX);
			assert_int_equal(row.vector, 0);
			assert_int_equal(row.bypass, bypass);
			assert_int_equal(row.slow, bypass ? 0 : i);
			assert_true(world_raise(world));
			world_run(world);
			if (bypass)
				world_eoi(world);
			else
				lend_function_bar_read(world->function, 0, 0x10, 4);
		}
		stop(world);
	}
}

/* The timer goes with what it is for: nobody calls a function that is stopped, or freed. */
static void ours_timer_is_cancelled(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		struct world *world = start(false);
		struct lend_reset_report report;

		assert_true(world_raise(world));
		world_run(world);
		assert_true(world->timer.nanoseconds > 0);
		if (how == 0)
			lend_function_quiesce(world->function);
		else if (how == 1)
			world_write(world, MSIX_CONTROL, 1, MSIX_ENABLE);
		else if (how == 2)
			lend_context_reset(world->context, &world->function, 1, &report, sizeof(report));
		else
			lend_function_line_changed(world->function);
		assert_true(world->timer.nanoseconds == 0);
		assert_int_equal(world_count(world, "timer 0"), 1);
		stop(world);
	}
}

/* The device asserts without end and the guest does nothing: one signal, one timer, no more. */
static void case_14_6_storm(void **state)
{
	struct world *world = start(false);

	(void)state;
	assert_true(world_raise(world));
	for (unsigned i = 0; i < 1000; i++) {
		world_run(world);
		assert_false(world_raise(world)); /* the kernel keeps it masked */
		if (i % 100 == 0)
			assert_true(world_timer(world));
	}
	assert_int_equal(world_count(world, "line 1 1"), 1);
	assert_int_equal(world_count(world, "timer"), 11);
	assert_int_equal(world->bars[0].direct_count, 0);
	/* Accesses that do not service it: each is one more interrupt, and none is lost. */
	for (unsigned i = 0; i < 1000; i++) {
		lend_function_bar_read(world->function, 0, 0x10, 4);
		assert_false(world->line.raised);
		assert_true(world_raise(world));
		world_run(world);
		assert_true(world->line.raised);
	}
	assert_int_equal(world->log_lines, 0);
	stop(world);
}

/* The guest programs its controller anew while the line is up: it is taken as served, and asked again. */
static void case_14_7_route_changes_while_pending(void **state)
{
	(void)state;
	for (unsigned bypass = 0; bypass < 2; bypass++) {
		struct world *world = start(bypass);

		assert_true(world_raise(world));
		if (!bypass)
			world_run(world);
		assert_int_equal(world->line.raised, !bypass);
		world_clear(world);
		lend_function_line_changed(world->function);
		assert_false(world->line.raised);
		assert_false(world->intx_masked);
		assert_int_equal(world->line.attached >= 0, bypass);
		if (bypass)
			world_expect_order(world, "intx mask", "line_detach 1", "intx unmask", "intx mask",
					   "line_attach 1", "intx unmaskfd x", "intx unmask", NULL);
		else
			assert_int_equal(world->bars[0].direct_count, 2);
		/* Not served in truth: it comes again, by the new route. */
		world->line.delivered = 0;
		assert_true(world_raise(world));
		world_run(world);
		assert_true(bypass ? world->line.delivered > 0 : world->line.raised);
		stop(world);
	}
}

/* 5.5: only where the line is the way that is on. */
static void route_changes_in_another_mode(void **state)
{
	struct world *world = start(true);

	(void)state;
	world_write(world, MSIX_CONTROL, 1, MSIX_ENABLE);
	world_clear(world);
	lend_function_line_changed(world->function);
	assert_int_equal(world->line_count, 0);
	stop(world);
}

static void config_and_rom_accesses_do_not_serve(void **state)
{
	struct world *world = world_with_pin();

	(void)state;
	world->function_config.no_intx_bypass = true;
	world->regions[LEND_REGION_ROM] = (struct lend_region){.size = 0x1000, .readable = true};
	world->rom_length = 4096;
	come_alive(world);
	world_write(world, PCI_ROM_ADDRESS, 4, 0xf0000001);
	assert_true(world_raise(world));
	world_run(world);
	world_read(world, PCI_STATUS, 2);
	world_write(world, PCI_CACHE_LINE_SIZE, 1, 1);
	assert_int_equal(lend_function_bar_read(world->function, LEND_REGION_ROM, 0, 4), 0);
	assert_true(world->line.raised);
	stop(world);
}

static void case_14_6_timer_gives_the_maps_back(void **state)
{
	struct world *world = start(false);

	(void)state;
	assert_true(world_raise(world));
	world_run(world);
	assert_true(world_timer(world)); /* still pending: once more */
	assert_int_equal(world->bars[0].direct_count, 0);
	lend_function_bar_read(world->function, 0, 0x10, 4);
	assert_true(world_timer(world));
	assert_int_equal(world->bars[0].direct_count, 2);
	assert_false(world_timer(world));
	stop(world);
}

/* A call that was on its way when the timer was set anew comes before its time. */
static void an_early_call_leaves_no_timer(void **state)
{
	struct world *world = start(false);

	(void)state;
	assert_true(world_raise(world));
	world_run(world);
	lend_function_bar_read(world->function, 0, 0x10, 4);
	world->timer.fn(world->timer.opaque);
	assert_int_equal(world->bars[0].direct_count, 2);
	assert_int_equal(world->timer.nanoseconds, 0);
	stop(world);
}

static void case_14_6_timeout_0_keeps_them(void **state)
{
	struct world *world = world_with_pin();

	(void)state;
	world->function_config.no_intx_bypass = true;
	world->function_config.intx_timeout_ms = 0;
	come_alive(world);
	assert_true(world_raise(world));
	world_run(world);
	assert_int_equal(world_count(world, "timer"), 0);
	lend_function_bar_read(world->function, 0, 0x10, 4);
	assert_int_equal(world->bars[0].direct_count, 0);
	world_write(world, MSIX_CONTROL, 1, MSIX_ENABLE); /* INTx goes off */
	assert_int_equal(world->bars[0].direct_count, 2);
	stop(world);
}

static void a_monitor_without_bypass_gets_the_other_way(void **state)
{
	struct world *world = world_with_pin();

	(void)state;
	world->no_bypass = true;
	come_alive(world);
	world_expect_order(world, "intx on", "intx mask", "line_attach 1", "intx unmask", "watch", NULL);
	assert_true(world_raise(world));
	world_run(world);
	assert_true(world->line.raised);
	stop(world);
}

/* The last step of the bypass: the line is unmasked, and VFIO has the eventfd that unmasks it from now on. */
static int refuse_last_unmask(void *dev, const struct backend_irqs *irqs)
{
	struct world *world = dev;

	if (irqs->action == BACKEND_IRQ_UNMASK && !irqs->fds && world->intx_unmask_fd >= 0)
		return -EIO;
	return fake_transport.set_irqs(dev, irqs);
}

/* 5.4: a line that stays masked would never interrupt: it is off, and said to be. */
static void a_line_that_stays_masked_is_off(void **state)
{
	struct world *world = world_with_pin();
	struct transport_ops ops = fake_transport;

	(void)state;
	ops.set_irqs = refuse_last_unmask;
	assert_int_equal(world_open(world), 0);
	world->device->ops = &ops;
	first_reset(world);
	world_expect_order(world, "intx unmaskfd x", "line_detach 1", "intx unmaskfd -", "intx off", NULL);
	assert_int_equal(world->intx_fd, -1);
	assert_int_equal(world->line.attached, -1);
	assert_int_equal(world->log_lines, 1);
	assert_non_null(strstr(world->last_log, "interrupt line cannot be used"));
	stop(world);
}

static void interrupt_disable_hides_the_line(void **state)
{
	struct world *world = start(false);

	(void)state;
	assert_true(world_raise(world));
	world_run(world);
	assert_true(world->line.raised);
	world_write(world, COMMAND_HIGH, 1, PCI_COMMAND_INTX_DISABLE >> 8);
	assert_false(world->line.raised);
	assert_int_equal(world->config[COMMAND_HIGH],
			 PCI_COMMAND_INTX_DISABLE >> 8); /* and reaches the device */
	world_write(world, COMMAND_HIGH, 1, 0);
	assert_true(world->line.raised);
	stop(world);
}

static void pins_that_are_none(void **state)
{
	static const struct {
		unsigned pin, vectors;
		bool off;
	} cases[] = {{0, 1, false}, {0xff, 1, false}, {5, 1, false}, {1, 0, false}, {1, 1, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world *world = world_with_pin();

		world_set(world, PCI_INTERRUPT_PIN, 1, cases[i].pin);
		world->vectors[LEND_IRQ_INTX] = cases[i].vectors;
		world->function_config.no_intx = cases[i].off;
		come_alive(world);
		assert_int_equal(world_read(world, PCI_INTERRUPT_PIN, 1), 0);
		assert_int_equal(world_count(world, "intx"), 0);
		assert_int_equal(world->log_lines, cases[i].pin > 4); /* what is no pin is said once */
		stop(world);
	}
}

static void set_mode(struct world *world, enum mode mode)
{
	/* The new one goes on before the old one goes off, and after it: both orders are seen. */
	if (mode == MODE_MSIX)
		world_write(world, MSIX_CONTROL, 1, MSIX_ENABLE);
	if (mode == MODE_MSI)
		world_write(world, MSI_CONTROL, 1, MSI_ENABLE);
	if (mode != MODE_MSIX)
		world_write(world, MSIX_CONTROL, 1, 0);
	if (mode != MODE_MSI)
		world_write(world, MSI_CONTROL, 1, 0);
	if (mode == MODE_NONE)
		lend_function_quiesce(world->function);
}

static void cve_2024_27437_ten_thousand_times(void **state)
{
	struct world *world = start(true);

	(void)state;
	world->mute = true;
	for (unsigned i = 0; i < 10000; i++) {
		set_mode(world, i & 1 ? MODE_INTX : MODE_MSIX);
		if (i & 1) {
			assert_true(world_raise(world));
			world_run(world);
			world_eoi(world);
		}
	}
	assert_int_equal(world->line.delivered, 5000);
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bypass_is_put_together_in_order),
		cmocka_unit_test(case_14_6_an_access_serves),
		cmocka_unit_test(its_way_and_its_count_are_told),
		cmocka_unit_test(ours_timer_is_cancelled),
		cmocka_unit_test(case_14_6_storm),
		cmocka_unit_test(case_14_7_route_changes_while_pending),
		cmocka_unit_test(route_changes_in_another_mode),
		cmocka_unit_test(config_and_rom_accesses_do_not_serve),
		cmocka_unit_test(case_14_6_timer_gives_the_maps_back),
		cmocka_unit_test(an_early_call_leaves_no_timer),
		cmocka_unit_test(case_14_6_timeout_0_keeps_them),
		cmocka_unit_test(a_monitor_without_bypass_gets_the_other_way),
		cmocka_unit_test(a_line_that_stays_masked_is_off),
		cmocka_unit_test(interrupt_disable_hides_the_line),
		cmocka_unit_test(pins_that_are_none),
		cmocka_unit_test(cve_2024_27437_ten_thousand_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

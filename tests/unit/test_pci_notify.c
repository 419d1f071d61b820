/* SPDX-License-Identifier: MIT */
/* Errors and requests of the kernel (spec, section 11), and a device that is pulled out. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"

enum { ERR, REQ };

static struct world *running(void)
{
	struct world *world = world_new();
	struct lend_reset_report report;

	world_nvme(world);
	world->vectors[LEND_IRQ_INTX] = world->vectors[LEND_IRQ_ERR] = world->vectors[LEND_IRQ_REQ] = 1;
	assert_int_equal(world_open(world), 0);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	world_start(world);
	world_write(world, 0x53, 1, 0x80);
	world_vector(world, 0, 0xfee00000, 1, false);
	world_clear(world);
	return world;
}

static void tell(struct world *world, unsigned kind)
{
	uint64_t one = 1;

	assert_int_equal(write(world->notify_fd[kind], &one, sizeof(one)), sizeof(one));
	world_run(world);
}

static void stop(struct world *world)
{
	world_close(world);
	world_free(world);
}

static void check_silent(struct world *world)
{
	assert_true(lend_function_gone(world->function));
	assert_int_equal(world_read(world, PCI_VENDOR_ID, 4), UINT32_MAX);
	assert_int_equal(world_read(world, PCI_BASE_ADDRESS_0, 2), 0xffff);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0, 4), UINT32_MAX);
	assert_int_equal(lend_function_bar_read(world->function, 0, 0x2000, 4), UINT32_MAX);
	world_clear(world);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	world_write(world, 0x53, 1, 0x80);
	lend_function_bar_write(world->function, 0, 0x2000, 4, 1);
	assert_int_equal(world->line_count, 0); /* nothing reaches the device or the monitor */
}

static void error_stops_the_function(void **state)
{
	struct world *world = running();

	(void)state;
	tell(world, ERR);
	world_expect_order(world, "detach 0", "irqs off", "unmap 0", "cfg_write 4", "event 1", NULL);
	assert_false(world->bars[0].placed);
	check_silent(world);
	tell(world, ERR); /* once is enough */
	assert_int_equal(world_count(world, "event"), 0);
	stop(world);
}

static void reset_brings_it_back(void **state)
{
	struct world *world = running();
	struct lend_reset_report report;

	(void)state;
	tell(world, ERR);
	world->dead = true;
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	assert_false(report.checked);
	assert_true(lend_function_gone(world->function));
	world->dead = false;
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	assert_true(report.checked);
	assert_false(lend_function_gone(world->function));
	world_start(world);
	assert_true(world->bars[0].placed);
	tell(world, ERR); /* and is listened to again */
	assert_true(lend_function_gone(world->function));
	stop(world);
}

static void request_gives_it_up(void **state)
{
	struct world *world = running();
	struct lend_reset_report report;

	(void)state;
	tell(world, REQ);
	world_expect_order(world, "detach 0", "irqs off", "unmap 0", "cfg_write 4", "event 0", NULL);
	check_silent(world);
	/* The kernel repeats it while it waits; nothing is said twice. */
	tell(world, REQ);
	assert_int_equal(world_count(world, "event"), 0);
	/* It does not come back by a reset. */
	world_clear(world);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)),
			 -ENODEV);
	/* But what it had asked for is waited for: the monitor's loop could not. */
	assert_int_equal(world->line_count, 1);
	world_expect_order(world, "cfg_read 8a 2", NULL);
	assert_true(lend_function_gone(world->function));
	stop(world);
}

/* After an error the host may still want it back. */
/* A monitor that takes the device from its guest in its own way hears of each request. */
static void request_that_is_told_alone(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world->vectors[LEND_IRQ_REQ] = 1;
	world->function_config.tells_request = true;
	assert_int_equal(world_open(world), 0);
	world_start(world);
	world_clear(world);
	for (unsigned i = 1; i <= 3; i++) {
		tell(world, REQ);
		assert_int_equal(world_count(world, "event 0"), i);
	}
	assert_false(lend_function_gone(world->function));
	assert_true(world->bars[0].placed);
	assert_int_not_equal(world_read(world, PCI_VENDOR_ID, 4), UINT32_MAX);
	stop(world);
}

static void request_after_an_error(void **state)
{
	struct world *world = running();

	(void)state;
	tell(world, ERR);
	world_clear(world);
	tell(world, REQ);
	assert_int_equal(world_count(world, "event 0"), 1);
	stop(world);
}

/* Pulled out: everything reads all ones from one moment to the next. */
static void device_that_is_pulled_out(void **state)
{
	struct world *world = running();

	(void)state;
	world->dead = true;
	assert_int_equal(lend_function_bar_read(world->function, 0, 0, 4), UINT32_MAX);
	tell(world, REQ);
	check_silent(world);
	stop(world);
}

static void request_can_be_left_out(void **state)
{
	struct world *world = world_new();

	(void)state;
	world_nvme(world);
	world->vectors[LEND_IRQ_ERR] = world->vectors[LEND_IRQ_REQ] = 1;
	world->function_config.no_request = true;
	assert_int_equal(world_open(world), 0);
	assert_true(world->notify_fd[ERR] >= 0);
	assert_int_equal(world->notify_fd[REQ], -1);
	stop(world);
}

/* spec 1, step 12: these never fail realize. */
static void kernel_that_does_not_tell(void **state)
{
	(void)state;
	for (unsigned off = 0; off < 2; off++) {
		struct world *world = world_new();

		world_nvme(world);
		world->vectors[LEND_IRQ_ERR] = 1;
		world->refuse_notify = off;
		assert_int_equal(world_open(world), 0);
		assert_int_equal(world->log_lines, off);
		stop(world);
	}
}

/* 11: torn down before the line interrupt is. */
static void order_of_the_end(void **state)
{
	struct world *world = world_new();
	struct lend_reset_report report;

	(void)state;
	world_nvme(world);
	world->vectors[LEND_IRQ_INTX] = world->vectors[LEND_IRQ_ERR] = world->vectors[LEND_IRQ_REQ] = 1;
	assert_int_equal(world_open(world), 0);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	world_clear(world);
	world_close(world);
	world_expect_order(world, "notify 3 -", "notify 4 -", "line_detach 1", "intx off", "close", NULL);
	world_free(world);
}

static struct transport_ops early;

static int set_irqs_and_fail(void *dev, const struct backend_irqs *irqs)
{
	int ret = fake_transport.set_irqs(dev, irqs);

	if (irqs->index == LEND_IRQ_ERR && irqs->fds[0] >= 0)
		tell(dev, ERR);
	return ret;
}

static void fail_early(struct world *world)
{
	early = fake_transport;
	early.set_irqs = set_irqs_and_fail;
	world->device->ops = &early;
}

/* An error that comes while the function is made: the host can still ask for the device. */
static void an_error_before_it_is_on_keeps_no_request_away(void **state)
{
	struct world *world = world_new();
	struct lend_reset_report report;

	(void)state;
	world_nvme(world);
	world->vectors[LEND_IRQ_ERR] = world->vectors[LEND_IRQ_REQ] = 1;
	world->before_function = fail_early;
	assert_int_equal(world_open(world), 0);
	world->device->ops = &fake_transport;
	assert_true(lend_function_gone(world->function));
	assert_int_equal(world->events, 1);
	assert_int_equal(lend_context_reset(world->context, &world->function, 1, &report, sizeof(report)), 0);
	assert_false(lend_function_gone(world->function));
	assert_true(world->notify_fd[REQ] >= 0);
	tell(world, REQ);
	assert_true(lend_function_gone(world->function));
	stop(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_before_it_is_on_keeps_no_request_away),
		cmocka_unit_test(error_stops_the_function),
		cmocka_unit_test(reset_brings_it_back),
		cmocka_unit_test(request_gives_it_up),
		cmocka_unit_test(request_that_is_told_alone),
		cmocka_unit_test(request_after_an_error),
		cmocka_unit_test(device_that_is_pulled_out),
		cmocka_unit_test(request_can_be_left_out),
		cmocka_unit_test(kernel_that_does_not_tell),
		cmocka_unit_test(order_of_the_end),
	};

	return cmocka_run_group_tests_name("pci_notify", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Six devices that do not answer in time, beside one: each wait is one for all of
 * them together, and no function's lock is held over it. The clock is the test's:
 * it goes on while somebody sleeps, and stands still else.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/pci/function.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"

enum { MOST = 6, EXP = 0x80 };

static struct {
	struct world *world[MOST]; /* the first has the context and the space */
	struct lend_device *device[MOST];
	struct lend_function *function[MOST];
	unsigned count;
} set;

static struct {
	bool runs;
	uint64_t ns;
	unsigned sleeps;
} fake_clock;

int clock_gettime(clockid_t id, struct timespec *out)
{
	if (!fake_clock.runs)
		return (int)syscall(SYS_clock_gettime, id, out);
	out->tv_sec = (time_t)(fake_clock.ns / 1000000000);
	out->tv_nsec = (long)(fake_clock.ns % 1000000000);
	return 0;
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
	if (!fake_clock.runs)
		return (int)syscall(SYS_nanosleep, time, left);
	fake_clock.ns += (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
	fake_clock.sleeps++;
	for (unsigned i = 0; i < set.count; i++) {
		assert_int_equal(pthread_mutex_trylock(&set.function[i]->lock), 0);
		pthread_mutex_unlock(&set.function[i]->lock);
	}
	return 0;
}

/* The first so many devices of the set answer by Request Retry Status, for so many reads of their ids. */
static unsigned not_ready, reads_not_ready;

static int never_ready(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	static const uint8_t retry[] = {1, 0, 0xff, 0xff};

	if (region != LEND_REGION_CONFIG || offset != PCI_VENDOR_ID || length != sizeof(retry))
		return fake_transport.read(dev, region, offset, data, length);
	for (unsigned i = 0; i < not_ready; i++) {
		if (dev != set.world[i] || !reads_not_ready)
			continue;
		reads_not_ready--;
		memcpy(data, retry, sizeof(retry));
		return sizeof(retry);
	}
	return fake_transport.read(dev, region, offset, data, length);
}

static struct transport_ops ops;

static void open_one(unsigned index)
{
	struct world *world = set.world[index] = world_new(), *first = set.world[0];
	struct device_source source = {.bdf = {0, 5, (uint8_t)index, 0},
				       .group = (int)(7 + index),
				       .numa_node = -1,
				       .reset_methods = "flr",
				       .ops = &ops,
				       .transport = world};
	struct lend_function_config config = {.size = sizeof(config), .peer = first};

	world_nvme(world);
	world->vectors[LEND_IRQ_REQ] = 1;
	world->reset_methods = "flr";
	if (!index) {
		assert_int_equal(world_open(world), 0);
		world->device->ops = &ops;
		set.device[0] = world->device;
		set.function[0] = world->function;
	} else {
		world->regions[LEND_REGION_CONFIG] =
			(struct lend_region){.size = 4096, .readable = true, .writable = true};
		assert_int_equal(device_open_with(first->space, &source, &set.device[index], NULL), 0);
		assert_int_equal(lend_function_new(set.device[index], &config, &set.function[index], NULL),
				 0);
	}
	lend_function_config_write(set.function[index], PCI_COMMAND, 2, PCI_COMMAND_MASTER);
}

static void open_set(unsigned count)
{
	ops = fake_transport;
	ops.read = never_ready;
	not_ready = 0;
	reads_not_ready = UINT32_MAX;
	memset(&set, 0, sizeof(set));
	for (unsigned i = 0; i < count; i++)
		open_one(i);
	set.count = count;
	memset(&fake_clock, 0, sizeof(fake_clock));
	fake_clock.runs = true;
}

static void close_set(void)
{
	unsigned count = set.count;

	set.count = 0;
	not_ready = 0;
	fake_clock.runs = false;
	for (unsigned i = count; i-- > 1;) {
		lend_function_free(set.function[i]);
		lend_device_close(set.device[i]);
		world_free(set.world[i]);
	}
	world_close(set.world[0]);
	world_free(set.world[0]);
}

/* Milliseconds of the clock that the set's end takes when all of it has transactions pending. */
static uint64_t quiesce(unsigned count)
{
	uint64_t took;

	open_set(count);
	for (unsigned i = 0; i < count; i++)
		world_set(set.world[i], EXP + PCI_EXP_DEVSTA, 2, PCI_EXP_DEVSTA_TRPND);
	lend_context_quiesce(set.world[0]->context, set.function, count);
	took = fake_clock.ns / 1000000;
	close_set();
	return took;
}

static void six_wedged_end_as_fast_as_one(void **state)
{
	uint64_t one = quiesce(1);

	(void)state;
	assert_int_equal(one, 1000);
	assert_int_equal(quiesce(MOST), one);
}

/* The same for a reset of which the first `wedged` devices do not come back. */
static uint64_t reset(unsigned count, unsigned wedged)
{
	struct lend_reset_report reports[MOST];
	uint64_t took;

	open_set(count);
	not_ready = wedged;
	assert_int_equal(
		lend_context_reset(set.world[0]->context, set.function, count, reports, sizeof(*reports)), 0);
	took = fake_clock.ns / 1000000;
	assert_int_equal(fake_clock.sleeps, wedged ? 100 : 0);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(reports[i].checked, i >= wedged);
		assert_true(i >= wedged || strstr(reports[i].check, "not ready"));
	}
	close_set();
	return took;
}

static void six_that_are_not_ready_are_waited_for_together(void **state)
{
	uint64_t one = reset(1, 1);

	(void)state;
	assert_int_equal(one, 1000);
	assert_int_equal(reset(MOST, MOST), one);
	assert_int_equal(reset(MOST, 1), one);
	assert_int_equal(reset(MOST, 0), 0);
}

/* It is asked each 10 ms, and no longer than it is not ready. */
static void one_that_gets_ready_is_found_well(void **state)
{
	struct lend_reset_report report;

	(void)state;
	open_set(1);
	not_ready = 1;
	reads_not_ready = 3;
	assert_int_equal(lend_context_reset(set.world[0]->context, set.function, 1, &report, sizeof(report)),
			 0);
	assert_true(report.checked);
	assert_int_equal(fake_clock.sleeps, 3);
	assert_int_equal(fake_clock.ns, 30000000);
	close_set();
}

static unsigned asked_at; /* the read of the ids at which the host wants the last device back */

static int wanted_back(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	uint64_t one = 1;

	if (region == LEND_REGION_CONFIG && offset == PCI_VENDOR_ID && dev == set.world[set.count - 1] &&
	    asked_at && !--asked_at) {
		assert_int_equal(write(set.world[set.count - 1]->notify_fd[1], &one, sizeof(one)),
				 sizeof(one));
		world_run(set.world[0]);
	}
	return never_ready(dev, region, offset, data, length);
}

/* The host asks while devices are waited for, or while the one is looked at: it was reset for nobody. */
static void one_that_the_host_wants_meanwhile_is_said(void **state)
{
	struct lend_reset_report reports[2];

	(void)state;
	open_set(2);
	ops.read = wanted_back;
	asked_at = 1;
	assert_int_equal(
		lend_context_reset(set.world[0]->context, set.function, 2, reports, sizeof(*reports)),
		-ENODEV);
	assert_int_equal(reports[0].result, 0);
	assert_true(reports[0].checked);
	assert_int_equal(reports[1].result, -ENODEV);
	assert_string_equal(reports[1].check, "the host wants it back");
	assert_true(lend_function_gone(set.function[1]));
	close_set();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(six_wedged_end_as_fast_as_one),
		cmocka_unit_test(six_that_are_not_ready_are_waited_for_together),
		cmocka_unit_test(one_that_gets_ready_is_found_well),
		cmocka_unit_test(one_that_the_host_wants_meanwhile_is_said),
	};

	return cmocka_run_group_tests_name("pci_together", tests, NULL, NULL);
}

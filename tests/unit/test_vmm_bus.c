/* SPDX-License-Identifier: MIT */
/* The buses and the event loop: who answers, and who does not any more. */
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/bus.h"
#include "vmm/loop.h"

struct box {
	uint64_t offset, value;
	unsigned length, reads, writes;
};

static uint64_t box_read(void *opaque, uint64_t offset, unsigned length)
{
	struct box *box = opaque;

	box->offset = offset;
	box->length = length;
	box->reads++;
	return 0x1122334455667788;
}

static void box_write(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	struct box *box = opaque;

	box->offset = offset;
	box->length = length;
	box->value = value;
	box->writes++;
}

static const struct bus_ops box_ops = {.read = box_read, .write = box_write};

static int add(struct bus *bus, struct box *box, uint64_t start, uint64_t length)
{
	const struct bus_range range = {.start = start, .length = length, .ops = &box_ops, .opaque = box};

	return bus_add(bus, &range);
}

static void an_access_goes_where_its_first_byte_is(void **state)
{
	struct bus bus;
	struct box a = {0}, b = {0};
	uint64_t value;

	(void)state;
	bus_init(&bus);
	assert_int_equal(add(&bus, &b, 0x2000, 0x1000), 0);
	assert_int_equal(add(&bus, &a, 0x1000, 0x1000), 0);
	assert_int_equal(bus_read(&bus, 0x1ffe, 4, &value), 0);
	assert_int_equal(a.offset, 0xffe);
	assert_int_equal(b.reads, 0);
	assert_int_equal(bus_write(&bus, 0x2000, 8, 5), 0);
	assert_int_equal(b.value, 5);
	assert_int_equal(bus_read(&bus, 0x3000, 1, &value), -ENXIO);
	assert_true(value == UINT64_MAX);
	assert_int_equal(bus_read(&bus, 0xfff, 1, &value), -ENXIO);
	assert_int_equal(bus_read(&bus, UINT64_MAX, 8, &value), -ENXIO);
}

/* Firmware reads its timer in a loop; no other processor's change of a BAR waits for that, or delays it. */
static void the_same_range_again_takes_no_lock(void **state)
{
	struct bus_hint hint = {0};
	struct bus bus;
	struct box a = {0}, b = {0};
	uint64_t value;

	(void)state;
	bus_init(&bus);
	assert_int_equal(add(&bus, &a, 0, 0x1000), 0);
	assert_int_equal(bus_read_again(&bus, &hint, 0x1000, 4, &value), -ENXIO);
	assert_int_equal(bus_read_again(&bus, &hint, 0x10, 4, &value), 0);
	pthread_rwlock_wrlock(&bus.lock);
	assert_int_equal(bus_read_again(&bus, &hint, 0xfff, 4, &value), 0);
	assert_int_equal(bus_write_again(&bus, &hint, 0, 4, 7), 0);
	assert_int_equal(pthread_rwlock_tryrdlock(&bus.lock), EBUSY); /* nobody gave it back */
	pthread_rwlock_unlock(&bus.lock);
	assert_int_equal(a.reads, 2);
	assert_int_equal(a.value, 7);
	/* Who is gone answers no more, and the next one does. */
	bus_remove(&bus, &a, 0);
	assert_int_equal(bus_read_again(&bus, &hint, 0x10, 4, &value), -ENXIO);
	assert_int_equal(bus_write_again(&bus, &hint, 0x10, 4, 8), -ENXIO);
	assert_int_equal(a.value, 7);
	assert_int_equal(add(&bus, &b, 0, 0x1000), 0);
	assert_int_equal(bus_read_again(&bus, &hint, 0x10, 4, &value), 0);
	assert_int_equal(b.reads, 1);
	assert_int_equal(a.reads, 2);
}

static void ranges_do_not_overlap_or_wrap(void **state)
{
	struct bus bus;
	struct box a = {0};

	(void)state;
	bus_init(&bus);
	assert_int_equal(add(&bus, &a, 0x1000, 0x1000), 0);
	assert_int_equal(add(&bus, &a, 0x1fff, 1), -EEXIST);
	assert_int_equal(add(&bus, &a, 0xfff, 2), -EEXIST);
	assert_int_equal(add(&bus, &a, 0, 0x4000), -EEXIST);
	assert_int_equal(add(&bus, &a, 0x3000, 0), -EINVAL);
	assert_int_equal(add(&bus, &a, UINT64_MAX, 2), -EINVAL);
	assert_int_equal(add(&bus, &a, UINT64_MAX, 1), 0);
	assert_int_equal(add(&bus, &a, 0xfff, 1), 0);
	assert_int_equal(add(&bus, &a, 0x2000, 1), 0);
}

static void a_full_bus_says_so(void **state)
{
	static struct bus bus;
	static struct box boxes[2];

	(void)state;
	bus_init(&bus);
	for (unsigned i = 0; i < BUS_RANGES_MAX; i++)
		assert_int_equal(add(&bus, &boxes[i & 1], i * 16, 16), 0);
	assert_int_equal(add(&bus, &boxes[0], 0x100000, 16), -ENOSPC);
	bus_remove(&bus, &boxes[0], 0);
	assert_int_equal(bus.count, BUS_RANGES_MAX / 2);
	for (unsigned i = 1; i < bus.count; i++)
		assert_true(bus.ranges[i].start > bus.ranges[i - 1].start);
}

struct counter {
	struct loop *loop;
	int fd;
	unsigned calls;
	int remove; /* a descriptor that the callback removes; -1: none */
};

static void count(void *opaque)
{
	struct counter *counter = opaque;
	uint64_t value;

	assert_int_equal(read(counter->fd, &value, sizeof(value)), sizeof(value));
	counter->calls++;
	if (counter->remove >= 0)
		assert_int_equal(loop_remove(counter->loop, counter->remove), 0);
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void the_loop_runs_a_callback_an_event(void **state)
{
	struct loop loop;
	struct counter a = {.loop = &loop, .fd = eventfd(0, 0), .remove = -1};

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	assert_int_equal(loop_add(&loop, a.fd, EPOLLIN, count, &a), 0);
	assert_int_equal(loop_add(&loop, a.fd, EPOLLIN, count, &a), -EEXIST);
	for (unsigned i = 1; i <= 3; i++) {
		signal_fd(a.fd);
		assert_int_equal(loop_once(&loop), 0);
		assert_int_equal(a.calls, i);
	}
	assert_int_equal(loop_remove(&loop, a.fd), 0);
	assert_int_equal(loop_remove(&loop, a.fd), -ENOENT);
	loop_free(&loop);
	close(a.fd);
}

static void a_callback_may_remove_itself_and_others(void **state)
{
	struct loop loop;
	struct counter a = {.loop = &loop, .fd = eventfd(0, 0)};
	struct counter b = {.loop = &loop, .fd = eventfd(0, 0), .remove = -1};

	(void)state;
	a.remove = a.fd;
	assert_int_equal(loop_init(&loop), 0);
	assert_int_equal(loop_add(&loop, a.fd, EPOLLIN, count, &a), 0);
	signal_fd(a.fd);
	assert_int_equal(loop_once(&loop), 0);
	assert_int_equal(loop_add(&loop, b.fd, EPOLLIN, count, &b), 0);
	signal_fd(a.fd); /* nobody watches it: the loop must not call */
	signal_fd(b.fd);
	assert_int_equal(loop_once(&loop), 0);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 1);
	loop_free(&loop);
	close(a.fd);
	close(b.fd);
}

struct slow {
	int entered, go; /* eventfds */
	int fd;
	int done;
};

static void slow_callback(void *opaque)
{
	struct slow *slow = opaque;
	uint64_t value;

	signal_fd(slow->entered);
	assert_int_equal(read(slow->go, &value, sizeof(value)), sizeof(value));
	assert_int_equal(read(slow->fd, &value, sizeof(value)), sizeof(value));
	__atomic_store_n(&slow->done, 1, __ATOMIC_SEQ_CST);
}

static void *run_once(void *opaque)
{
	loop_once(opaque);
	return NULL;
}

static void *let_go(void *opaque)
{
	struct slow *slow = opaque;

	signal_fd(slow->go);
	return NULL;
}

static void removing_waits_for_a_callback_that_runs(void **state)
{
	struct slow slow = {.entered = eventfd(0, 0), .go = eventfd(0, 0), .fd = eventfd(0, 0)};
	struct loop loop;
	pthread_t runner, helper;
	uint64_t value;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	assert_int_equal(loop_add(&loop, slow.fd, EPOLLIN, slow_callback, &slow), 0);
	signal_fd(slow.fd);
	assert_int_equal(pthread_create(&runner, NULL, run_once, &loop), 0);
	assert_int_equal(read(slow.entered, &value, sizeof(value)), sizeof(value));
	assert_int_equal(pthread_create(&helper, NULL, let_go, &slow), 0);
	assert_int_equal(loop_remove(&loop, slow.fd), 0);
	assert_int_equal(__atomic_load_n(&slow.done, __ATOMIC_SEQ_CST), 1);
	pthread_join(runner, NULL);
	pthread_join(helper, NULL);
	loop_free(&loop);
	close(slow.entered);
	close(slow.go);
	close(slow.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_access_goes_where_its_first_byte_is),
		cmocka_unit_test(the_same_range_again_takes_no_lock),
		cmocka_unit_test(ranges_do_not_overlap_or_wrap),
		cmocka_unit_test(a_full_bus_says_so),
		cmocka_unit_test(the_loop_runs_a_callback_an_event),
		cmocka_unit_test(a_callback_may_remove_itself_and_others),
		cmocka_unit_test(removing_waits_for_a_callback_that_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* liblend's host operations on this machine: routes, irqfds, lines and the timer. */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/resident.h"
#include "tests/unit/vmm_doubles.h"

static void many_vectors_are_one_update(void **state)
{
	unsigned before = kvm.tables;

	(void)state;
	assign_ops.msi_begin(&vmm, device);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(assign_ops.msi_set(&vmm, device, i, 0xfee00000, 0x40 + i), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	assert_int_equal(kvm.tables, before + 1);
	assert_int_equal(kvm.entries, ROUTES_PINS + 16);
	assert_int_equal(kvm.data[15], 0x4f);
	assert_int_equal(assign_ops.msi_attach(&vmm, device, 3, 99), 0);
	assert_int_equal(kvm.irqfd_gsi, ROUTES_PINS + 3);
	/* The same again is no update. */
	assign_ops.msi_begin(&vmm, device);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 3, 0xfee00000, 0x43), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	assert_int_equal(kvm.tables, before + 1);
}

static void an_update_that_fails_leaves_all_as_it_was(void **state)
{
	(void)state;
	assign_ops.msi_begin(&vmm, device);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 0, 0xfee00000, 1), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	kvm.table_error = -EINVAL;
	assign_ops.msi_begin(&vmm, device);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 1, 0xfee00000, 2), 0);
	assign_ops.msi_free(&vmm, device, 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), -EINVAL);
	kvm.table_error = 0;
	assert_int_equal(assign_ops.msi_attach(&vmm, device, 0, 99), 0);
	assert_int_equal(assign_ops.msi_attach(&vmm, device, 1, 99), -ENOENT);
	assign_ops.msi_begin(&vmm, device);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 1, 0xfee00000, 2), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	assert_int_equal(kvm.entries, ROUTES_PINS + 2);
}

/* What KVM has is what is there: after a failure the next update holds the old messages, and no other. */
static void a_failed_update_leaves_nothing_behind(void **state)
{
	(void)state;
	assign_ops.msi_begin(&vmm, device);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 0, 0xfee00000, 0x11), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	kvm.table_error = -EINVAL;
	assign_ops.msi_begin(&vmm, device);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 0, 0xfee00000, 0x22), 0);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 1, 0xfee00000, 0x33), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), -EINVAL);
	kvm.table_error = 0;
	assign_ops.msi_begin(&vmm, device);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 2, 0xfee00000, 0x44), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	assert_int_equal(kvm.entries, ROUTES_PINS + 2);
	assert_int_equal(kvm.data[0], 0x11);
	assert_int_equal(kvm.data[1], 0x44);
}

/* An irqfd may still be on its way to it: a GSI changes its message in no update that frees it. */
static void a_gsi_is_not_given_on_by_the_update_that_frees_it(void **state)
{
	(void)state;
	assign_ops.msi_begin(&vmm, device);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 0, 0xfee00000, 0x11), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	assign_ops.msi_begin(&vmm, device);
	assign_ops.msi_free(&vmm, device, 0);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 1, 0xfee00000, 0x22), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	assert_int_equal(device->routes[1].now, ROUTES_PINS + 1);
	/* From the next on it is free. */
	assign_ops.msi_begin(&vmm, device);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 2, 0xfee00000, 0x33), 0);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	assert_int_equal(device->routes[2].now, ROUTES_PINS);
}

static void a_line_is_up_while_one_sharer_raises_it(void **state)
{
	unsigned gsi = line_gsi(3, 2);

	(void)state;
	assert_int_equal(gsi, 16 + 4);
	assert_int_equal(line_gsi(7, 2), 16);
	assert_int_equal(line_set(&vmm.lines, gsi, true), 0);
	assert_int_equal(line_set(&vmm.lines, gsi, true), 0);
	assert_int_equal(kvm.levels[4], 1);
	assert_int_equal(line_set(&vmm.lines, gsi, false), 0);
	assert_int_equal(kvm.levels[4], 1);
	assert_int_equal(line_set(&vmm.lines, gsi, false), 0);
	assert_int_equal(kvm.levels[4], 0);
	assert_int_equal(kvm.level_changes, 2);
	device->slot = 1;
	assert_int_equal(assign_ops.line_attach(&vmm, device, 1, 5, 6), 0);
	assert_int_equal(kvm.irqfd_gsi, 17);
}

static unsigned timer_calls;

static void on_time(void *opaque)
{
	(void)opaque;
	timer_calls++;
}

static void the_timer_fires_once(void **state)
{
	(void)state;
	timer_calls = 0;
	assert_int_equal(assign_ops.timer(&vmm, device, 3600000000000, on_time, NULL), 0);
	assert_int_equal(assign_ops.timer(&vmm, device, 1, on_time, NULL), 0); /* replaces the first */
	assert_int_equal(loop_once(&vmm.loop), 0);
	assert_int_equal(timer_calls, 1);
}

static int64_t nanoseconds(const struct timespec *time)
{
	return time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
}

/* To the nanosecond: what is left is the time that was asked for, less what has gone since. */
static void the_timer_has_the_time_that_it_was_given(void **state)
{
	static const int64_t times[] = {999999999, 1000000000, 5999999999, 3600000000001};

	(void)state;
	for (unsigned i = 0; i < sizeof(times) / sizeof(*times); i++) {
		struct timespec before, after;
		struct itimerspec left;

		clock_gettime(CLOCK_MONOTONIC, &before);
		assert_int_equal(assign_ops.timer(&vmm, device, (uint64_t)times[i], on_time, NULL), 0);
		assert_int_equal(timerfd_gettime(device->timer, &left), 0);
		clock_gettime(CLOCK_MONOTONIC, &after);
		assert_true(nanoseconds(&left.it_value) <= times[i]);
		assert_true(nanoseconds(&left.it_value) >=
			    times[i] - (nanoseconds(&after) - nanoseconds(&before)));
	}
	assert_int_equal(assign_ops.timer(&vmm, device, 0, NULL, NULL), 0);
}

/* KVM's VFIO device is told of each file; without that device there is nobody to tell. */
static void files_are_told_to_kvm_and_taken_back(void **state)
{
	int vfio = vmm.vfio;

	(void)state;
	kvm.files = kvm.file = 0;
	vmm.vfio = 9;
	assert_int_equal(assign_ops.vfio_add(&vmm, 5), 0);
	assert_int_equal(kvm.files, 1);
	assert_int_equal(kvm.file, 905);
	assert_int_equal(assign_ops.vfio_del(&vmm, 6), 0);
	assert_int_equal(kvm.files, 0);
	assert_int_equal(kvm.file, 906);
	vmm.vfio = -1;
	assert_int_equal(assign_ops.vfio_add(&vmm, 5), 0);
	assert_int_equal(assign_ops.vfio_del(&vmm, 5), 0);
	assert_int_equal(kvm.file, 906);
	vmm.vfio = vfio;
}

static void the_timer_is_cancelled(void **state)
{
	uint64_t one = 1;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	(void)state;
	timer_calls = 0;
	assert_int_equal(assign_ops.timer(&vmm, device, 0, NULL, NULL), 0); /* none is set */
	assert_int_equal(assign_ops.timer(&vmm, device, 1, on_time, NULL), 0);
	assert_int_equal(assign_ops.timer(&vmm, device, 0, NULL, NULL), 0);
	/* The loop has nothing to call but this. */
	assert_int_equal(assign_ops.watch(&vmm, fd, on_time, NULL), 0);
	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
	assert_int_equal(loop_once(&vmm.loop), 0);
	assert_int_equal(timer_calls, 1);
	assert_int_equal(read(device->timer, &one, sizeof(one)), -1);
	assert_int_equal(assign_ops.unwatch(&vmm, fd), 0);
	close(fd);
}

static void gsis_come_back_and_run_out(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		assign_ops.msi_begin(&vmm, device);
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(assign_ops.msi_set(&vmm, device, i, 0xfee00000, i), 0);
		assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
		assign_ops.msi_begin(&vmm, device);
		for (unsigned i = 0; i < 20; i++)
			assign_ops.msi_free(&vmm, device, i);
		assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
		assert_int_equal(kvm.entries, ROUTES_PINS);
	}
	assign_ops.msi_begin(&vmm, device);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(assign_ops.msi_set(&vmm, device, i, 0xfee00000, i), 0);
	assert_int_equal(assign_ops.msi_set(&vmm, device, 40, 0xfee00000, 0), -ENOSPC);
	assert_int_equal(assign_ops.msi_set(&vmm, device, VECTORS_MAX, 0xfee00000, 0), -EINVAL);
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
}

/* Both halves have room for all that KVM could route, 192 KiB. */
static void routes_that_nobody_has_take_no_memory(void **state)
{
	struct routes *routes =
		mmap(NULL, sizeof(*routes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(routes, MAP_FAILED);
	assert_int_equal(routes_init(routes, -1, ROUTES_MAX, false), 0);
	for (unsigned i = 0; i < 8; i++) {
		routes_begin(routes);
		assert_int_equal(routes_add(routes, 0xfee00000, i), ROUTES_PINS + i);
		kvm.table_error = i == 7 ? -EINVAL : 0;
		assert_int_equal(routes_commit(routes), kvm.table_error);
	}
	kvm.table_error = 0;
	/* A page for the head and what is now, and one or two for what is next. */
	assert_in_range(resident((uintptr_t)routes, sizeof(*routes)), 1, 3);
	/* The last one was taken back. */
	routes_begin(routes);
	assert_int_equal(routes_add(routes, 0xfee00000, 0), ROUTES_PINS + 7);
	assert_int_equal(routes_commit(routes), 0);
	routes_free(routes);
	munmap(routes, sizeof(*routes));
}

/* The table of a device grows with the vectors that it uses, and keeps those it has. */
static void a_device_has_room_for_the_vectors_it_uses(void **state)
{
	const unsigned vectors[] = {3, 63, 64, 700, VECTORS_MAX - 1};

	(void)state;
	assert_int_equal(device->vectors, 0);
	for (unsigned i = 0; i < 5; i++) {
		assign_ops.msi_begin(&vmm, device);
		assert_int_equal(assign_ops.msi_set(&vmm, device, vectors[i], 0xfee00000, 0x40 + i), 0);
		assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
		assert_in_range(device->vectors, vectors[i] + 1, vectors[i] + 64);
		assert_int_equal(assign_ops.msi_attach(&vmm, device, vectors[0], 99), 0);
		assert_int_equal(kvm.irqfd_gsi, ROUTES_PINS);
	}
	assert_int_equal(assign_ops.msi_attach(&vmm, device, 100, 99), -ENOENT);
	assert_int_equal(assign_ops.msi_attach(&vmm, device, VECTORS_MAX, 99), -ENOENT);
	assign_ops.msi_begin(&vmm, device);
	assign_ops.msi_free(&vmm, device, VECTORS_MAX); /* it has none */
	assert_int_equal(assign_ops.msi_commit(&vmm, device), 0);
	assert_int_equal(kvm.entries, ROUTES_PINS + 5);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(many_vectors_are_one_update),
		TEST(an_update_that_fails_leaves_all_as_it_was),
		TEST(a_failed_update_leaves_nothing_behind),
		TEST(a_gsi_is_not_given_on_by_the_update_that_frees_it),
		TEST(a_line_is_up_while_one_sharer_raises_it),
		TEST(the_timer_fires_once),
		TEST(the_timer_is_cancelled),
		TEST(the_timer_has_the_time_that_it_was_given),
		TEST(files_are_told_to_kvm_and_taken_back),
		TEST(gsis_come_back_and_run_out),
		TEST(a_device_has_room_for_the_vectors_it_uses),
		TEST(routes_that_nobody_has_take_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

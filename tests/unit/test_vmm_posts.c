/* SPDX-License-Identifier: MIT */
/* Which writes to a device KVM keeps: those that the library calls postable, where its BAR is, and no longer.
 */
#include <stdlib.h>

#include "tests/unit/vmm_doubles.h"

enum { RUN_PAGES = 3, TABLE = 0x2000, TABLE_LENGTH = 65 * 16 };

static const uint64_t first = 0xe0000000, second = 0xe0100000;
static struct vcpu vcpu;

static void place(uint64_t address)
{
	const struct lend_bar_direct none = {0};
	const struct lend_bar_map what = {.address = address, .size = 0x4000, .direct = &none};

	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_map(&vmm, device, &what), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
}

/* The guest has written to config space, and the library says this from now on. */
static void configure(bool on)
{
	postable = (struct lend_bar_part){.offset = TABLE, .length = on ? TABLE_LENGTH : 0};
	vmm.topology.configured(vmm.topology.opaque, device->function);
}

static int start(void **state)
{
	int ret = set_up(state);

	vcpu.run = calloc(RUN_PAGES, 4096);
	vmm.vcpus.vcpu = &vcpu;
	vmm.vcpus.run_size = (size_t)RUN_PAGES * 4096;
	kvm.ring_page = RUN_PAGES - 1;
	device->function = (struct lend_function *)&vcpu; /* the doubles only compare it */
	place(first);
	return ret ? ret : posts_init(&vmm, NULL);
}

static int end(void **state)
{
	posts_end(&vmm);
	free(vcpu.run);
	return tear_down(state);
}

static void assert_kept(uint64_t at, uint64_t length)
{
	assert_int_equal(kvm.zone.at, at);
	assert_int_equal(kvm.zone.length, length);
}

static void kept_while_the_library_says_so(void **state)
{
	(void)state;
	configure(false);
	assert_int_equal(kvm.zones, 0);
	configure(true);
	assert_kept(first + TABLE, TABLE_LENGTH);
	configure(true); /* another register: nothing changes */
	assert_int_equal(kvm.zones, 1);
	assert_false(vmm.posted.again);
	configure(false);
	assert_kept(0, 0);
	assert_true(vmm.posted.again); /* KVM may have kept something until now */
	assert_int_equal(kvm.zones, 2);
}

static void another_device_changes_nothing(void **state)
{
	(void)state;
	postable = (struct lend_bar_part){.offset = TABLE, .length = TABLE_LENGTH};
	vmm.topology.configured(vmm.topology.opaque, NULL);
	assert_int_equal(kvm.zones, 0);
}

/* What is at the old place next is no table. */
static void ends_when_the_bar_leaves(void **state)
{
	(void)state;
	configure(true);
	place(second);
	assert_kept(0, 0);
	configure(true);
	assert_kept(second + TABLE, TABLE_LENGTH);
	assign_ops.bar_begin(&vmm, device);
	assert_int_equal(assign_ops.bar_unmap(&vmm, device, 0), 0);
	assert_int_equal(assign_ops.bar_commit(&vmm, device), 0);
	assert_kept(0, 0);
	configure(true); /* it waits for a place */
	assert_kept(0, 0);
}

static void each_write_is_an_exit_where_kvm_refuses(void **state)
{
	(void)state;
	kvm.zone_error = -ENOSPC;
	configure(true);
	assert_int_equal(device->posts.length, 0);
	kvm.zone_error = 0;
	configure(true);
	assert_kept(first + TABLE, TABLE_LENGTH);
}

static void nothing_where_kvm_keeps_none(void **state)
{
	(void)state;
	posts_end(&vmm);
	vmm.topology.configured = NULL;
	kvm.ring_page = 0;
	assert_int_equal(posts_init(&vmm, NULL), 0);
	assert_null(vmm.vcpus.posted);
	assert_null(vmm.topology.configured);
	place(second);
	assert_int_equal(kvm.zones, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kept_while_the_library_says_so, start, end),
		cmocka_unit_test_setup_teardown(another_device_changes_nothing, start, end),
		cmocka_unit_test_setup_teardown(ends_when_the_bar_leaves, start, end),
		cmocka_unit_test_setup_teardown(each_write_is_an_exit_where_kvm_refuses, start, end),
		cmocka_unit_test_setup_teardown(nothing_where_kvm_keeps_none, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

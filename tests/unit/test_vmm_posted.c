/* SPDX-License-Identifier: MIT */
/* Writes that KVM has kept: their order, their buses, and the end of the ring. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/posted.h"

enum { PAGE = 4096, ENTRIES = (PAGE - 8) / 24 };

static struct bus memory_bus, port_bus;
static struct posted posted;
static struct kvm_coalesced_mmio_ring *ring;
static struct {
	char log[8 * ENTRIES];
	unsigned writes, left; /* entries that KVM sees as taken while one is carried out */
} seen;

static uint64_t no_read(void *opaque, uint64_t offset, unsigned length)
{
	(void)opaque, (void)offset, (void)length;
	return 0;
}

static void note(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	char *end = seen.log + strlen(seen.log);

	seen.writes++;
	seen.left = (ring->last + ENTRIES - ring->first) % ENTRIES;
	if (end < seen.log + sizeof(seen.log) - 64)
		sprintf(end, "%s%u:%u=%x ", (const char *)opaque, (unsigned)offset, length, (unsigned)value);
}

static const struct bus_ops ops = {.read = no_read, .write = note};

static int set_up(void **state)
{
	static char memory[] = "m", port[] = "p";
	const struct bus_range range = {.start = 0x1000, .length = 0x1000, .ops = &ops, .opaque = memory};
	const struct bus_range ports = {.start = 0x70, .length = 2, .ops = &ops, .opaque = port};

	(void)state;
	memset(&seen, 0, sizeof(seen));
	bus_init(&memory_bus);
	bus_init(&port_bus);
	assert_int_equal(bus_add(&memory_bus, &range) + bus_add(&port_bus, &ports), 0);
	ring = calloc(1, PAGE);
	posted_init(&posted, &memory_bus, &port_bus, ring, PAGE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	posted_end(&posted);
	free(ring);
	return 0;
}

static void keep(uint64_t at, uint32_t length, uint32_t value, bool port)
{
	struct kvm_coalesced_mmio *write = &ring->coalesced_mmio[ring->last];

	*write = (struct kvm_coalesced_mmio){.phys_addr = at, .len = length, .pio = port};
	memcpy(write->data, &value, sizeof(value));
	ring->last = (ring->last + 1) % ENTRIES;
}

static void writes_keep_their_order(void **state)
{
	(void)state;
	posted_fetch(&posted);
	keep(0x1002, 1, 0x10, false);
	keep(0x70, 1, 0x8f, true);
	keep(0x1002, 1, 0xaa, false);
	keep(0x1ff0, 4, 0x11223344, false);
	keep(0x9000, 1, 1, false); /* nobody is there */
	posted_fetch(&posted);
	assert_string_equal(seen.log, "m2:1=10 p0:1=8f m2:1=aa m4080:4=11223344 ");
	posted_fetch(&posted);
	assert_int_equal(seen.writes, 4);
	assert_int_equal(ring->first, ring->last);
}

static void on_batch(void *opaque, bool begins)
{
	assert_ptr_equal(opaque, ring);
	assert_int_not_equal(ring->first, ring->last); /* who comes now waits for its end */
	strcat(seen.log, begins ? "( " : ") ");
}

/* Who waits for a disk at each write may wait once for all that nobody has looked for. */
static void the_handler_knows_where_they_end(void **state)
{
	(void)state;
	posted.batch = on_batch;
	posted.opaque = ring;
	posted_fetch(&posted);
	keep(0x1002, 1, 0x10, false);
	keep(0x70, 1, 0x8f, true);
	posted_fetch(&posted);
	assert_string_equal(seen.log, "( m2:1=10 p0:1=8f ) ");
}

static void the_ring_goes_round(void **state)
{
	(void)state;
	assert_int_equal(posted.room, ENTRIES);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ENTRIES - 1; i++)
			keep(0x1000 + i, 1, i, false);
		posted_fetch(&posted);
		assert_int_equal(seen.left, 1); /* the last one was there until it was done */
	}
	assert_int_equal(seen.writes, 3 * (ENTRIES - 1));
}

static void lengths_are_those_of_an_access(void **state)
{
	(void)state;
	keep(0x1000, 0, 1, false);
	keep(0x1000, 100, 2, false);
	posted_fetch(&posted);
	assert_string_equal(seen.log, "m0:8=2 ");
}

/* Once for each time that KVM has stopped keeping writes somewhere. */
static void what_was_kept_until_the_end_is_carried_out(void **state)
{
	(void)state;
	keep(0x1000, 1, 1, false);
	posted_settle(&posted);
	assert_int_equal(seen.writes, 0);
	posted_again(&posted);
	posted_settle(&posted);
	assert_int_equal(seen.writes, 1);
	keep(0x1000, 1, 1, false);
	posted_settle(&posted);
	assert_int_equal(seen.writes, 1);
}

static void there_is_a_time_without_a_ring(void **state)
{
	(void)state;
	posted_end(&posted);
	keep(0x1000, 1, 1, false);
	posted_fetch(&posted);
	assert_int_equal(seen.writes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_keep_their_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_handler_knows_where_they_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_ring_goes_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lengths_are_those_of_an_access, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_kept_until_the_end_is_carried_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(there_is_a_time_without_a_ring, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

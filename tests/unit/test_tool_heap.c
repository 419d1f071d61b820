/* SPDX-License-Identifier: MIT */
/* What lend run keeps of the memory that its start used, in pages. */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/resident.h"
#include "tool/run/heap.h"

enum { DEEP = 300 << 10, BUFFER = 512 << 10, TABLE = 64 << 10, ROUNDS = 8 };

/* A start goes down once, far below where the machine's loop is. */
static __attribute__((noinline)) void go_deep(uintptr_t *low)
{
	volatile uint8_t frame[DEEP];

	for (size_t i = 0; i < DEEP; i++)
		frame[i] = 1;
	*low = (uintptr_t)frame;
}

static void the_stack_below_goes_back(void **state)
{
	uintptr_t frame;
	uint8_t kept[64];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	(void)state;
	go_deep(&frame);
	memset(kept, 7, sizeof(kept));
	assert_true(resident(frame, DEEP) >= DEEP / page);
	heap_trim();
	assert_true(resident(frame, DEEP) <= 8);
	for (size_t i = 0; i < sizeof(kept); i++)
		assert_int_equal(kept[i], 7);
}

/* The second and each other time, too: the kernel's image is checked in parts, and its table is read at each
 * boot. */
static void what_is_large_has_pages_of_its_own(void **state)
{
	(void)state;
	heap_begin();
	free(malloc(BUFFER));
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct mallinfo2 before = mallinfo2(), with;
		uint8_t *buffer = calloc(1, BUFFER), *table = calloc(1, TABLE);
		size_t pages;

		assert_non_null(buffer);
		assert_non_null(table);
		buffer[0] = buffer[BUFFER - 1] = 1;
		table[TABLE / 2] = 1;
		with = mallinfo2();
		pages = resident((uintptr_t)buffer, BUFFER) + resident((uintptr_t)table, TABLE);
		free(table);
		free(buffer);
#ifndef __SANITIZE_ADDRESS__ /* which has its own malloc */
		assert_int_equal(with.hblks - before.hblks, 2);
		assert_true(pages <= 6);
		assert_int_equal(mallinfo2().hblkhd, before.hblkhd);
		assert_int_equal(mallinfo2().arena, before.arena);
#else
		(void)before, (void)with, (void)pages;
#endif
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stack_below_goes_back),
		cmocka_unit_test(what_is_large_has_pages_of_its_own),
	};

	return cmocka_run_group_tests_name("tool_heap", tests, NULL, NULL);
}

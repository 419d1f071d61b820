/* SPDX-License-Identifier: MIT */
/* A kernel that was placed while devices were opened: when the machine may take it as it is. */
#include "tests/unit/cmocka.h"

#undef fail /* of cmocka: the machine has one of its own */
#include "vmm/machine.h"

enum { LOW = 64 << 20 };

/* It lies in the RAM from 0 on, and was placed for as much of it as there is now; and it is taken once. */
static void it_is_taken_where_memory_is_what_it_was_placed_for(void **state)
{
	static const struct {
		bool placed;
		struct memory_piece first;
		bool fits;
	} rows[] = {
		{true, {.length = LOW}, true},
		{false, {.length = LOW}, false},
		{true, {.length = LOW + 4096}, false},
		{true, {.length = LOW - 4096}, false},
		{true, {.gpa = {4096}, .length = LOW}, false},
		{true, {.offset = 4096, .length = LOW}, false},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		static struct vmm vmm;
		struct boot_placed out = {0};

		vmm.memory.pieces[0] = rows[i].first;
		vmm.memory.piece_count = 1;
		vmm.ahead.placed = rows[i].placed;
		vmm.ahead.kernel = (struct boot_placed){.low = LOW, .load = 0x1000000};
		assert_int_equal(ahead_take(&vmm, &out), rows[i].fits);
		if (rows[i].fits)
			assert_int_equal(out.load, 0x1000000);
		assert_false(ahead_take(&vmm, &out));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_taken_where_memory_is_what_it_was_placed_for),
	};

	return cmocka_run_group_tests_name("vmm_ahead", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * NVMe: a guest that writes anything anywhere, from a fixed seed. The controller must
 * stay in its memory and in its bounds, which the disk and the sanitizers watch, and a
 * reset must bring it back.
 */
#include <stdlib.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/nvme_hammer.h"

static void survives(void **state)
{
	const char *rounds = getenv("LEND_HAMMER_ROUNDS");

	(void)state;
	hammer_open(20);
	for (int i = 0; i < (rounds ? atoi(rounds) : 300); i++) {
		hammer_begin();
		for (unsigned j = 0; j < 300; j++)
			hammer_step();
	}
	hammer_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * For one test program each: the calls of liblend that a topology makes, for a test that does not
 * look at functions. They have no BAR and no link, read all ones, and forget what is written.
 */
#ifndef TESTS_UNIT_MUTE_FUNCTIONS_H
#define TESTS_UNIT_MUTE_FUNCTIONS_H

#include <string.h>

#include "vmm/machine.h"

uint32_t lend_function_config_read(struct lend_function *function, unsigned offset, unsigned length)
{
	(void)function, (void)offset, (void)length;
	return UINT32_MAX;
}

void lend_function_config_write(struct lend_function *function, unsigned offset, unsigned length,
				uint32_t value)
{
	(void)function, (void)offset, (void)length, (void)value;
}

void lend_function_bar(const struct lend_function *function, unsigned index, struct lend_bar *out,
		       size_t size)
{
	(void)function, (void)index;
	memset(out, 0, size);
}

void lend_function_link(const struct lend_function *function, struct lend_link *out, size_t size)
{
	(void)function;
	memset(out, 0, size);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Access to virtual config space, and to shadow registers, through a window. The
 * guest often chooses the offset by another register, so each access is checked
 * here against the end of the mirror.
 */
#include <string.h>

#include "lib/le.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/quirks/quirks.h"

/* The widest access to config space (1, 2 or 4 bytes) that fits into what is left. */
static unsigned step(unsigned left)
{
	return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

static unsigned inside(unsigned offset, unsigned limit, unsigned length)
{
	unsigned left = offset < limit ? limit - offset : 0;

	return left < length ? left : length;
}

void mirror_read(struct lend_function *function, unsigned offset, unsigned limit, uint8_t *bytes,
		 unsigned length)
{
	unsigned valid = inside(offset, limit, length);

	memset(bytes, 0xff, length);
	for (unsigned i = 0, n; i < valid; i += n) {
		n = step(valid - i);
		le_store(bytes + i, n, lend_function_config_read(function, offset + i, n));
	}
}

void mirror_write(struct lend_function *function, unsigned offset, unsigned limit, const uint8_t *bytes,
		  unsigned length)
{
	unsigned valid = inside(offset, limit, length);

	for (unsigned i = 0, n; i < valid; i += n) {
		n = step(valid - i);
		lend_function_config_write(function, offset + i, n, (uint32_t)le_load(bytes + i, n));
	}
}

void shadow_write(struct lend_function *function, uint8_t *registers, const uint8_t *bytes, unsigned length)
{
	function_lock(function);
	memcpy(registers, bytes, length);
	function_unlock(function);
}

uint32_t shadow_read(struct lend_function *function, const uint8_t *registers)
{
	uint32_t value;

	function_lock(function);
	value = le32(registers);
	function_unlock(function);
	return value;
}

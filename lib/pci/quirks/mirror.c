/* SPDX-License-Identifier: MIT */
/*
 * Virtual config space, and registers of ours, through a window. The offset is
 * often chosen by the guest with another register: it is checked here, against
 * the mirror's own end, at each access.
 */
#include <string.h>

#include "lib/le.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/quirks/quirks.h"

/* Config space knows accesses of 1, 2 and 4 bytes: the widest that is left. */
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

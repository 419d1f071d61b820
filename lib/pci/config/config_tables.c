/* SPDX-License-Identifier: MIT */
/* The tables of config space, and access to the state and to the device's registers. */
#include "lib/le.h"
#include "lib/pci/config/config.h"

static bool inside(const struct lend_function *function, unsigned offset, unsigned length)
{
	return offset < function->config.size && length <= function->config.size - offset;
}

void config_set_bits(struct lend_function *function, unsigned offset, unsigned length, uint32_t bits,
		     uint32_t value)
{
	struct config_row *rows = function->config.rows;

	if (!inside(function, offset, length))
		return;
	for (unsigned i = 0; i < length; i++) {
		uint8_t mine = (uint8_t)(bits >> 8 * i), byte = (uint8_t)(value >> 8 * i);
		uint8_t *at = &function->state.config[offset + i];

		rows[offset + i].virt |= mine;
		*at = (uint8_t)((*at & ~mine) | (byte & mine));
		if (rows[offset + i].virt == 0xff)
			rows[offset + i].blocked = 1;
	}
}

void config_set_virtual(struct lend_function *function, unsigned offset, unsigned length, uint32_t value)
{
	config_set_bits(function, offset, length, UINT32_MAX, value);
	config_set_writable(function, offset, length, 0);
}

void config_set_writable(struct lend_function *function, unsigned offset, unsigned length, uint32_t mask)
{
	for (unsigned i = 0; i < length && inside(function, offset, length); i++)
		function->config.rows[offset + i].mask = (uint8_t)(mask >> 8 * i);
}

void config_set_cleared(struct lend_function *function, unsigned offset, unsigned length, uint32_t bits)
{
	for (unsigned i = 0; i < length && inside(function, offset, length); i++)
		function->config.rows[offset + i].cleared = (uint8_t)(bits >> 8 * i);
}

void config_set_blocked(struct lend_function *function, unsigned offset, unsigned length)
{
	for (unsigned i = 0; i < length && offset + i < function->config.size; i++)
		function->config.rows[offset + i].blocked = 1;
}

void config_claim(struct lend_function *function, unsigned offset, unsigned length, enum claim claim)
{
	for (unsigned i = 0; i < length && offset + i < function->config.size; i++)
		function->config.rows[offset + i].claim = (uint8_t)claim;
}

void config_set_hook(struct lend_function *function, unsigned offset, unsigned length, enum hook hook)
{
	for (unsigned i = 0; i < length && offset + i < function->config.size; i++)
		function->config.rows[offset + i].hook = (uint8_t)hook;
}

void config_begin(struct lend_function *function)
{
	for (unsigned i = 0; i < function->config.size; i++)
		if (function->state.config[i])
			function->config.rows[i].start = function->state.config[i];
}

uint32_t config_start(const struct lend_function *function, unsigned offset, unsigned length)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < length; i++)
		value |= (uint32_t)function->config.rows[offset + i].start << 8 * i;
	return value;
}

uint32_t config_virt(const struct lend_function *function, unsigned offset, unsigned length)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < length; i++)
		value |= (uint32_t)function->config.rows[offset + i].virt << 8 * i;
	return value;
}

uint32_t config_state(const struct lend_function *function, unsigned offset, unsigned length)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < length; i++)
		value |= (uint32_t)__atomic_load_n(&function->state.config[offset + i], __ATOMIC_RELAXED)
			 << 8 * i;
	return value;
}

void config_store(struct lend_function *function, unsigned offset, unsigned length, uint32_t value)
{
	for (unsigned i = 0; i < length; i++)
		__atomic_store_n(&function->state.config[offset + i], (uint8_t)(value >> 8 * i),
				 __ATOMIC_RELAXED);
}

uint32_t config_hw(const struct lend_function *function, unsigned offset, unsigned length)
{
	if (!inside(function, offset, length))
		return 0;
	return (uint32_t)le_load(function->config.hw + offset, length);
}

uint32_t config_shown(const struct lend_function *function, unsigned offset, unsigned length)
{
	uint32_t virt;

	if (!inside(function, offset, length))
		return 0;
	virt = config_virt(function, offset, length);
	return (config_state(function, offset, length) & virt) |
	       (config_hw(function, offset, length) & ~virt);
}

int config_device_read(struct lend_function *function, unsigned offset, unsigned length, uint32_t *out)
{
	uint8_t bytes[4];
	int ret;

	count_one(function->counters.config_syscalls);
	ret = device_read(function->device, LEND_REGION_CONFIG, offset, bytes, length);
	if (!ret)
		*out = (uint32_t)le_load(bytes, length);
	return ret;
}

int config_device_write(struct lend_function *function, unsigned offset, unsigned length, uint32_t value)
{
	uint8_t bytes[4];

	le_store(bytes, length, value);
	count_one(function->counters.config_syscalls);
	return device_write(function->device, LEND_REGION_CONFIG, offset, bytes, length);
}

/* SPDX-License-Identifier: MIT */
/*
 * ATI's I/O BAR 4 leads to the registers of BAR 2: the address register is at +0,
 * the data register at +4. The device's config space is at address 0x4000.
 */
#include "lib/pci/quirks/quirks.h"

enum { BAR = 4, LEAST = 256, ADDRESS = 0, DATA = 4, MATCH = 0x4000 };

/* Whether the address register leads to config space; `*offset`: to which byte of it. */
static bool selected(struct lend_function *function, unsigned *offset)
{
	uint32_t address = shadow_read(function, function->quirks.ati);

	*offset = address - MATCH;
	return address >= MATCH && *offset < function->config.size;
}

static int read_address(struct lend_function *function, const struct window *window, uint64_t offset,
			uint8_t *bytes, unsigned length)
{
	return window_device_read(function, window->region, offset, bytes, length);
}

static int write_address(struct lend_function *function, const struct window *window, uint64_t offset,
			 const uint8_t *bytes, unsigned length)
{
	shadow_write(function, function->quirks.ati + (offset - ADDRESS), bytes, length);
	return window_device_write(function, window->region, offset, bytes, length);
}

static int read_data(struct lend_function *function, const struct window *window, uint64_t offset,
		     uint8_t *bytes, unsigned length)
{
	unsigned at;

	if (!selected(function, &at))
		return window_device_read(function, window->region, offset, bytes, length);
	mirror_read(function, at + (unsigned)(offset - DATA), function->config.size, bytes, length);
	return 0;
}

static int write_data(struct lend_function *function, const struct window *window, uint64_t offset,
		      const uint8_t *bytes, unsigned length)
{
	unsigned at;

	if (!selected(function, &at))
		return window_device_write(function, window->region, offset, bytes, length);
	mirror_write(function, at + (unsigned)(offset - DATA), function->config.size, bytes, length);
	return 0;
}

void ati_bar4_setup(struct lend_function *function, const struct quirk *row)
{
	const struct lend_bar *bar = &function->bars[BAR].guest;
	const struct window address = {
		.region = BAR, .offset = ADDRESS, .length = 4, .read = read_address, .write = write_address};
	const struct window data = {
		.region = BAR, .offset = DATA, .length = 4, .read = read_data, .write = write_data};

	if (!bar->io || bar->size < LEAST)
		return;
	quirk_window(function, row, &address);
	quirk_window(function, row, &data);
}

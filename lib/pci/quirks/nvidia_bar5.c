/* SPDX-License-Identifier: MIT */
/*
 * NVIDIA's I/O BAR 5 leads to the registers of BAR 0, by four registers: a master
 * switch at +0, an enable at +4, the address at +8 and the data at +0xc. Config
 * space is at two addresses: 256 bytes at 0x1800, 4 KiB at 0x88000.
 */
#include "lib/pci/quirks/quirks.h"

enum { BAR = 5, MASTER = 0, ENABLE = 4, ADDRESS = 8, DATA = 0xc };

static const struct {
	uint32_t at;
	unsigned length;
} mirrors[] = {{0x1800, 0x100}, {0x88000, 0x1000}};

/* Whether the data register is config space now; `*offset`: which byte of it, `*limit`: its end. */
static bool selected(struct lend_function *function, unsigned *offset, unsigned *limit)
{
	const uint8_t *registers = function->quirks.nvidia;
	uint32_t address = shadow_read(function, registers + ADDRESS);

	if (!shadow_read(function, registers + MASTER) || !shadow_read(function, registers + ENABLE))
		return false;
	for (size_t i = 0; i < sizeof(mirrors) / sizeof(*mirrors); i++) {
		*offset = address - mirrors[i].at;
		*limit = mirrors[i].length;
		if (address >= mirrors[i].at && *offset < *limit)
			return true;
	}
	return false;
}

static int read_control(struct lend_function *function, const struct window *window, uint64_t offset,
			uint8_t *bytes, unsigned length)
{
	return window_device_read(function, window->region, offset, bytes, length);
}

static int write_control(struct lend_function *function, const struct window *window, uint64_t offset,
			 const uint8_t *bytes, unsigned length)
{
	shadow_write(function, function->quirks.nvidia + offset, bytes, length);
	return window_device_write(function, window->region, offset, bytes, length);
}

static int read_data(struct lend_function *function, const struct window *window, uint64_t offset,
		     uint8_t *bytes, unsigned length)
{
	unsigned at, limit;

	if (!selected(function, &at, &limit))
		return window_device_read(function, window->region, offset, bytes, length);
	mirror_read(function, at + (unsigned)(offset - DATA), limit, bytes, length);
	return 0;
}

static int write_data(struct lend_function *function, const struct window *window, uint64_t offset,
		      const uint8_t *bytes, unsigned length)
{
	unsigned at, limit;

	if (!selected(function, &at, &limit))
		return window_device_write(function, window->region, offset, bytes, length);
	mirror_write(function, at + (unsigned)(offset - DATA), limit, bytes, length);
	return 0;
}

void nvidia_bar5_setup(struct lend_function *function, const struct quirk *row)
{
	const struct window control = {.region = BAR,
				       .offset = MASTER,
				       .length = DATA - MASTER,
				       .read = read_control,
				       .write = write_control};
	const struct window data = {
		.region = BAR, .offset = DATA, .length = 4, .read = read_data, .write = write_data};

	if (!function->bars[BAR].guest.io)
		return;
	quirk_window(function, row, &control);
	quirk_window(function, row, &data);
}

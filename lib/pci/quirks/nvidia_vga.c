/* SPDX-License-Identifier: MIT */
/*
 * NVIDIA's registers through VGA ports. Register 0x38 of the CRT controller
 * (index at port 0x3d4, value at 0x3d5) says what the data register at port 0x3d0
 * is: with 3 the address of a register of the GPU, with 5 its value to be read,
 * with 7 its value to be written. Written as one word to 0x3d4, these are 0x338,
 * 0x538 and 0x738. Config space is at 0x1800 of the GPU's registers.
 */
#include "lib/le.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/quirks/quirks.h"

enum {
	DATA = 0x3d0,
	INDEX = 0x3d4,
	ACCESS_REGISTER = 0x38,
	MIRROR = 0x1800,
	MIRROR_LENGTH = 0x100,
};
enum register_38 { ADDRESS = 3, READ = 5, WRITE = 7 };

/* Whether the data register is config space now; `*offset`: which byte of it. */
static bool selected(struct lend_function *function, enum register_38 mode, unsigned *offset)
{
	uint32_t address;
	bool is;

	function_lock(function);
	is = function->quirks.nvidia_vga.mode == mode;
	address = function->quirks.nvidia_vga.address;
	function_unlock(function);
	*offset = address - MIRROR;
	return is && address >= MIRROR && *offset < MIRROR_LENGTH;
}

static int read_index(struct lend_function *function, const struct window *window, uint64_t offset,
		      uint8_t *bytes, unsigned length)
{
	return window_device_read(function, window->region, offset, bytes, length);
}

static int write_index(struct lend_function *function, const struct window *window, uint64_t offset,
		       const uint8_t *bytes, unsigned length)
{
	function_lock(function);
	for (unsigned i = 0; i < length; i++) {
		if (offset + i == INDEX)
			function->quirks.nvidia_vga.index = bytes[i];
		else if (function->quirks.nvidia_vga.index == ACCESS_REGISTER)
			function->quirks.nvidia_vga.mode = bytes[i];
	}
	function_unlock(function);
	return window_device_write(function, window->region, offset, bytes, length);
}

static int read_data(struct lend_function *function, const struct window *window, uint64_t offset,
		     uint8_t *bytes, unsigned length)
{
	unsigned at;

	if (!selected(function, READ, &at))
		return window_device_read(function, window->region, offset, bytes, length);
	mirror_read(function, at + (unsigned)(offset - DATA), MIRROR_LENGTH, bytes, length);
	return 0;
}

static int write_data(struct lend_function *function, const struct window *window, uint64_t offset,
		      const uint8_t *bytes, unsigned length)
{
	unsigned at;

	function_lock(function);
	if (function->quirks.nvidia_vga.mode == ADDRESS) {
		uint8_t address[4];

		le_store(address, 4, function->quirks.nvidia_vga.address);
		for (unsigned i = 0; i < length; i++)
			address[offset - DATA + i] = bytes[i];
		function->quirks.nvidia_vga.address = le32(address);
	}
	function_unlock(function);
	if (!selected(function, WRITE, &at))
		return window_device_write(function, window->region, offset, bytes, length);
	mirror_write(function, at + (unsigned)(offset - DATA), MIRROR_LENGTH, bytes, length);
	return 0;
}

void nvidia_vga_setup(struct lend_function *function, const struct quirk *row)
{
	const struct window data = {.region = LEND_REGION_VGA,
				    .offset = DATA,
				    .length = 4,
				    .read = read_data,
				    .write = write_data};
	const struct window index = {.region = LEND_REGION_VGA,
				     .offset = INDEX,
				     .length = 2,
				     .read = read_index,
				     .write = write_index};

	quirk_window(function, row, &data);
	quirk_window(function, row, &index);
}

/* SPDX-License-Identifier: MIT */
/* ATI devices show their config space a second time in the registers of BAR 2. */
#include "lib/pci/quirks/quirks.h"

enum { BAR = 2, AT = 0x4000, LENGTH = 256 };

static int read_config(struct lend_function *function, const struct window *window, uint64_t offset,
		       uint8_t *bytes, unsigned length)
{
	mirror_read(function, (unsigned)(offset - window->offset), LENGTH, bytes, length);
	return 0;
}

static int write_config(struct lend_function *function, const struct window *window, uint64_t offset,
			const uint8_t *bytes, unsigned length)
{
	mirror_write(function, (unsigned)(offset - window->offset), LENGTH, bytes, length);
	return 0;
}

void ati_bar2_setup(struct lend_function *function, const struct quirk *row)
{
	const struct window window = {
		.region = BAR, .offset = AT, .length = LENGTH, .read = read_config, .write = write_config};

	if (function->bars[BAR].guest.is_64)
		quirk_window(function, row, &window);
}

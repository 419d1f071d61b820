/* SPDX-License-Identifier: MIT */
/*
 * NVIDIA devices show their config space a second time in BAR 0: at 0x88000, and
 * for the VGA BIOS at 0x1800. A driver acknowledges an MSI by a write to the
 * first two bytes of the MSI capability there. These bytes are read-only in
 * config space, so that write has no other effect; it alone goes to the hardware.
 */
#include <linux/pci_regs.h>

#include "lib/pci/quirks/quirks.h"

enum { BAR = 0 };

static const struct {
	uint64_t at;
	unsigned length; /* 0: config space's */
	bool vga;
} mirrors[LEARN_MIRRORS] = {{0x88000, 0, false}, {0x1800, 0x100, true}};

static int read_config(struct lend_function *function, const struct window *window, uint64_t offset,
		       uint8_t *bytes, unsigned length)
{
	mirror_read(function, (unsigned)(offset - window->offset), (unsigned)window->length, bytes, length);
	return 0;
}

/* Writes to the device those bytes that are the id and the next pointer of the MSI capability. */
static int acknowledge(struct lend_function *function, const struct window *window, uint64_t offset,
		       const uint8_t *bytes, unsigned length)
{
	uint64_t cap = window->offset + function->msi.cap, end = cap + PCI_MSI_FLAGS;
	uint64_t from = offset > cap ? offset : cap, to = offset + length < end ? offset + length : end;

	if (!function->msi.cap || from >= to)
		return 0;
	if (from == offset && to == offset + length)
		learn_write(function, window->number, window->region, offset, bytes, length);
	return window_device_write(function, window->region, from, bytes + (from - offset),
				   (unsigned)(to - from));
}

static int write_config(struct lend_function *function, const struct window *window, uint64_t offset,
			const uint8_t *bytes, unsigned length)
{
	mirror_write(function, (unsigned)(offset - window->offset), (unsigned)window->length, bytes, length);
	return acknowledge(function, window, offset, bytes, length);
}

void nvidia_bar0_setup(struct lend_function *function, const struct quirk *row)
{
	if (function->bars[BAR].guest.io)
		return;
	for (unsigned i = 0; i < LEARN_MIRRORS; i++) {
		const struct window window = {
			.region = BAR,
			.offset = mirrors[i].at,
			.length = mirrors[i].length ? mirrors[i].length : function->config.size,
			.read = read_config,
			.write = write_config,
			.number = i,
		};

		if (!mirrors[i].vga || vga_on(function))
			quirk_window(function, row, &window);
	}
}

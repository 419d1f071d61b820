/* SPDX-License-Identifier: MIT */
/*
 * ATI's VGA BIOS finds its I/O BAR by port 0x3c3, which reads as the second byte
 * of BAR 4. The device would answer with the host's BAR, so we do with the guest's.
 */
#include <linux/pci_regs.h>

#include "lib/pci/config/config.h"
#include "lib/pci/quirks/quirks.h"

enum { PORT = 0x3c3, LEAST = 256 };

static int read_port(struct lend_function *function, const struct window *window, uint64_t offset,
		     uint8_t *bytes, unsigned length)
{
	(void)window, (void)offset, (void)length; /* one byte */
	*bytes = (uint8_t)config_state(function, PCI_BASE_ADDRESS_4 + 1, 1);
	return 0;
}

static int write_port(struct lend_function *function, const struct window *window, uint64_t offset,
		      const uint8_t *bytes, unsigned length)
{
	return window_device_write(function, window->region, offset, bytes, length);
}

void ati_vga_setup(struct lend_function *function, const struct quirk *row)
{
	const struct lend_bar *bar = &function->bars[4].guest;
	const struct window window = {.region = LEND_REGION_VGA,
				      .offset = PORT,
				      .length = 1,
				      .read = read_port,
				      .write = write_port};

	if (bar->io && bar->size >= LEAST)
		quirk_window(function, row, &window);
}

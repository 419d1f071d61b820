/* SPDX-License-Identifier: MIT */
/* QEMU's pci-testdev, as its docs/specs/pci-testdev describes it. */
#include "devices.h"
#include "io.h"
#include "pci.h"
#include "serial.h"

enum { TEST = 0, WIDTH = 1, OFFSET = 4, DATA = 8, COUNT = 12, NAME = 16, NAME_MAX = 64, WRITES = 10 };

/* Says NAME:COUNT, the device's count of the writes that it was to see; false: there is no such test. */
static bool one_test(unsigned number, const struct bar *bar, unsigned test)
{
	uint64_t width, offset, data;

	bar_write(bar, TEST, 1, test);
	width = bar_read(bar, WIDTH, 1);
	if (width != 1 && width != 2 && width != 4)
		return false;
	offset = bar_read(bar, OFFSET, 4);
	data = bar_read(bar, DATA, 4);
	for (unsigned i = 0; i < WRITES; i++)
		bar_write(bar, offset, (unsigned)width, data);
	say("; bar%u ", number);
	for (unsigned i = 0; i < NAME_MAX; i++) {
		char c = (char)bar_read(bar, NAME + i, 1);

		if (!c)
			break;
		say("%c", c);
	}
	say(" %lu", bar_read(bar, COUNT, 4));
	return true;
}

/* testdev ADDRESS: every test of both BARs. */
const char *testdev_command(struct words *words)
{
	unsigned address;

	if (!word_address(words, &address) || pci_read(address, 0, 4) != 0x00051b36)
		return "no pci-testdev there";
	pci_command(address, COMMAND_MEMORY | COMMAND_PORTS, 0);
	for (unsigned number = 0; number < 2; number++) {
		struct bar bar = pci_bar(address, number);
		unsigned test = 0;

		while (test < 32 && one_test(number, &bar, test))
			test++;
	}
	return 0;
}

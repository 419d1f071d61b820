/* SPDX-License-Identifier: MIT */
/*
 * Accesses by messages. Config space is as VFIO shows it to any of its users: the
 * kernel decides what a write changes. The register of the ROM is the function's, as
 * the ROM is: its size may be that of the user's file.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/forward/forward.h"
#include "lib/pci/bars/rom.h"
#include "lib/pci/reset/reset.h"

enum { ROM_REGISTER_END = PCI_ROM_ADDRESS + 4 };

/* Puts the bytes of the ROM's register over those that were read at `offset`. */
static void show_rom_register(struct forward *forward, uint64_t offset, uint8_t *bytes, unsigned length)
{
	for (unsigned at = PCI_ROM_ADDRESS; at < ROM_REGISTER_END; at++)
		if (at >= offset && at - offset < length)
			bytes[at - offset] = (uint8_t)lend_function_config_read(forward->function, at, 1);
}

int forward_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct forward *forward = dev;
	int ret;

	if (lend_function_gone(forward->function)) {
		memset(data, 0xff, length);
		return (int)length;
	}
	if (region == LEND_REGION_ROM) {
		rom_read(forward->function, offset, data, length);
		return (int)length;
	}
	ret = forward->device->ops->read(forward->device->transport, region, offset, data, length);
	if (ret > 0 && region == LEND_REGION_CONFIG)
		show_rom_register(forward, offset, data, (unsigned)ret);
	return ret;
}

static int write_device(struct forward *forward, unsigned region, uint64_t offset, const uint8_t *bytes,
			unsigned length)
{
	return length ? device_write(forward->device, region, offset, bytes, length) : 0;
}

/* Splits off what lies in the ROM's register. */
static int write_config(struct forward *forward, unsigned offset, const uint8_t *bytes, unsigned length)
{
	unsigned end = offset + length;
	unsigned from = offset < PCI_ROM_ADDRESS ? PCI_ROM_ADDRESS : offset;
	unsigned to = end > ROM_REGISTER_END ? ROM_REGISTER_END : end;
	int ret;

	if (from >= to)
		return write_device(forward, LEND_REGION_CONFIG, offset, bytes, length);
	ret = write_device(forward, LEND_REGION_CONFIG, offset, bytes, from - offset);
	for (unsigned at = from; at < to && !ret; at++)
		lend_function_config_write(forward->function, at, 1, bytes[at - offset]);
	return ret ? ret : write_device(forward, LEND_REGION_CONFIG, to, bytes + (to - offset), end - to);
}

int forward_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct forward *forward = dev;
	int ret;

	if (lend_function_gone(forward->function) || region == LEND_REGION_ROM)
		return (int)length;
	reset_is_due(forward->function);
	ret = region == LEND_REGION_CONFIG ? write_config(forward, (unsigned)offset, data, length)
					   : write_device(forward, region, offset, data, length);
	return ret < 0 ? ret : (int)length;
}

/* SPDX-License-Identifier: MIT */
/*
 * The image in a ROM (PCI Firmware 3.0, 5.1): a header, the PCI data structure
 * that it points to, and a checksum that makes all bytes sum to 0. The offset
 * comes from the device, so it is checked.
 */
#include <string.h>

#include "lib/le.h"
#include "lib/pci/bars/rom.h"

enum {
	SIGNATURE = 0xaa55,
	CHECKSUM = 6, /* a byte of the header that has no other use */
	DATA_POINTER = 0x18,
	HEADER_END = 0x1a,
	DATA_VENDOR = 4,
	DATA_DEVICE = 6,
	DATA_END = 8,
};

void rom_fix_ids(uint8_t *image, size_t length, uint16_t vendor, uint16_t device)
{
	uint8_t sum = 0, *data;
	unsigned at;

	if (length < HEADER_END || le16(image) != SIGNATURE)
		return;
	at = le16(image + DATA_POINTER);
	if (at + DATA_END > length)
		return;
	data = image + at;
	if (memcmp(data, "PCIR", 4) || le16(data + DATA_VENDOR) != vendor ||
	    le16(data + DATA_DEVICE) == device)
		return;
	le_store(data + DATA_DEVICE, 2, device);
	image[CHECKSUM] = 0;
	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + image[i]);
	image[CHECKSUM] = (uint8_t)-sum;
}

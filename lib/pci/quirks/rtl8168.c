/* SPDX-License-Identifier: MIT */
/*
 * The Realtek 8168 reaches its MSI-X table by two other registers of BAR 2, data
 * at 0x70 and address at 0x74. The address register has these fields:
 *
 *	31	1: write, 0: read; the device inverts it when the command is done
 *	30:16	the block of registers; 1 is the MSI-X table
 *	15:12	enables of the bytes of data
 *	11:0	the offset in the block
 *
 * The guest's table is virtual, so commands to that block are carried out here.
 * Drivers write these registers as 32 bits. Writes of other widths are ignored,
 * because a guest could put a command to the device's own table together by them.
 */
#include <string.h>

#include "lib/le.h"
#include "lib/pci/interrupts/msix.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/quirks/quirks.h"

enum { BAR = 2, DATA = 0x70, ADDRESS = 0x74 };

#define WRITE          UINT32_C(0x80000000)
#define BLOCK_MASK     UINT32_C(0x7fff0000)
#define BLOCK_TABLE    UINT32_C(0x00010000)
#define ENABLES(value) ((value) >> 12 & 0xf)
#define OFFSET(value)  ((value)&0xffc)

/* How many of the four bytes at `offset` are in the table. Others read all ones and are not written. */
static unsigned room(const struct lend_function *function, uint32_t offset)
{
	const struct msix *msix = &function->msix;
	uint64_t left = offset < msix->table_length ? msix->table_length - offset : 0;

	return left < 4 ? (unsigned)left : 4;
}

static uint32_t table_read(struct lend_function *function, uint32_t offset)
{
	uint8_t bytes[4] = {0xff, 0xff, 0xff, 0xff};

	msix_table_read(function, function->msix.table + offset, bytes, room(function, offset));
	return le32(bytes);
}

static void table_write(struct lend_function *function, uint32_t address, uint32_t value)
{
	unsigned enables = ENABLES(address) ? ENABLES(address) : 0xf;
	uint32_t offset = OFFSET(address);
	uint8_t bytes[4];

	le_store(bytes, 4, value);
	if (enables == 0xf && room(function, offset) == 4) {
		msix_table_write(function, function->msix.table + offset, bytes, 4);
		return;
	}
	for (unsigned i = 0; i < room(function, offset); i++)
		if (enables & 1u << i)
			msix_table_write(function, function->msix.table + offset + i, bytes + i, 1);
}

static bool is_whole(uint64_t offset, unsigned length)
{
	return length == 4 && (offset == DATA || offset == ADDRESS);
}

static int read_register(struct lend_function *function, const struct window *window, uint64_t offset,
			 uint8_t *bytes, unsigned length)
{
	uint64_t data = 0;
	uint32_t address;
	uint8_t both[8];
	bool table;

	function_lock(function);
	table = function->quirks.rtl8168.table;
	address = function->quirks.rtl8168.address;
	function_unlock(function);
	if (!table)
		return window_device_read(function, window->region, offset, bytes, length);
	if (offset < ADDRESS)
		data = table_read(function, OFFSET(address));
	le_store(both, 8, data | (uint64_t)(address ^ WRITE) << 32); /* the command is done */
	memcpy(bytes, both + (offset - DATA), length);
	return 0;
}

static int write_register(struct lend_function *function, const struct window *window, uint64_t offset,
			  const uint8_t *bytes, unsigned length)
{
	uint32_t value, data;
	bool table;

	if (!is_whole(offset, length)) {
		count_one(function->counters.ignored);
		return 0;
	}
	value = le32(bytes);
	function_lock(function);
	if (offset == DATA) {
		function->quirks.rtl8168.data = value;
	} else {
		function->quirks.rtl8168.address = value;
		function->quirks.rtl8168.table = (value & BLOCK_MASK) == BLOCK_TABLE;
	}
	table = function->quirks.rtl8168.table;
	data = function->quirks.rtl8168.data;
	function_unlock(function);
	if (offset == DATA || !table)
		return window_device_write(function, window->region, offset, bytes, length);
	if (value & WRITE)
		table_write(function, value, data);
	return 0;
}

void rtl8168_setup(struct lend_function *function, const struct quirk *row)
{
	const struct window window = {
		.region = BAR, .offset = DATA, .length = 8, .read = read_register, .write = write_register};

	if (function->msix.cap && !function->bars[BAR].guest.io)
		quirk_window(function, row, &window);
}

/* SPDX-License-Identifier: MIT */
/*
 * The virtual MSI-X table and PBA, two windows of a BAR. Accesses may have any
 * width and offset, and are carried out byte by byte. The guest can write only
 * the bits that PCI defines. Other bytes in the same pages are the device's.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/pci/interrupts/msix.h"
#include "lib/pci/ledger/lock.h"

/* The bits of an entry that the guest can write. The address is a multiple of 4. */
static const uint8_t writable[TABLE_ENTRY] = {
	[PCI_MSIX_ENTRY_LOWER_ADDR] = 0xfc,
	0xff,
	0xff,
	0xff,
	0xff,
	0xff,
	0xff,
	0xff,
	0xff,
	0xff,
	0xff,
	0xff,
	[PCI_MSIX_ENTRY_VECTOR_CTRL] = PCI_MSIX_ENTRY_CTRL_MASKBIT,
};

void msix_table_read(struct lend_function *function, uint64_t offset, uint8_t *bytes, unsigned length)
{
	uint64_t at = offset - function->msix.table;

	function_lock(function);
	for (unsigned i = 0; i < length; i++)
		bytes[i] = function->state.table[at + i];
	function_unlock(function);
}

void msix_table_store(struct lend_function *function, uint64_t at, const uint8_t *bytes, unsigned length)
{
	uint8_t *to = function->state.table + at;
	unsigned byte = (unsigned)at;

	for (const uint8_t *end = bytes + length; bytes < end; bytes++, to++, byte++)
		*to ^= (uint8_t)((*to ^ *bytes) & writable[byte % TABLE_ENTRY]);
}

void msix_table_write(struct lend_function *function, uint64_t offset, const uint8_t *bytes, unsigned length)
{
	uint64_t at = offset - function->msix.table;

	function_lock(function);
	msix_table_store(function, at, bytes, length);
	if (function->mode == MODE_MSIX)
		vectors_sync(function, (unsigned)(at / TABLE_ENTRY),
			     (unsigned)((at + length - 1) / TABLE_ENTRY));
	function_unlock(function);
}

static int read_table(struct lend_function *function, const struct window *window, uint64_t offset,
		      uint8_t *bytes, unsigned length)
{
	(void)window;
	msix_table_read(function, offset, bytes, length);
	return 0;
}

static int write_table(struct lend_function *function, const struct window *window, uint64_t offset,
		       const uint8_t *bytes, unsigned length)
{
	(void)window;
	msix_table_write(function, offset, bytes, length);
	return 0;
}

/* Reads the device's own PBA, wherever the guest's is; 0 if the device has none. */
static void read_device(struct lend_function *function, uint64_t at, uint8_t *bytes, unsigned length)
{
	const struct msix *msix = &function->msix;
	unsigned bar = msix->moved ? msix->hw_pba_bar : msix->pba_bar;
	uint64_t offset = (msix->moved ? msix->hw_pba : msix->pba) + at;
	unsigned step = length & (length - 1) ? 1 : length;

	memset(bytes, 0, length);
	if (bar >= LEND_DEVICE_BARS || offset >= function->device->regions[bar].size ||
	    length > function->device->regions[bar].size - offset)
		return;
	for (unsigned i = 0; i < length; i += step) {
		int ret = device_read(function->device, bar, offset + i, bytes + i, step);

		if (ret >= 0)
			continue;
		memset(bytes, 0xff, length);
		function_log(function, LEND_LOG_WARNING, "cannot read the pending bits in BAR %u: %s", bar,
			     strerror(-ret));
		return;
	}
}

/*
 * The guest reads our pending bits and the device's. A vector that the guest
 * never unmasked is masked in the device too, which has the pending bit then.
 */
static int read_pba(struct lend_function *function, const struct window *window, uint64_t offset,
		    uint8_t *bytes, unsigned length)
{
	uint64_t at = offset - function->msix.pba;

	(void)window;
	read_device(function, at, bytes, length);
	function_lock(function);
	pending_collect(function, (unsigned)at * 8, (unsigned)(at + length) * 8 - 1);
	pending_show(function);
	for (unsigned i = 0; i < length; i++)
		bytes[i] |= function->state.pending[at + i];
	function_unlock(function);
	return 0;
}

static int write_ignored(struct lend_function *function, const struct window *window, uint64_t offset,
			 const uint8_t *bytes, unsigned length)
{
	(void)function, (void)window, (void)offset, (void)bytes, (void)length;
	return 0;
}

static int read_nothing(struct lend_function *function, const struct window *window, uint64_t offset,
			uint8_t *bytes, unsigned length)
{
	(void)function, (void)window, (void)offset;
	memset(bytes, 0xff, length);
	return 0;
}

/* The part of a BAR beyond the device's own bytes, where the BAR was made larger for the table. */
static void nothing_window(struct lend_function *function, unsigned bar)
{
	uint64_t size = function->device->regions[bar].size;
	const struct window nothing = {.region = bar,
				       .offset = size,
				       .length = function->bars[bar].guest.size - size,
				       .read = read_nothing,
				       .write = write_ignored,
				       .mapped = true,
				       .name = "nothing"};

	window_add(function, &nothing);
}

/* The table's pages always trap; the PBA's only while the guest has to see other bits than the device's. */
void msix_windows(struct lend_function *function)
{
	const struct msix *msix = &function->msix;
	const struct window table = {.region = msix->table_bar,
				     .offset = msix->table,
				     .length = msix->table_length,
				     .read = read_table,
				     .write = write_table,
				     .reason = LEND_REASON_MSIX_TABLE,
				     .name = "MSI-X table"};
	const struct window pba = {.region = msix->pba_bar,
				   .offset = msix->pba,
				   .length = msix->pba_length,
				   .read = read_pba,
				   .write = write_ignored,
				   .mapped = true,
				   .name = "MSI-X PBA"};

	if (!msix->cap)
		return;
	window_add(function, &table);
	window_add(function, &pba);
	if (msix->moved)
		nothing_window(function, msix->table_bar); /* last, so that the two above answer first */
}

/* SPDX-License-Identifier: MIT */
/*
 * The virtual MSI-X table and the PBA, which lie over a BAR. Any width at any
 * offset is taken, a byte at a time; only the bits that PCI defines can be
 * written. The bytes around them, in the same pages, are the device's.
 */
#include <linux/pci_regs.h>

#include "lib/pci/msix.h"

enum overlay msix_overlay(const struct lend_function *function, unsigned bar, uint64_t offset, uint64_t *end)
{
	const struct msix *msix = &function->msix;
	enum overlay what = OVERLAY_NONE;

	*end = UINT64_MAX;
	if (!msix->cap)
		return what;
	for (int i = 0; i < 2; i++) {
		uint64_t start = i ? msix->pba : msix->table;
		uint64_t length = i ? msix->pba_length : msix->table_length;

		if (bar != (i ? msix->pba_bar : msix->table_bar))
			continue;
		if (offset >= start && offset - start < length) {
			*end = start + length;
			return i ? OVERLAY_PBA : OVERLAY_TABLE;
		}
		if (offset < start && start < *end)
			*end = start;
	}
	return what;
}

/* The bits of a byte of an entry that can be written. */
static uint8_t writable(unsigned byte)
{
	switch (byte) {
	case PCI_MSIX_ENTRY_LOWER_ADDR:
		return 0xfc; /* the address is a multiple of 4 */
	case PCI_MSIX_ENTRY_VECTOR_CTRL:
		return PCI_MSIX_ENTRY_CTRL_MASKBIT;
	default:
		return byte < PCI_MSIX_ENTRY_VECTOR_CTRL ? 0xff : 0;
	}
}

void msix_table_read(struct lend_function *function, uint64_t offset, uint8_t *bytes, unsigned length)
{
	uint64_t at = offset - function->msix.table;

	pthread_mutex_lock(&function->lock);
	for (unsigned i = 0; i < length; i++)
		bytes[i] = function->state.table[at + i];
	pthread_mutex_unlock(&function->lock);
}

void msix_table_store(struct lend_function *function, uint64_t at, const uint8_t *bytes, unsigned length)
{
	for (unsigned i = 0; i < length; i++) {
		uint8_t *byte = &function->state.table[at + i];
		uint8_t mask = writable((unsigned)(at + i) % TABLE_ENTRY);

		*byte = (uint8_t)((*byte & ~mask) | (bytes[i] & mask));
	}
}

void msix_table_write(struct lend_function *function, uint64_t offset, const uint8_t *bytes, unsigned length)
{
	uint64_t at = offset - function->msix.table;

	pthread_mutex_lock(&function->lock);
	msix_table_store(function, at, bytes, length);
	if (function->mode == MODE_MSIX)
		vectors_sync(function, (unsigned)(at / TABLE_ENTRY),
			     (unsigned)((at + length - 1) / TABLE_ENTRY));
	pthread_mutex_unlock(&function->lock);
}

/*
 * The device's own bits count too: a vector that was never unmasked is masked
 * in the device, which then shows it as pending by itself.
 */
void msix_pba_read(struct lend_function *function, uint64_t offset, uint8_t *bytes, unsigned length)
{
	uint64_t at = offset - function->msix.pba;

	pthread_mutex_lock(&function->lock);
	pending_collect(function, (unsigned)at * 8, (unsigned)(at + length) * 8 - 1);
	pending_show(function);
	for (unsigned i = 0; i < length; i++)
		bytes[i] |= function->state.pending[at + i];
	pthread_mutex_unlock(&function->lock);
}

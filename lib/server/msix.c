/* SPDX-License-Identifier: MIT */
/*
 * The MSI-X table and its pending bits in a BAR. Most clients keep the table themselves,
 * and never write it here: so a vector's mask bit counts from its first write on,
 * although it reads as 1 before.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "lib/server/server.h"

static uint64_t pending_length(unsigned vectors)
{
	return (vectors + 63ull) / 64 * 8;
}

unsigned msix_parts(const struct server_config *config, unsigned region, struct msix_part out[2])
{
	const struct lend_server_config *given = &config->given;
	bool table_first = given->msix_table < given->msix_pending;

	if (!config->size || !given->msix || region != given->msix_bar)
		return 0;
	out[!table_first] = (struct msix_part){given->msix_table, 16ull * given->msix, true};
	out[table_first] = (struct msix_part){given->msix_pending, pending_length(given->msix), false};
	return 2;
}

void msix_read(struct lend_server *server, bool is_table, uint64_t offset, void *data, unsigned length)
{
	const uint8_t *pending = (const uint8_t *)server->irqs.index[LEND_IRQ_MSIX].pending;

	memcpy(data, (is_table ? server->config.table : pending) + offset, length);
}

void msix_write(struct lend_server *server, uint64_t offset, const void *data, unsigned length)
{
	const uint8_t *from = data;

	for (uint64_t at = offset; at < offset + length; at++, from++) {
		unsigned byte = at % PCI_MSIX_ENTRY_SIZE;
		/* Message addresses are whole doublewords; of Vector Control only the mask bit is there. */
		uint8_t mask = byte == 0                            ? 0xfc
			       : byte < PCI_MSIX_ENTRY_VECTOR_CTRL  ? 0xff
			       : byte == PCI_MSIX_ENTRY_VECTOR_CTRL ? PCI_MSIX_ENTRY_CTRL_MASKBIT
								    : 0;

		server->config.table[at] = *from & mask;
		if (byte == PCI_MSIX_ENTRY_VECTOR_CTRL)
			server->irqs.index[LEND_IRQ_MSIX].vectors[at / PCI_MSIX_ENTRY_SIZE].off_by_table =
				*from & PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
	irqs_masks_changed(server);
}

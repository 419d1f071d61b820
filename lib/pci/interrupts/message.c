/* SPDX-License-Identifier: MIT */
/* A vector's message and mask: they are in MSI's registers, or in MSI-X's table. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/le.h"
#include "lib/pci/config/config.h"
#include "lib/pci/interrupts/messages.h"

int vectors_init(struct lend_function *function)
{
	struct messages *messages = &function->messages;
	unsigned room =
		function->msix.count > function->msi.count ? function->msix.count : function->msi.count;

	if (!room)
		return 0;
	messages->vectors = calloc(room, sizeof(*messages->vectors));
	if (!messages->vectors)
		return -ENOMEM;
	messages->room = room;
	for (unsigned i = 0; i < room; i++)
		messages->vectors[i] = (struct vector){.number = i, .fd = -1};
	return 0;
}

void vectors_destroy(struct lend_function *function)
{
	struct messages *messages = &function->messages;

	for (unsigned i = 0; i < messages->room; i++)
		if (messages->vectors[i].fd >= 0)
			close(messages->vectors[i].fd);
	free(messages->vectors);
	messages->vectors = NULL;
	messages->room = 0;
}

static bool msi_masked(const struct lend_function *function, unsigned vector)
{
	const struct msi *msi = &function->msi;
	unsigned at = msi->cap + (msi->is_64 ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);

	return msi->has_mask && config_state(function, at, 4) >> vector & 1;
}

static bool msix_masked(const struct lend_function *function, unsigned vector)
{
	const uint8_t *control = &function->state.config[function->msix.cap + PCI_MSIX_FLAGS + 1];

	if (__atomic_load_n(control, __ATOMIC_RELAXED) & PCI_MSIX_FLAGS_MASKALL >> 8)
		return true;
	return function->state.table[vector * TABLE_ENTRY + PCI_MSIX_ENTRY_VECTOR_CTRL] &
	       PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

bool message_masked(const struct lend_function *function, unsigned vector)
{
	if (vector >= function->messages.count)
		return true;
	return function->mode == MODE_MSIX  ? msix_masked(function, vector)
	       : function->mode == MODE_MSI ? msi_masked(function, vector)
					    : true;
}

/* The device sends the vector's number in the low bits of MSI's data (PCI Local Bus 3.0, 6.8.3.2). */
static void msi_read(const struct lend_function *function, unsigned vector, uint64_t *address, uint32_t *data)
{
	const struct msi *msi = &function->msi;
	unsigned size = 1;

	while (size < function->messages.count)
		size <<= 1;
	*address = config_state(function, msi->cap + PCI_MSI_ADDRESS_LO, 4);
	if (msi->is_64)
		*address |= (uint64_t)config_state(function, msi->cap + PCI_MSI_ADDRESS_HI, 4) << 32;
	*data = config_state(function, msi->cap + (msi->is_64 ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32), 2);
	*data = (*data & ~(size - 1)) | vector;
}

void message_read(const struct lend_function *function, unsigned vector, uint64_t *address, uint32_t *data)
{
	const uint8_t *entry = function->state.table + vector * TABLE_ENTRY;

	if (function->mode == MODE_MSI) {
		msi_read(function, vector, address, data);
		return;
	}
	*address = le64(entry + PCI_MSIX_ENTRY_LOWER_ADDR);
	*data = le32(entry + PCI_MSIX_ENTRY_DATA);
}

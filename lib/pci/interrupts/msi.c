/* SPDX-License-Identifier: MIT */
/*
 * The MSI capability (spec 4b; PCI Local Bus 3.0, 6.8.1). All of it is virtual,
 * as that of MSI-X is. VFIO cannot add a vector while MSI is on, so it gets all
 * that the guest allocates when MSI goes on.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/config/config.h"
#include "lib/pci/interrupts/messages.h"
#include "lib/pci/interrupts/mode.h"

enum { QMASK_SHIFT = 1, QSIZE_SHIFT = 4, ORDER_MAX = 5 };

unsigned msi_length(const struct lend_function *function, unsigned at)
{
	uint32_t flags = config_hw(function, at + PCI_MSI_FLAGS, 2);

	return 0x0au + (flags & PCI_MSI_FLAGS_64BIT ? 4u : 0) + (flags & PCI_MSI_FLAGS_MASKBIT ? 0x0au : 0);
}

static void set_registers(struct lend_function *function, unsigned at, uint32_t flags)
{
	const struct msi *msi = &function->msi;
	unsigned data = at + (msi->is_64 ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32);
	unsigned mask = at + (msi->is_64 ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
	uint32_t bits = msi->count < 32 ? (UINT32_C(1) << msi->count) - 1 : UINT32_MAX;

	config_set_virtual(function, at, 1, PCI_CAP_ID_MSI);
	config_set_virtual(function, at + PCI_MSI_FLAGS, 2, flags);
	config_set_writable(function, at + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_QSIZE | PCI_MSI_FLAGS_ENABLE);
	config_set_virtual(function, at + PCI_MSI_ADDRESS_LO, 4, 0);
	config_set_writable(function, at + PCI_MSI_ADDRESS_LO, 4, UINT32_MAX & ~3u);
	if (msi->is_64) {
		config_set_virtual(function, at + PCI_MSI_ADDRESS_HI, 4, 0);
		config_set_writable(function, at + PCI_MSI_ADDRESS_HI, 4, UINT32_MAX);
	}
	config_set_virtual(function, data, 2, 0);
	config_set_writable(function, data, 2, UINT16_MAX);
	if (msi->has_mask) {
		config_set_virtual(function, data + 2, 2, 0);
		config_set_virtual(function, mask, 4, 0);
		config_set_writable(function, mask, 4, bits);
		config_set_virtual(function, mask + 4, 4, 0); /* pending bits */
	}
	config_set_hook(function, at + PCI_MSI_FLAGS, msi_length(function, at) - PCI_MSI_FLAGS, HOOK_MSI);
}

int msi_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	uint32_t flags = config_hw(function, cap->offset + PCI_MSI_FLAGS, 2);
	unsigned order = (flags & PCI_MSI_FLAGS_QMASK) >> QMASK_SHIFT;
	struct msi *msi = &function->msi;

	(void)error;
	/* Hidden if VFIO offers no vector, or if the capability is cut short by the next one. */
	if (!function->device->info.vectors[LEND_IRQ_MSI] || cap->room < msi_length(function, cap->offset))
		return CAP_HIDE;
	flags &= PCI_MSI_FLAGS_QMASK | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT;
	if (order > ORDER_MAX) { /* a reserved value */
		order = ORDER_MAX;
		flags = (flags & ~(uint32_t)PCI_MSI_FLAGS_QMASK) | order << QMASK_SHIFT;
	}
	msi->cap = cap->offset;
	msi->count = 1u << order;
	msi->is_64 = flags & PCI_MSI_FLAGS_64BIT;
	msi->has_mask = flags & PCI_MSI_FLAGS_MASKBIT;
	set_registers(function, cap->offset, flags);
	return 0;
}

static uint32_t control(const struct lend_function *function)
{
	return function->msi.cap ? config_state(function, function->msi.cap + PCI_MSI_FLAGS, 2) : 0;
}

static unsigned asked(const struct lend_function *function)
{
	unsigned count = 1u << ((control(function) & PCI_MSI_FLAGS_QSIZE) >> QSIZE_SHIFT);

	return count < function->msi.count ? count : function->msi.count;
}

int msi_disable(struct lend_function *function)
{
	if (function->mode == MODE_MSI && !(control(function) & PCI_MSI_FLAGS_ENABLE))
		mode_enter(function, MODE_INTX);
	return 0;
}

/* Every vector gets its eventfd now. VFIO comes before the routes, because it may give fewer vectors. */
static void turn_on(struct lend_function *function)
{
	struct messages *messages = &function->messages;
	int ret = 0;

	mode_enter(function, MODE_MSI);
	if (function->mode != MODE_MSI)
		return;
	messages->count = asked(function);
	for (unsigned i = 0; i < messages->count && !ret; i++)
		ret = vector_open(function, &messages->vectors[i]);
	if (!ret)
		ret = trigger_all(function);
	if (ret < 0) {
		function_log(function, LEND_LOG_WARNING, "the kernel does not turn MSI on: %s",
			     strerror(-ret));
		messages->count = 0;
		return;
	}
	for (unsigned i = 0; i < messages->count; i++)
		if (message_masked(function, i))
			vector_watch(function, &messages->vectors[i]);
}

void msi_enable(struct lend_function *function)
{
	if (!(control(function) & PCI_MSI_FLAGS_ENABLE))
		return;
	if (function->mode != MODE_MSI)
		turn_on(function);
	if (function->messages.count)
		vectors_sync(function, 0, function->messages.count - 1);
}

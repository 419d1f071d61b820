/* SPDX-License-Identifier: MIT */
/* PCI Local Bus 3.0, 6.8.1. */
#include "irq.h"
#include "msi.h"
#include "pci.h"

enum { CONTROL = 2, ADDRESS = 4, CONTROL_ON = 1, CONTROL_VECTORS = 0x70, CONTROL_WIDE = 0x80 };

bool msi_on(unsigned address)
{
	unsigned at = pci_capability(address, CAP_MSI);
	uint64_t control, message = irq_message_address();

	if (!at)
		return false;
	control = pci_read(address, at + CONTROL, 2);
	pci_write(address, at + ADDRESS, 4, message);
	if (control & CONTROL_WIDE)
		pci_write(address, at + ADDRESS + 4, 4, 0);
	pci_write(address, at + ADDRESS + (control & CONTROL_WIDE ? 8 : 4), 2, VECTOR_MSI);
	pci_write(address, at + CONTROL, 2, (control & ~(uint64_t)CONTROL_VECTORS) | CONTROL_ON);
	return true;
}

void msi_off(unsigned address)
{
	unsigned at = pci_capability(address, CAP_MSI);

	if (at)
		pci_write(address, at + CONTROL, 2,
			  pci_read(address, at + CONTROL, 2) & ~(uint64_t)CONTROL_ON);
}

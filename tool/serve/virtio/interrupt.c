/* SPDX-License-Identifier: MIT */
/* Interrupts of a virtio device (virtio 1.2, 4.1.5.1.3): a vector for each cause, or the line and the ISR. */
#include <linux/pci_regs.h>

#include "tool/serve/virtio/transport.h"

enum { MSIX_ENABLE = 0x80 }; /* in the high byte of the control word */

/* The library puts MSI-X's capability behind those of power and PCI Express: it is looked for. */
static bool msix_is_on(const struct vdevice *device)
{
	uint8_t at = 0, header[4];

	lend_server_config_read(device->server, PCI_CAPABILITY_LIST, &at, 1);
	for (unsigned hops = 0; at >= PCI_STD_HEADER_SIZEOF && hops < 48; hops++) {
		if (lend_server_config_read(device->server, at, header, sizeof(header)))
			return false;
		if (header[0] == PCI_CAP_ID_MSIX)
			return header[3] & MSIX_ENABLE;
		at = header[1];
	}
	return false;
}

/*
 * A client may switch MSI-X on without a write of config space; and QEMU switches it off
 * for a moment while a vector is added, when config space has it on.
 */
static bool by_messages(const struct vdevice *device)
{
	const int mode = lend_server_irq_mode(device->server);

	return mode == LEND_IRQ_MSIX || msix_is_on(device);
}

void vtransport_interrupt(struct vdevice *device, uint16_t vector, uint8_t cause)
{
	if (!by_messages(device)) {
		device->isr |= cause;
		lend_server_line(device->server, true);
	} else if (vector != VIRTIO_MSI_NO_VECTOR) {
		lend_server_signal(device->server, vector);
	}
}

uint8_t vtransport_take_isr(struct vdevice *device)
{
	const uint8_t isr = device->isr;

	device->isr = 0;
	if (isr)
		lend_server_line(device->server, false);
	return isr;
}

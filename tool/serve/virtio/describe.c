/* SPDX-License-Identifier: MIT */
/* A virtio device as a PCI function: its capabilities (virtio 1.2, 4.1.4), BAR and doorbells. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tool/serve/virtio/transport.h"
#include "tool/serve/virtio/window.h"

enum { VENDOR = 0x1af4, SUBSYSTEM = 0x1100 };

/* Bits of the window that a driver writes; bytes behind id and link. */
static const uint8_t window_writable[18] = {
	[2] = 0xff,  [6] = 0xff,  [7] = 0xff,  [8] = 0xff,  [9] = 0xff,  [10] = 0xff, [11] = 0xff,
	[12] = 0xff, [13] = 0xff, [14] = 0xff, [15] = 0xff, [16] = 0xff, [17] = 0xff,
};

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void describe_capabilities(struct vdevice *device)
{
	const struct {
		uint8_t type, length;
		uint32_t offset, size;
	} rows[VDEVICE_CAPABILITIES] = {
		{VIRTIO_PCI_CAP_COMMON_CFG, 16, BAR_COMMON, COMMON_SIZE},
		{VIRTIO_PCI_CAP_NOTIFY_CFG, 20, BAR_BELLS, device->queue_count * BELL_SIZE},
		{VIRTIO_PCI_CAP_ISR_CFG, 16, BAR_ISR, 1},
		{VIRTIO_PCI_CAP_DEVICE_CFG, 16, BAR_CONFIG, device->config_length},
		[WINDOW_CAPABILITY] = {VIRTIO_PCI_CAP_PCI_CFG, 20, 0, 0},
	};

	for (unsigned i = 0; i < VDEVICE_CAPABILITIES; i++) {
		uint8_t *bytes = device->capabilities[i].bytes;

		bytes[VIRTIO_PCI_CAP_VNDR] = PCI_CAP_ID_VNDR;
		bytes[VIRTIO_PCI_CAP_LEN] = rows[i].length;
		bytes[VIRTIO_PCI_CAP_CFG_TYPE] = rows[i].type;
		put32(bytes + VIRTIO_PCI_CAP_OFFSET, rows[i].offset);
		put32(bytes + VIRTIO_PCI_CAP_LENGTH, rows[i].size);
		if (rows[i].type == VIRTIO_PCI_CAP_NOTIFY_CFG)
			put32(bytes + VIRTIO_PCI_NOTIFY_CAP_MULT, BELL_SIZE);
		device->described[i] = (struct lend_server_capability){
			.id = PCI_CAP_ID_VNDR,
			.length = rows[i].length,
			.bytes = bytes + VIRTIO_PCI_CAP_LEN,
			.writable = i == WINDOW_CAPABILITY ? window_writable : NULL,
		};
	}
}

static int make_doorbells(struct vdevice *device)
{
	for (unsigned i = 0; i < device->queue_count; i++) {
		int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		if (fd < 0)
			return -errno;
		device->doorbells[i] = fd;
		device->bells[i] = (struct lend_server_doorbell){
			.offset = BAR_BELLS + i * BELL_SIZE, .length = 2, .fd = fd};
	}
	return 0;
}

int vdevice_describe(struct vdevice *device, struct lend_server_device *out)
{
	int ret;

	memset(device->doorbells, 0xff, sizeof(device->doorbells));
	device->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = device->bell < 0 ? -errno : make_doorbells(device);
	if (ret) {
		vdevice_end(device);
		return ret;
	}
	describe_capabilities(device);
	device->pci = (struct lend_server_config){
		.vendor = VENDOR,
		.device = device->kind->device,
		.subsystem_vendor = VENDOR,
		.subsystem = SUBSYSTEM,
		.class_code = device->kind->class_code,
		.revision = 1,
		.intx = true,
		.express = true,
		.msix = device->queue_count + 1,
		.msix_table = BAR_MSIX_TABLE,
		.msix_pending = BAR_MSIX_PENDING,
		.capabilities = device->described,
		.capability_count = VDEVICE_CAPABILITIES,
	};
	*out = (struct lend_server_device){
		.size = sizeof(*out),
		.name = device->kind->name,
		.regions[0] = {.size = VDEVICE_BAR_SIZE,
			       .readable = true,
			       .writable = true,
			       .fd = -1,
			       .doorbells = device->bells,
			       .doorbell_count = device->queue_count},
		.config = &device->pci,
		.nests = true,
		.ops = &vtransport_ops,
		.dev = device,
	};
	vdevice_reset(device, true);
	return 0;
}

void vdevice_end(struct vdevice *device)
{
	for (unsigned i = 0; i < device->queue_count; i++) {
		if (device->doorbells[i] >= 0)
			close(device->doorbells[i]);
		device->doorbells[i] = -1;
	}
	if (device->bell >= 0)
		close(device->bell);
	device->bell = -1;
}

/* SPDX-License-Identifier: MIT */
/* Accesses to BAR 0, and the other slots of the server. */
#include <linux/pci_regs.h>
#include <string.h>

#include "tool/serve/virtio/state.h"
#include "tool/serve/virtio/transport.h"
#include "tool/serve/virtio/window.h"

int vtransport_bar_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct vdevice *device = dev;

	(void)region;
	memset(data, 0, length);
	if (offset < BAR_COMMON + COMMON_SIZE)
		vtransport_common_read(device, offset, data, length);
	if (offset <= BAR_ISR && offset + length > BAR_ISR)
		((uint8_t *)data)[BAR_ISR - offset] = vtransport_take_isr(device);
	for (unsigned i = 0; i < device->config_length; i++)
		if (BAR_CONFIG + i >= offset && BAR_CONFIG + i < offset + length)
			((uint8_t *)data)[BAR_CONFIG + i - offset] = device->config[i];
	return (int)length;
}

int vtransport_bar_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct vdevice *device = dev;

	(void)region;
	if (offset < BAR_COMMON + COMMON_SIZE) {
		vtransport_common_write(device, offset, data, length);
		vstate_save(device);
	}
	/* The work is done after the write is answered. */
	if (offset >= BAR_BELLS && (offset - BAR_BELLS) / BELL_SIZE < device->queue_count)
		vdevice_ring(device, (unsigned)(offset - BAR_BELLS) / BELL_SIZE);
	return (int)length;
}

static int reset(void *dev, enum lend_server_why why)
{
	vdevice_reset(dev, why == LEND_SERVER_LOST);
	return 0;
}

static int map(void *dev, const struct lend_domain_map *map)
{
	(void)dev;
	(void)map;
	return 0;
}

static void unmap(void *dev, lend_iova_t iova, uint64_t length)
{
	struct vdevice *device = dev;

	(void)iova;
	(void)length;
	if (device->started)
		device->kind->let_go(device->opaque);
	for (unsigned i = 0; i < device->queue_count; i++)
		vq_forget(&device->queues[i].vq);
}

static void config_written(void *dev, unsigned offset, unsigned length)
{
	/* What waited for the right to reach memory. */
	if (offset <= PCI_COMMAND && offset + length > PCI_COMMAND)
		vtransport_ring_all(dev);
	vwindow_written(dev, offset, length);
}

static void config_read(void *dev, unsigned offset, unsigned length)
{
	vwindow_read(dev, offset, length);
}

const struct lend_server_ops vtransport_ops = {
	.size = sizeof(struct lend_server_ops),
	.read = vtransport_bar_read,
	.write = vtransport_bar_write,
	.reset = reset,
	.config_written = config_written,
	.config_read = config_read,
	.map = map,
	.unmap = unmap,
};

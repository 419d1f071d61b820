/* SPDX-License-Identifier: MIT */
/*
 * The bell by which the device itself asks for the turn of a queue. The doorbells are
 * the client's, too: it can fill one and take O_NONBLOCK away, so that a write to it, or
 * a read, would block for ever. So they are waited for by edges, and nothing else.
 */
#include <sys/eventfd.h>

#include "tool/serve/virtio/device.h"

void vdevice_ring(struct vdevice *device, unsigned index)
{
	device->rung |= (uint8_t)(1u << index);
	eventfd_write(device->bell, 1);
}

unsigned vdevice_take_rings(struct vdevice *device)
{
	const unsigned rung = device->rung;
	eventfd_t count;

	eventfd_read(device->bell, &count);
	device->rung = 0;
	return rung;
}

/* SPDX-License-Identifier: MIT */
/* The life of a virtio device (virtio 1.2, 2.1 and 3): status, features, queues, reset. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "tool/serve/virtio/state.h"
#include "tool/serve/virtio/transport.h"

void vtransport_ring_all(struct vdevice *device)
{
	for (unsigned i = 0; i < device->queue_count; i++)
		vdevice_ring(device, i);
}

/* Nothing of a queue is touched from here on, until the turn ends. */
static void interrupt_queue(struct vdevice *device, unsigned index)
{
	vq_break(&device->queues[index].vq, "it is being reset");
	device->queue_resets_wait |= (uint8_t)(1u << index);
}

static void forget_queue(struct vdevice *device, unsigned index)
{
	memset(&device->queues[index], 0, sizeof(device->queues[index]));
	device->queues[index].size = device->queue_max;
	device->queues[index].vector = VIRTIO_MSI_NO_VECTOR;
}

static void stop(struct vdevice *device)
{
	if (!device->started)
		return;
	device->started = false;
	device->kind->stop(device->opaque);
}

void vdevice_reset(struct vdevice *device, bool lost)
{
	if (lost)
		device->told = false;
	if (device->in_turn) {
		for (unsigned i = 0; i < device->queue_count; i++)
			interrupt_queue(device, i);
		/* If both come, the driver's reset is the one that counts. */
		device->loss_waits = lost && (!device->reset_waits || device->loss_waits);
		device->reset_waits = true;
		return;
	}
	stop(device);
	device->resumes = false;
	device->features = 0;
	device->offered_select = device->features_select = 0;
	device->config_vector = VIRTIO_MSI_NO_VECTOR;
	device->queue_select = 0;
	device->status = 0;
	device->isr = 0;
	for (unsigned i = 0; i < device->queue_count; i++)
		forget_queue(device, i);
	if (device->server)
		lend_server_line(device->server, false);
	if (lost && device->state)
		vstate_resume(device);
	else
		vstate_save(device);
}

bool vtransport_acceptable(const struct vdevice *device, uint64_t features)
{
	/* There is no legacy interface (2.2.3). */
	return !(features & ~device->offered) && features & VDEVICE_BIT(VIRTIO_F_VERSION_1) &&
	       (!device->kind->accepts || device->kind->accepts(device->opaque, features));
}

void vtransport_set_status(struct vdevice *device, uint8_t status)
{
	const uint8_t added = status & (uint8_t)~device->status;

	if (!status) {
		vdevice_reset(device, false);
		return;
	}
	/* A driver cannot take a bit back but by a reset; one bit is the device's. */
	device->status |= added & (uint8_t)~VIRTIO_CONFIG_S_NEEDS_RESET;
	if (added & VIRTIO_CONFIG_S_FEATURES_OK && !vtransport_acceptable(device, device->features))
		device->status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	if (added & VIRTIO_CONFIG_S_DRIVER_OK && device->status & VIRTIO_CONFIG_S_FEATURES_OK) {
		device->started = true;
		device->kind->start(device->opaque);
		vtransport_ring_all(device);
	}
}

void vtransport_start_queue(struct vdevice *device, unsigned index)
{
	const uint64_t features = device->features;
	const lend_iova_t *at = device->queues[index].addresses;
	const struct vq_setup setup = {
		.size = device->queues[index].size,
		.packed = features & VDEVICE_BIT(VIRTIO_F_RING_PACKED),
		.event_index = features & VDEVICE_BIT(VIRTIO_RING_F_EVENT_IDX),
		.indirect = features & VDEVICE_BIT(VIRTIO_RING_F_INDIRECT_DESC),
		.descriptors = at[0],
		.driver = at[1],
		.device = at[2],
	};

	/* A queue that cannot be is broken: its first use says so. */
	vq_start(&device->queues[index].vq, device->server, &setup);
	device->queues[index].enabled = true;
	vdevice_ring(device, index);
}

void vtransport_enable_queue(struct vdevice *device, unsigned index)
{
	if (!(device->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	vtransport_start_queue(device, index);
	vq_keep(&device->queues[index].vq, vstate_journal(device, index));
}

void vtransport_reset_queue(struct vdevice *device, unsigned index)
{
	if (device->in_turn) {
		interrupt_queue(device, index);
		return;
	}
	if (device->started)
		device->kind->let_go(device->opaque);
	forget_queue(device, index);
	vstate_save(device);
}

bool vdevice_running(const struct vdevice *device)
{
	uint8_t command = 0;

	if (!device->started)
		return false;
	lend_server_config_read(device->server, PCI_COMMAND, &command, 1);
	return command & PCI_COMMAND_MASTER;
}

bool vdevice_begin_turn(struct vdevice *device)
{
	device->in_turn = vdevice_running(device);
	if (device->in_turn && device->resumes)
		vstate_find_places(device);
	return device->in_turn;
}

void vdevice_end_turn(struct vdevice *device)
{
	const unsigned queues = device->queue_resets_wait;

	device->in_turn = false;
	device->queue_resets_wait = 0;
	if (device->reset_waits)
		vdevice_reset(device, device->loss_waits);
	else
		for (unsigned i = 0; i < device->queue_count; i++)
			if (queues & 1u << i)
				vtransport_reset_queue(device, i);
	device->reset_waits = device->loss_waits = false;
}

struct vq *vdevice_queue(struct vdevice *device, unsigned index)
{
	return index < device->queue_count && device->queues[index].enabled ? &device->queues[index].vq
									    : NULL;
}

void vdevice_flush(struct vdevice *device, unsigned index)
{
	vq_publish(&device->queues[index].vq);
	if (vq_wants_signal(&device->queues[index].vq))
		vtransport_interrupt(device, device->queues[index].vector, ISR_QUEUE);
}

void vdevice_broken(struct vdevice *device, unsigned index)
{
	if (device->queue_resets_wait & 1u << index)
		return;
	/* A driver can do this again and again, and a client can come again and again. */
	if (!device->told && device->lines++ < VDEVICE_LINES)
		device->say("%s: the guest's driver uses queue %u against the specification of virtio: %s: "
			    "the device works again when its driver resets it",
			    device->kind->name, index, device->queues[index].vq.broken);
	device->told = true;
	stop(device);
	device->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	device->generation++;
	vstate_save(device);
	vtransport_interrupt(device, device->config_vector, ISR_CONFIG);
}

void vdevice_set_config(struct vdevice *device, unsigned offset, const void *data, unsigned length)
{
	if (!memcmp(device->config + offset, data, length))
		return;
	memcpy(device->config + offset, data, length);
	device->generation++;
	vstate_save(device);
	if (device->started)
		vtransport_interrupt(device, device->config_vector, ISR_CONFIG);
}

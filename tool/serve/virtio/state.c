/* SPDX-License-Identifier: MIT */
/* A device's registers are kept, and taken up again: see state.h. */
#include <string.h>

#include "tool/serve/virtio/state.h"
#include "tool/serve/virtio/transport.h"

static const char magic[8] = "lendvio";

struct vq_journal *vstate_journal(const struct vdevice *device, unsigned index)
{
	return device->state ? &device->state->journals[index] : NULL;
}

void vstate_save(struct vdevice *device)
{
	struct vstate *state = device->state;
	struct vstate_registers *copy;
	uint32_t next;

	if (!state)
		return;
	next = state->latest == 1 ? 2 : 1;
	copy = &state->copies[next - 1];
	*copy = (struct vstate_registers){
		.features = device->features,
		.offered_select = device->offered_select,
		.features_select = device->features_select,
		.config_vector = device->config_vector,
		.queue_select = device->queue_select,
		.status = device->status,
		.generation = device->generation,
	};
	for (unsigned i = 0; i < device->queue_count; i++) {
		memcpy(copy->queues[i].addresses, device->queues[i].addresses,
		       sizeof(copy->queues[i].addresses));
		copy->queues[i].size = device->queues[i].size;
		copy->queues[i].vector = device->queues[i].vector;
		copy->queues[i].enabled = device->queues[i].enabled;
	}
	memcpy(copy->own, device->own, sizeof(copy->own));
	/* It counts when it is whole. */
	__atomic_store_n(&state->latest, next, __ATOMIC_RELEASE);
}

void vdevice_keep(struct vdevice *device, const void *data, unsigned length)
{
	memcpy(device->own, data, length);
	vstate_save(device);
}

static bool is_vector(const struct vdevice *device, uint16_t vector)
{
	return vector == VIRTIO_MSI_NO_VECTOR || vector < device->pci.msix;
}

/* Whether a driver could have written all of it. */
static bool makes_sense(const struct vdevice *device, const struct vstate_registers *kept)
{
	const bool settled = kept->status & VIRTIO_CONFIG_S_FEATURES_OK;

	if (settled && !vtransport_acceptable(device, kept->features))
		return false;
	if (kept->status & VIRTIO_CONFIG_S_DRIVER_OK && !settled)
		return false;
	if (!is_vector(device, kept->config_vector))
		return false;
	for (unsigned i = 0; i < device->queue_count; i++)
		if (!kept->queues[i].size || kept->queues[i].size > device->queue_max ||
		    !is_vector(device, kept->queues[i].vector) || (kept->queues[i].enabled && !settled))
			return false;
	return true;
}

static void set_registers(struct vdevice *device, const struct vstate_registers *kept)
{
	device->features = kept->features;
	device->offered_select = kept->offered_select;
	device->features_select = kept->features_select;
	device->config_vector = kept->config_vector;
	device->queue_select = kept->queue_select;
	device->status = kept->status;
	/* The device's own config may be another one: what the backend says of itself. */
	device->generation = (uint8_t)(kept->generation + 1);
	for (unsigned i = 0; i < device->queue_count; i++) {
		memcpy(device->queues[i].addresses, kept->queues[i].addresses,
		       sizeof(device->queues[i].addresses));
		device->queues[i].size = kept->queues[i].size;
		device->queues[i].vector = kept->queues[i].vector;
		if (kept->queues[i].enabled)
			vtransport_start_queue(device, i);
	}
}

/*
 * The device is reset, and does not note what follows until it is whole again. Its queues have
 * their turns when the client gives it the right to reach memory, which a reset took away.
 */
static bool take_up(struct vdevice *device)
{
	struct vstate *state = device->state;
	const uint32_t latest = state->latest;
	struct vstate_registers kept;

	if (latest != 1 && latest != 2)
		return false;
	kept = state->copies[latest - 1];
	if (!makes_sense(device, &kept))
		return false;
	device->state = NULL;
	set_registers(device, &kept);
	memcpy(device->own, kept.own, sizeof(device->own));
	if (kept.status & VIRTIO_CONFIG_S_DRIVER_OK && !(kept.status & VIRTIO_CONFIG_S_NEEDS_RESET)) {
		device->started = device->resumes = true;
		device->kind->start(device->opaque);
		memcpy(device->own, kept.own, sizeof(device->own));
		if (device->kind->resume)
			device->kind->resume(device->opaque);
	}
	device->state = state;
	return true;
}

void vstate_resume(struct vdevice *device)
{
	take_up(device);
	vstate_save(device);
}

static void claim(struct vdevice *device, struct vstate *state)
{
	memset(state, 0, sizeof(*state));
	state->layout = VSTATE_LAYOUT;
	state->offered = device->offered;
	state->queue_count = device->queue_count;
	state->queue_max = device->queue_max;
	memcpy(state->identity, device->identity, sizeof(state->identity));
	vstate_save(device);
	memcpy(state->magic, magic, sizeof(magic));
}

static bool is_of(const struct vstate *state, const struct vdevice *device)
{
	return !memcmp(state->magic, magic, sizeof(magic)) && state->layout == VSTATE_LAYOUT &&
	       state->offered == device->offered && state->queue_count == device->queue_count &&
	       state->queue_max == device->queue_max &&
	       !memcmp(state->identity, device->identity, sizeof(state->identity));
}

void vstate_take(struct vdevice *device, struct vstate *state)
{
	static const char none[sizeof(magic)];
	const bool used = memcmp(state->magic, none, sizeof(none)) != 0;

	device->state = state;
	if (is_of(state, device) && take_up(device)) {
		vstate_save(device);
		return;
	}
	if (used)
		device->say("%s: the state that is kept is not that of this device: the device begins reset, "
			    "and the guest's driver has to be loaded again",
			    device->kind->name);
	claim(device, state);
}

void vstate_find_places(struct vdevice *device)
{
	device->resumes = false;
	for (unsigned i = 0; i < device->queue_count; i++) {
		if (!device->queues[i].enabled)
			continue;
		vq_recover(&device->queues[i].vq, vstate_journal(device, i));
		/* An interrupt may have been lost with the process. One too many does no harm. */
		vtransport_interrupt(device, device->queues[i].vector, ISR_QUEUE);
	}
	vtransport_interrupt(device, device->config_vector, ISR_CONFIG);
}

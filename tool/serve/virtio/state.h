/* SPDX-License-Identifier: MIT */
/*
 * What of a virtio device outlives its process: a file in memory that whoever starts the
 * server holds open, and gives to the next server when one dies. The guest's driver sees a
 * device that was silent for a moment.
 *
 * The process can be killed between any two stores. So the registers are there in two
 * copies, of which the last whole one counts (`latest`), and a queue's place is a journal
 * of its own (queue.h).
 *
 * The guest cannot write the file. All the same nothing of it is trusted more than what a
 * driver writes: what does not make sense is refused, and the device begins reset.
 */
#ifndef TOOL_SERVE_VIRTIO_STATE_H
#define TOOL_SERVE_VIRTIO_STATE_H

#include "tool/serve/virtio/device.h"

enum { VSTATE_LAYOUT = 1 };

/** The registers, as the driver wrote them. */
struct vstate_registers {
	uint64_t features;
	uint32_t offered_select, features_select;
	uint16_t config_vector, queue_select;
	uint8_t status, generation, reserved[2];
	struct {
		uint64_t addresses[3];
		uint16_t size, vector;
		uint8_t enabled, reserved[3];
	} queues[VDEVICE_QUEUES];
	uint8_t own[VDEVICE_OWN];
};

/** The file. */
struct vstate {
	char magic[8];
	uint32_t layout;
	uint32_t latest; /* copies[latest - 1]; 0: none */
	/* Whose state it is. */
	uint64_t offered;
	uint32_t queue_count, queue_max;
	uint8_t identity[8];
	struct vstate_registers copies[2];
	struct vq_journal journals[VDEVICE_QUEUES];
};

/**
 * Maps the file `fd`, which may be closed then: a file in memory that is empty, and gets its
 * size and its seals here, or one that cannot shrink. -EINVAL, with a sentence: it is none.
 */
int vstate_map(int fd, struct vstate **out, struct lend_error *error);
void vstate_unmap(struct vstate *state);

/**
 * The device keeps its state in `state` from now on. If it has the state of the same device
 * already, that is taken up; else the device stays reset. vdevice.server must be set.
 */
void vstate_take(struct vdevice *device, struct vstate *state);

/** The registers are kept as they are now. Nothing, if the device has no file. */
void vstate_save(struct vdevice *device);

/** The client is gone, and the device is reset: it becomes again what was kept. */
void vstate_resume(struct vdevice *device);

/** In the first turn after that: finds the places of the queues, and interrupts once for each. */
void vstate_find_places(struct vdevice *device);

/** Where queue `index` notes its place. NULL: the device has no file. */
struct vq_journal *vstate_journal(const struct vdevice *device, unsigned index);

#endif

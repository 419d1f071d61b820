/* SPDX-License-Identifier: MIT */
/*
 * An NVMe 1.4 controller with one namespace. It knows registers, queues and commands; a
 * table each gives it guest memory with interrupts (host.h) and the disk (disk.h).
 *
 * Rules:
 *  - one thread. A register access only notes what the guest wants; nvme_work() does it;
 *  - what is in guest memory is copied once and checked, since the guest can change it
 *    between two reads;
 *  - commands live in a pool of a fixed size. Nothing is allocated after nvme_new().
 */
#ifndef TOOL_SERVE_NVME_CONTROLLER_H
#define TOOL_SERVE_NVME_CONTROLLER_H

#include "tool/serve/nvme/disk.h"
#include "tool/serve/nvme/host.h"

struct nvme_controller;

enum {
	NVME_QUEUES_MAX = 64,    /* pairs for I/O */
	NVME_ENTRIES_MAX = 1024, /* of a queue */
};

/** Makes a controller as it is after power-on. `disk` and `host` must outlive it. NULL: no memory. */
struct nvme_controller *nvme_new(const struct nvme_disk *disk, const struct nvme_host_ops *host, void *opaque,
				 unsigned queue_pairs);

/** Waits for what is in flight. */
void nvme_free(struct nvme_controller *ctl);

/** Accesses to the registers and doorbells of BAR 0. What is not there reads 0 and ignores writes. */
void nvme_register_read(struct nvme_controller *ctl, uint64_t offset, void *data, unsigned length);
void nvme_register_write(struct nvme_controller *ctl, uint64_t offset, const void *data, unsigned length);

/**
 * Does what there is to do: takes commands, completes those that are done, signals
 * vectors. It is bounded; true: there is more, call again. To be called after each
 * register access, and when the disk has something done.
 */
bool nvme_work(struct nvme_controller *ctl);

/** Makes the controller as it is after power-on. Waits for what is in flight. */
void nvme_reset(struct nvme_controller *ctl);

/**
 * A reset follows when nvme_work(), which waits in a slot of `host`, has returned. Until
 * then the slots refuse guest memory. Waits for what is in flight.
 */
void nvme_interrupt(struct nvme_controller *ctl);

/** Guest memory has changed: pointers into it are looked up again. */
void nvme_memory_changed(struct nvme_controller *ctl);

/** The client has switched interrupts on or off: the line may be used now. */
void nvme_interrupts_changed(struct nvme_controller *ctl);

/** Waits until the disk touches no guest memory. What is done is completed by nvme_work(). */
void nvme_drain(struct nvme_controller *ctl);

#endif

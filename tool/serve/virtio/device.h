/* SPDX-License-Identifier: MIT */
/*
 * A virtio device behind PCI (virtio 1.2, 2 and 4.1): its registers, features, status,
 * queues and interrupts. What kind of device it is, the caller says by a table.
 *
 * Rules:
 *  - the queues may be used while vdevice_running(), and at no other time;
 *  - the slots `start` and `stop` come in turn: `stop` ends what `start` began;
 *  - a queue that is broken ends all of it: the device needs a reset then, which its
 *    status says;
 *  - while a queue waits for memory that is reached by messages, the guest's accesses to
 *    registers are answered, because the client may need that before it goes on. A reset
 *    that comes then is carried out by vdevice_end_turn(); until it is done the register
 *    does not say so.
 */
#ifndef TOOL_SERVE_VIRTIO_DEVICE_H
#define TOOL_SERVE_VIRTIO_DEVICE_H

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "lend/server.h"
#include "tool/serve/virtio/queue.h"

#define VDEVICE_BIT(feature) (UINT64_C(1) << (feature))

enum {
	VDEVICE_QUEUES = 8,  /* at most */
	VDEVICE_CONFIG = 64, /* bytes of the device's own config space, at most */
	VDEVICE_OWN = 24,    /* bytes of the kind's own state, at most */
	VDEVICE_CAPABILITIES = 5,
	VDEVICE_LINES = 16, /* about drivers that break a queue, in the life of the process */
	/* BAR 0, whose pages are: common registers; ISR and the device's config; doorbells; MSI-X. */
	VDEVICE_BAR_SIZE = 0x4000,
};

/** What kind of device it is. */
struct vdevice_kind {
	const char *name;
	uint16_t device; /* 0x1040 and the number of the kind (5) */
	uint32_t class_code;
	/** Whether a set of features can be used, of those that are offered. NULL: every set. */
	bool (*accepts)(void *opaque, uint64_t features);
	/** The driver is ready (DRIVER_OK), and features are settled. */
	void (*start)(void *opaque);
	/** The queues must not be touched any more. Chains that are popped are lost. */
	void (*stop)(void *opaque);
	/** Guest memory changes, or queue `queue` is reset: give back the chains that are popped. */
	void (*let_go)(void *opaque);
	/**
	 * After `start`: another process began, and vdevice.own is what it gave vdevice_keep()
	 * last. NULL: nothing.
	 */
	void (*resume)(void *opaque);
};

struct vdevice {
	const struct vdevice_kind *kind;
	void *opaque; /* for the slots of `kind` */
	struct lend_server *server;
	LEND_PRINTF(1, 2) void (*say)(const char *format, ...); /* a line for the user */

	uint8_t identity[8]; /* tells the device from others of its kind (state.h) */
	uint64_t offered;
	unsigned queue_count;
	uint16_t queue_max;            /* descriptors of a queue, at most */
	int doorbells[VDEVICE_QUEUES]; /* eventfds that the client has, too: see bells.c */
	int bell;                      /* eventfd: the device rings itself, for the queues in `rung` */
	uint8_t rung;
	uint8_t config[VDEVICE_CONFIG];
	unsigned config_length;

	uint64_t features; /* what the driver wrote */
	uint32_t offered_select, features_select;
	uint16_t config_vector, queue_select;
	uint8_t status, generation, isr;
	bool started;
	bool resumes;         /* the queues' places are not known yet */
	struct vstate *state; /* what outlives the process; NULL: nothing does */
	uint8_t own[VDEVICE_OWN];
	bool told;                 /* this client's driver broke a queue */
	unsigned lines;            /* clients of which that was true */
	bool in_turn, reset_waits; /* a queue is worked on; a reset has come meanwhile */
	bool loss_waits;           /* because the client is gone */
	uint8_t queue_resets_wait; /* a bit for each queue */
	struct {
		struct vq vq;
		lend_iova_t addresses[3]; /* descriptors, driver's part, device's part */
		uint16_t size, vector;
		bool enabled;
	} queues[VDEVICE_QUEUES];

	struct {
		uint8_t bytes[20];
	} capabilities[VDEVICE_CAPABILITIES];
	struct lend_server_doorbell bells[VDEVICE_QUEUES];
	struct lend_server_capability described[VDEVICE_CAPABILITIES];
	struct lend_server_config pci;
};

/**
 * Describes the device for lend_server_new(): the fields up to `config_length` must be
 * set, but `server` and the doorbells, which are made here. Returns 0 or a negative errno.
 */
int vdevice_describe(struct vdevice *device, struct lend_server_device *out);

/** Asks for a turn of a queue: vdevice.bell is readable then. */
void vdevice_ring(struct vdevice *device, unsigned index);

/** The queues that vdevice_ring() was called for, a bit each. They are forgotten. */
unsigned vdevice_take_rings(struct vdevice *device);

/** Closes the doorbells. */
void vdevice_end(struct vdevice *device);

/** Whether the queues may be used now: the driver is ready, and lets the device reach memory. */
bool vdevice_running(const struct vdevice *device);

/** The queue, or NULL if the driver does not use it. */
struct vq *vdevice_queue(struct vdevice *device, unsigned index);

/**
 * Around each work on the queues. False: they may not be used now, and there is no turn.
 */
bool vdevice_begin_turn(struct vdevice *device);
void vdevice_end_turn(struct vdevice *device);

/** Publishes what was used of a queue, and interrupts if the driver wants it. */
void vdevice_flush(struct vdevice *device, unsigned index);

/** A queue is broken: the device needs a reset, unless it is broken by one that waits. */
void vdevice_broken(struct vdevice *device, unsigned index);

/** Changes bytes of the device's config space, and tells the driver. */
void vdevice_set_config(struct vdevice *device, unsigned offset, const void *data, unsigned length);

/** What the kind's `resume` gets back in the next process: at most VDEVICE_OWN bytes. */
void vdevice_keep(struct vdevice *device, const void *data, unsigned length);

/** Power-on state. `lost`: the client is gone, too; then what is kept (state.h) stays, and is taken up. */
void vdevice_reset(struct vdevice *device, bool lost);

#endif

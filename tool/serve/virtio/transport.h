/* SPDX-License-Identifier: MIT */
/* What the files of the transport share (virtio 1.2, 4.1). */
#ifndef TOOL_SERVE_VIRTIO_TRANSPORT_H
#define TOOL_SERVE_VIRTIO_TRANSPORT_H

#include "tool/serve/virtio/device.h"

/** Where the structures are in BAR 0. */
enum {
	BAR_COMMON = 0x0000,
	BAR_ISR = 0x1000,
	BAR_CONFIG = 0x1800,
	BAR_BELLS = 0x2000,
	BAR_MSIX_TABLE = 0x3000,
	BAR_MSIX_PENDING = 0x3800,
	COMMON_SIZE = 60, /* up to queue_reset */
	BELL_SIZE = 4,    /* bytes from one queue's doorbell to the next */
};

/** Accesses to BAR 0: the bytes done. Reads beyond the structures are 0, writes do nothing. */
int vtransport_bar_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length);
int vtransport_bar_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length);

/** The registers of the common structure. Bytes [offset, offset + length) lie within the BAR. */
void vtransport_common_read(struct vdevice *device, uint64_t offset, uint8_t *data, unsigned length);
void vtransport_common_write(struct vdevice *device, uint64_t offset, const uint8_t *data, unsigned length);

void vtransport_set_status(struct vdevice *device, uint8_t status);
/** Whether the device takes a set of features. */
bool vtransport_acceptable(const struct vdevice *device, uint64_t features);
/** Starts a queue by its registers, which are set. */
void vtransport_start_queue(struct vdevice *device, unsigned index);
void vtransport_enable_queue(struct vdevice *device, unsigned index);
void vtransport_reset_queue(struct vdevice *device, unsigned index);
/** Signals all doorbells: what the driver has asked for may be done now. */
void vtransport_ring_all(struct vdevice *device);

enum { ISR_QUEUE = 1, ISR_CONFIG = 2 };
void vtransport_interrupt(struct vdevice *device, uint16_t vector, uint8_t cause);
/** Reads the cause of the line's interrupt, which ends it. */
uint8_t vtransport_take_isr(struct vdevice *device);

/** The slots of the server. */
extern const struct lend_server_ops vtransport_ops;

#endif

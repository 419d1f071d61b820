/* SPDX-License-Identifier: MIT */
/*
 * The window in config space (virtio 1.2, 4.1.4.9): bytes of the BAR are read and
 * written by its four bytes of data, while no BAR is placed.
 */
#ifndef TOOL_SERVE_VIRTIO_WINDOW_H
#define TOOL_SERVE_VIRTIO_WINDOW_H

#include "tool/serve/virtio/device.h"

/** The capability that is the window, in vdevice.described. */
enum { WINDOW_CAPABILITY = 4 };

/** Bytes of config space were written, or are about to be read. */
void vwindow_written(struct vdevice *device, unsigned offset, unsigned length);
void vwindow_read(struct vdevice *device, unsigned offset, unsigned length);

#endif

/* SPDX-License-Identifier: MIT */
/* The NVMe controller as a device of `lend serve`: between the library's server and controller.h. */
#ifndef TOOL_SERVE_NVME_SERVE_H
#define TOOL_SERVE_NVME_SERVE_H

#include "lend/server.h"
#include "tool/serve/nvme/image.h"

struct nvme_controller;

enum {
	/* BAR 0, whose pages are: registers; doorbells; MSI-X table; pending bits. Windows wants 16 KiB. */
	NVME_BAR_SIZE = 0x4000,
	NVME_BAR_TABLE = 0x2000,
	NVME_BAR_PENDING = 0x3000,
	NVME_WRITES = 256,
};

/* A register write that came while the controller was at work. */
struct nvme_write {
	uint64_t offset;
	unsigned length;
	uint8_t data[8];
};

struct nvme_serve {
	struct nvme_image image;
	struct nvme_controller *ctl;
	struct lend_server_config config;
	struct lend_server *server;                             /* NULL: not there yet */
	void (*say)(const char *format, ...) LEND_PRINTF(1, 2); /* a line for the user */
	uint64_t patience;                                      /* ns; see host.h */
	bool working;
	bool reset_waits; /* until the controller is done with what it is at */
	struct nvme_write writes[NVME_WRITES];
	unsigned write_count;
};

/**
 * Makes the controller of an open image, and describes it in `device`, whose size is
 * set. The caller makes the server, and sets it before its first work. -ENOMEM.
 */
int nvme_serve_open(struct nvme_serve *serve, unsigned queue_pairs, struct lend_server_device *device);

/** After the server is freed. */
void nvme_serve_close(struct nvme_serve *serve);

/** Does what there is to do. To be called after lend_server_work(), and when the image's fd is readable. */
void nvme_serve_work(struct nvme_serve *serve);

#endif

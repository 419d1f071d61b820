/* SPDX-License-Identifier: MIT */
/*
 * What the machine needs to know of a device that comes while the guest runs, since it opens no file
 * any more. The keeper's helper writes it into a file in memory, whose descriptor goes to the machine
 * with those of the device: [0] the order, [1] the device's node, its group's, or the socket of its
 * server, [2] /dev/iommu, or a container for the group.
 */
#ifndef TOOL_RUN_PLUG_ORDER_H
#define TOOL_RUN_PLUG_ORDER_H

#include "tool/run/files.h"

enum { ORDER_FDS = 3, ORDER_CONFIG_MAX = 4096 };

struct plug_order {
	uint32_t size;     /* of this struct: both sides are one program */
	uint32_t by_group; /* [1] is a group */
	uint32_t backend, reply_ms, give_up_ms;
	uint32_t allow_unreset, on_error;
	int32_t group, numa_node;
	char name[LEND_NAME_SIZE], vf_token[40], driver[64], reset_methods[64];
	uint32_t config_length, rom_length; /* the ROM's bytes follow the struct */
	uint8_t config[ORDER_CONFIG_MAX];
	struct lend_function_config function; /* without pointers */
};

/** Fills in what the user said of a device. */
void order_begin(struct plug_order *order, const struct run_device *device);

/** Writes it with a ROM (NULL: none) to a file in memory. Its descriptor, or a negative errno. */
int order_write(const struct plug_order *order, const struct file_rom *rom);

/**
 * Reads it, and makes of it the configuration of a device, with `fds` as above, which are still the
 * caller's; out->owned is what its pointers point into. -EPROTO: it is no order; -ENOMEM.
 */
int order_read(const int fds[ORDER_FDS], unsigned count, struct vmm_device_config *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The machine process: everything that opens KVM and VFIO happens here, after
 * the fork. It speaks to its user through the keeper alone.
 */
#ifndef TOOL_RUN_MACHINE_H
#define TOOL_RUN_MACHINE_H

#include "tool/run/files.h"

/* The name of the process. */
#define MACHINE_NAME "lend-machine"

/* Where the computer shows itself; a test has its own. */
struct machine_roots {
	const char *dev, *proc, *sys;
};

struct machine_config {
	const struct run_options *options;
	int kernel_fd, initrd_fd;
	int unpacked_fd; /* as in struct vmm_config */
	uint64_t unpacked_size;
	struct vmm_file_state unpacked_of;
	struct machine_roots roots;
	struct files *files; /* the devices that were passed as descriptors; NULL: none */
	const struct vmm_firmware_config *firmware; /* NULL: a kernel is started */
};

/**
 * Runs a machine to its end, for keeper_config.machine: `opaque` is a
 * `struct machine_config`. The end goes over `control`.
 */
int machine_main(int control, int serial, void *opaque);

#endif

/* SPDX-License-Identifier: MIT */
/* What the controller stands on beside the disk: guest memory and interrupts. */
#ifndef TOOL_SERVE_NVME_HOST_H
#define TOOL_SERVE_NVME_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/** All slots are there. The contracts are those of lend_server_memory() and its like. */
struct nvme_host_ops {
	int (*memory)(void *opaque, uint64_t address, uint64_t length, bool write, struct iovec *out,
		      unsigned max);
	int (*read)(void *opaque, uint64_t address, void *data, uint64_t length);
	int (*write)(void *opaque, uint64_t address, const void *data, uint64_t length);
	/** Signals a vector of MSI or MSI-X. */
	void (*signal)(void *opaque, unsigned vector);
	/** Whether interrupts go by the line; then its level is set by `line`. */
	bool (*pin)(void *opaque);
	void (*line)(void *opaque, bool up);
	/** Whether a driver is in charge of the function: it may do DMA (PCI command register, bit 2). */
	bool (*mastering)(void *opaque);
	/** A clock that does not go back: ns, never 0. */
	uint64_t (*now)(void *opaque);
	/**
	 * For how long to look for what comes soon before sleeping, ns: what it costs to be woken.
	 * 0: not at all, since the guest does nothing meanwhile.
	 */
	uint64_t (*patience)(void *opaque);
	/** One line for the person who runs the server. */
	void (*say)(void *opaque, const char *line);
};

#endif

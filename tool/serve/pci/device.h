/* SPDX-License-Identifier: MIT */
/* The device that `lend serve pci` shows: opened and reset, with a function for its server. */
#ifndef TOOL_SERVE_PCI_DEVICE_H
#define TOOL_SERVE_PCI_DEVICE_H

#include "lend/function.h"
#include "tool/run/options.h"

/* What liblend watches: the device's errors, and the host's requests for it. */
enum { PCI_WATCHES_MAX = 4 };

struct pci_device {
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct lend_function *function;
	int watch_fd; /* readable when pci_device_work() has work; 0: not open */
	struct {
		int fd; /* -1: free */
		lend_watch_fn fn;
		void *opaque;
	} watches[PCI_WATCHES_MAX];
	bool wanted; /* the host wants it back */
};

/**
 * Opens the device and resets it. 0, or a negative errno with the sentence in `error`;
 * pci_device_close() is to be called in any case. `context` has to outlive it. `rom`: the
 * bytes of an expansion ROM; NULL: the device's own.
 */
int pci_device_open(struct pci_device *pci, struct lend_context *context, const struct run_device *options,
		    const void *rom, size_t rom_length, struct lend_error *error);

/** Serves what is watched. -ESHUTDOWN: the host wants the device back. */
int pci_device_work(struct pci_device *pci);

/** Its server is freed already. */
void pci_device_close(struct pci_device *pci);

#endif

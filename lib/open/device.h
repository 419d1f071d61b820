/* SPDX-License-Identifier: MIT */
/*
 * An open device, and what its function (lib/pci) uses of it. All fields are
 * set when it is opened and do not change; the transport may be used by any
 * number of threads.
 */
#ifndef LIB_OPEN_DEVICE_H
#define LIB_OPEN_DEVICE_H

#include <linux/pci_regs.h>

#include "lib/backend/areas.h"
#include "lib/backend/backend.h"

struct lend_cdev;
struct lend_group;

struct lend_device {
	struct lend_device *next; /* in the context's list, guarded by its lock */
	struct lend_space *space;
	struct lend_group *group; /* NULL: none (a fake, or a cdev) */
	struct lend_cdev *cdev;   /* NULL: none */
	int given;                /* names it to its domain, which the caller brought; 0: none */
	unsigned functions;       /* on it; atomic */
	const struct transport_ops *ops;
	void *transport;
	struct lend_device_info info;
	struct lend_region regions[LEND_REGION_COUNT];
	struct lend_area areas[LEND_REGION_COUNT][AREAS_MAX]; /* regions[].area_count of them */
	char reset_methods[64];                               /* sysfs reset_method, empty: not known */
	/* The device's own config space, of which VFIO shows other chains. */
	uint8_t raw[PCI_CFG_SPACE_EXP_SIZE];
	unsigned raw_length; /* bytes that are known of it */
	bool rules_said;     /* lib/pci's: what the user's rules do to it is said once; does change */
	bool msix_said;      /* and where its MSI-X table is */
};

/** What is known of a device before it is opened. */
struct device_source {
	struct lend_bdf bdf;
	const char *name; /* NULL: the address */
	enum lend_backend backend;
	bool is_mdev;
	int group;     /* -1: none */
	int numa_node; /* -1: not known */
	const char *reset_methods;
	const uint8_t *raw; /* its config space as sysfs has it */
	unsigned raw_length;
	const struct transport_ops *ops;
	void *transport;
};

/**
 * Makes a device on an open transport, which it owns from then on; on failure
 * it does not. Reads and checks all infos. -EPROTO: they make no sense.
 */
int device_open_with(struct lend_space *space, const struct device_source *source, struct lend_device **out,
		     struct lend_error *error);

/** Puts a device in the context's list; lend_device_close() takes it out. */
void device_register(struct lend_device *device);
/** Whether the function at `bdf` is open in this context. Any thread. */
bool device_is_open(struct lend_context *context, const struct lend_bdf *bdf);

/** Exactly `length` bytes at `offset` of a region: 0, or a negative errno (-EIO: fewer). */
int device_read(const struct lend_device *device, unsigned region, uint64_t offset, void *data,
		unsigned length);
int device_write(const struct lend_device *device, unsigned region, uint64_t offset, const void *data,
		 unsigned length);

#endif

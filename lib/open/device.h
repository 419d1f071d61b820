/* SPDX-License-Identifier: MIT */
/*
 * An open device, and what its function (lib/pci) uses of it. Fields are set when
 * it is opened and do not change, unless their comment says so. Any number of
 * threads may use the transport.
 */
#ifndef LIB_OPEN_DEVICE_H
#define LIB_OPEN_DEVICE_H

#include <linux/pci_regs.h>

#include "lib/backend/areas.h"
#include "lib/backend/backend.h"

struct lend_cdev;
struct lend_group;
struct user_session;

struct lend_device {
	struct lend_device *next; /* in the context's list, guarded by its lock */
	struct lend_space *space;
	struct lend_group *group;  /* NULL: it was not opened by its group */
	struct lend_cdev *cdev;    /* NULL: it was not opened by its own node */
	struct user_session *user; /* it is behind a socket; NULL: it is not */
	int given;          /* its number in a domain of the caller's, or of its server; 0: it has none */
	unsigned functions; /* functions on it; changes, atomic */
	const struct transport_ops *ops;
	void *transport;
	struct lend_device_info info;
	struct lend_region regions[LEND_REGION_COUNT];
	struct lend_area areas[LEND_REGION_COUNT][AREAS_MAX]; /* regions[].area_count of them */
	char reset_methods[64];                               /* sysfs reset_method, empty: not known */
	/* Its config space as sysfs has it: VFIO leaves capabilities out of the chains. */
	uint8_t raw[PCI_CFG_SPACE_EXP_SIZE];
	unsigned raw_length; /* how many bytes of it are known */
	bool rules_said;     /* lib/pci has logged what the user's rules do to it; changes */
	bool msix_said;      /* lib/pci has logged what is wrong with its MSI-X table; changes */
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
	const uint8_t *raw; /* as in struct lend_device */
	unsigned raw_length;
	const struct transport_ops *ops;
	void *transport;
};

/**
 * Makes a device on an open transport: reads and checks all that the transport
 * says of it. The device owns the transport then; on failure the caller does.
 * -EPROTO: what it says makes no sense.
 */
int device_open_with(struct lend_space *space, const struct device_source *source, struct lend_device **out,
		     struct lend_error *error);

/** A number for a device without a descriptor, by which a domain knows its user: negative. */
int device_number(struct lend_space *space);

/** Puts a device into the context's list; lend_device_close() takes it out. */
void device_register(struct lend_device *device);
/** Whether the function at `bdf` is open in this context. Any thread. */
bool device_is_open(struct lend_context *context, const struct lend_bdf *bdf);

/** Whether its server is gone, and may come back. Any thread. */
bool user_is_lost(const struct lend_device *device);
/** lend_function_reconnect(), of the device alone: BARs are to be mapped, and interrupts set, anew. */
int user_reconnect(struct lend_device *device, int fd, struct lend_error *error);
/** After that: the command register is what it was. */
int user_resume(struct lend_device *device);
/** Or the device cannot go on with this server: it is lost again, and waits for another one. */
void user_lose(struct lend_device *device, int why);

/** Read or write exactly `length` bytes at `offset` of a region: 0, or a negative errno (-EIO: fewer). */
int device_read(const struct lend_device *device, unsigned region, uint64_t offset, void *data,
		unsigned length);
int device_write(const struct lend_device *device, unsigned region, uint64_t offset, const void *data,
		 unsigned length);

#endif

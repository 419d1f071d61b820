/* SPDX-License-Identifier: MIT */
/*
 * The physical side: two tables. A transport reaches one device, a domain one
 * set of IOMMU page tables. Every slot of both is filled by every backend, and
 * returns 0 (or a count) or a negative errno. The fake backend of the unit
 * tests stands behind the same tables.
 */
#ifndef LIB_BACKEND_H
#define LIB_BACKEND_H

#include "lend/device.h"

/** What the transport says of a device, unchecked: lib/backend/device.c checks it. */
struct backend_device_info {
	bool is_pci;
	bool can_reset;
	unsigned region_count, irq_count;
	unsigned atomics; /* as lend_link has them */
};

struct backend_irq_info {
	unsigned count;
	bool noresize;
};

/** Mask and unmask are for the line interrupt alone; with a descriptor, unmask when it is signalled (-1:
 * never). */
enum backend_irq_action { BACKEND_IRQ_TRIGGER, BACKEND_IRQ_MASK, BACKEND_IRQ_UNMASK };

/** Arguments of set_irqs; the meaning of each is VFIO_DEVICE_SET_IRQS's. */
struct backend_irqs {
	enum backend_irq_action action;
	unsigned index, start, count;
	const int *fds; /* count eventfds, -1 for none; NULL: no data (count 0 turns the index off) */
};

/** The guest's write of `length` bytes `data` to a region, carried out when the eventfd `fd` is signalled. */
struct backend_ioeventfd {
	unsigned region, length;
	uint64_t offset, data;
	int fd; /* -1: no more */
};

/** A function that a reset of the bus takes along, the device itself included. */
struct backend_dependent {
	struct lend_bdf bdf;
	int group; /* -1: told by the device's own id */
};

struct backend_hot_reset {
	bool by_id, owned; /* by_id: no groups are needed, and owned says whether it is allowed */
	unsigned count;
	struct backend_dependent *at; /* to be freed */
};

struct transport_ops {
	int (*info)(void *dev, struct backend_device_info *out);
	int (*region_info)(void *dev, unsigned index, struct lend_region *out);
	int (*irq_info)(void *dev, unsigned index, struct backend_irq_info *out);
	int (*set_irqs)(void *dev, const struct backend_irqs *irqs);
	/* Bytes read or written, or negative errno. Exactly one access of `length` bytes. */
	int (*read)(void *dev, unsigned region, uint64_t offset, void *data, unsigned length);
	int (*write)(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length);
	/* Maps [offset, offset + length) of a region over the reserved address `at`. */
	int (*map)(void *dev, unsigned region, uint64_t offset, uint64_t length, void *at);
	int (*reset)(void *dev);
	/* What a reset of its bus would take along, and that reset; `fds`: descriptors of the groups. */
	int (*hot_reset_info)(void *dev, struct backend_hot_reset *out);
	int (*hot_reset)(void *dev, const int *fds, unsigned count);
	/* -EOPNOTSUPP, or whatever the kernel says: the caller then writes itself. */
	int (*ioeventfd)(void *dev, const struct backend_ioeventfd *what);
	void (*close)(void *dev);
};

struct domain_ops {
	int (*map)(void *domain, lend_iova_t iova, void *va, uint64_t length, bool writable);
	int (*unmap)(void *domain, lend_iova_t iova, uint64_t length);
	/* As lend_space_windows(). */
	size_t (*windows)(void *domain, struct lend_iova_window *out, size_t max);
	/* Puts a group (its descriptor) behind this domain, takes it off; -EINVAL: does not fit. */
	int (*attach)(void *domain, int group_fd);
	int (*detach)(void *domain, int group_fd);
	void (*close)(void *domain);
};

#endif

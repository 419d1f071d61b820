/* SPDX-License-Identifier: MIT */
/*
 * The physical side: two tables. A transport reaches one device, a domain one
 * set of IOMMU page tables. Every slot of both is filled by every backend, and
 * returns 0 (or a count) or a negative errno. The fake backend of the unit
 * tests stands behind the same tables.
 */
#ifndef LIB_BACKEND_BACKEND_H
#define LIB_BACKEND_BACKEND_H

#include "lend/device.h"
#include "lend/space.h"

/** What the transport says of a device, unchecked: lib/open/device.c checks it. */
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

/** Writes of the guest that the device hears of by an eventfd, instead of the write itself. */
struct backend_doorbell {
	uint64_t offset, data; /* offset: in the region */
	unsigned length;       /* of the writes: 1, 2, 4 or 8 bytes; 0: of any length */
	bool match;            /* writes of `data` alone */
	int fd;
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
	/* Writes at most `max` areas; out->area_count says how many. */
	int (*region_info)(void *dev, unsigned index, struct lend_region *out, struct lend_area *areas,
			   unsigned max);
	int (*irq_info)(void *dev, unsigned index, struct backend_irq_info *out);
	int (*set_irqs)(void *dev, const struct backend_irqs *irqs);
	/* Bytes read or written, or negative errno. Exactly one access of `length` bytes. */
	int (*read)(void *dev, unsigned region, uint64_t offset, void *data, unsigned length);
	int (*write)(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length);
	/* Maps [offset, offset + length) of a region over the reserved address `at`. */
	int (*map)(void *dev, unsigned region, uint64_t offset, uint64_t length, void *at);
	/* The same bytes as a descriptor that an IOMMU can map for other devices; -ENOTTY: the kernel has
	 * none. */
	int (*dma_buf)(void *dev, unsigned region, uint64_t offset, uint64_t length);
	/*
	 * The descriptor by which another process can map a region, and where in it the
	 * region begins. It stays the transport's. -ENOTTY: there is none.
	 */
	int (*file)(void *dev, unsigned region, uint64_t *offset);
	int (*reset)(void *dev);
	/* What a reset of its bus would take along, and that reset; `fds`: descriptors of the groups. */
	int (*hot_reset_info)(void *dev, struct backend_hot_reset *out);
	int (*hot_reset)(void *dev, const int *fds, unsigned count);
	/* With any error the caller carries the write out itself. */
	int (*ioeventfd)(void *dev, const struct backend_ioeventfd *what);
	/*
	 * The doorbells of a region, each inside of it: writes at most `max`, and returns
	 * how many. The eventfds are the caller's; several may have the same one. Such a
	 * write may go to the device all the same.
	 */
	int (*doorbells)(void *dev, unsigned region, struct backend_doorbell *out, unsigned max);
	void (*close)(void *dev);
};

/** Host bytes [va, va + length) that devices see at [iova, iova + length). */
struct domain_map {
	lend_iova_t iova;
	uint64_t length;
	void *va;
	int fd;          /* file behind the bytes, -1: none; borrowed */
	uint64_t offset; /* of the first byte in fd */
	unsigned access; /* enum lend_access, never 0 */
	bool peer;       /* a BAR of a device */
};

struct domain_ops;
struct domain_user;

/** Makes a domain with its first user behind it. */
typedef int (*domain_make)(struct lend_context *context, const struct domain_user *user,
			   const struct domain_ops **ops, void **domain, struct lend_error *error);

/** What is attached to a domain: a legacy group, or a device that is bound to an iommufd. */
struct domain_user {
	domain_make make; /* also the kind of the domains that may take it */
	void *arg;        /* of that kind */
	int fd;           /* the group's, or the device's; names the user to detach */
	uint32_t id;      /* of the device in its iommufd */
	const char *name; /* of the device, for sentences; may go once it is attached */
};

struct domain_ops {
	/*
	 * Whole pages. -EEXIST: overlaps a map; -EINVAL: misaligned, empty, or
	 * outside of the windows; -ENOSPC: too many maps; -ENOMEM: the limit of
	 * locked memory, or memory.
	 */
	int (*map)(void *domain, const struct domain_map *map);
	/*
	 * Exactly one map. -ENOENT: nothing is mapped there. Any other error: not
	 * all of it is gone; a part of a map that was asked for stays whole.
	 */
	int (*unmap)(void *domain, lend_iova_t iova, uint64_t length);
	/* As lend_space_windows(), and at least one. The answer changes only with attach and detach. */
	size_t (*windows)(void *domain, struct lend_iova_window *out, size_t max);
	/* -EINVAL: does not fit, another domain may; any other error is final. */
	int (*attach)(void *domain, const struct domain_user *user);
	int (*detach)(void *domain, const struct domain_user *user);
	void (*close)(void *domain);
	bool stays; /* it can be without a user: its maps stay, and nobody reaches them */
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A device that is not VFIO's: a monitor's own, one behind a socket, or one of
 * a test. It stands behind two tables, as VFIO's devices do. A transport
 * reaches the device; a domain is what keeps guest memory reachable for it.
 *
 * Rules for both tables:
 *  - a slot returns 0, or a count, or a negative errno;
 *  - slots that are NULL, or that do not lie within `size`, are absent; what the
 *    library does then stands at the slot;
 *  - slots of a transport are called by any number of threads at once, those of a
 *    domain by one at a time. They may block: a read or write of a guest waits as
 *    long as they do. Those marked "locked" are called with the function's lock
 *    held, those of a domain with the space's: they call nothing of the library;
 *  - what a slot fills is zero before, and its `size` is set by the library: a
 *    field that does not lie within it must not be written.
 */
#ifndef LEND_BACKEND_H
#define LEND_BACKEND_H

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lend_transport_info {
	size_t size;
	bool can_reset;   /* the slot `reset` resets this device alone */
	unsigned atomics; /* as in struct lend_link */
};

struct lend_irq_info {
	size_t size;
	unsigned count; /* of vectors */
	bool noresize;  /* vectors cannot be added while the index is on */
};

/** What set_irqs does. Mask and unmask are for LEND_IRQ_INTX alone. */
enum lend_irq_action {
	LEND_IRQ_TRIGGER, /* the eventfds that the device signals from now on */
	LEND_IRQ_MASK,
	LEND_IRQ_UNMASK, /* with a descriptor: whenever that is signalled; -1: no more */
};

/** The meaning of each field is that of VFIO_DEVICE_SET_IRQS. */
struct lend_irqs {
	size_t size;
	enum lend_irq_action action;
	unsigned index;        /* LEND_IRQ_INTX and following */
	unsigned start, count; /* count 0: the index goes off */
	const int *fds; /* `count` eventfds, -1 for none; NULL: none at all. Valid until they are replaced */
};

/** Once on, the guest's write of `length` bytes `data` is carried out when `fd` is signalled. */
struct lend_transport_ioeventfd {
	size_t size;
	unsigned region, length;
	uint64_t offset, data;
	int fd; /* -1: no more */
};

struct lend_transport_ops {
	size_t size; /* sizeof(struct lend_transport_ops) as the caller was compiled */

	/** What the device is. Absent: it cannot be reset. Called once, at open. */
	int (*info)(void *dev, struct lend_transport_info *out);
	/**
	 * A region below LEND_REGION_COUNT. Must be there. Writes at most `max`
	 * areas that can be mapped, in any order, and their number to
	 * out->area_count. sub_page is the library's. -EINVAL: there is no such
	 * region; LEND_REGION_CONFIG there must be. Called once each, at open.
	 */
	int (*region_info)(void *dev, unsigned index, struct lend_region *out, struct lend_area *areas,
			   unsigned max);
	/** Vectors of an index below LEND_IRQ_COUNT. Absent: none of any. Called once each, at open. */
	int (*irq_info)(void *dev, unsigned index, struct lend_irq_info *out);
	/**
	 * Interrupts on, off, masked. Returns 0; a count: so many vectors can be had
	 * at the most, and nothing changed; else an errno. VFIO masks the line when
	 * it signals, and so does this. Locked. Absent: no interrupt can be had.
	 */
	int (*set_irqs)(void *dev, const struct lend_irqs *irqs);
	/**
	 * One access of `length` bytes (1, 2, 4 or 8; config space and the ROM any)
	 * at `offset` of a region, little endian. Returns how many bytes were read
	 * or written. Must be there. Config space as the device has it: which of
	 * its bits a guest sees is the library's.
	 */
	int (*read)(void *dev, unsigned region, uint64_t offset, void *data, unsigned length);
	int (*write)(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length);
	/**
	 * Maps [offset, offset + length) of a region over the reserved address `at`,
	 * as MAP_FIXED does; the library unmaps it with munmap(). Absent: each
	 * access traps.
	 */
	int (*map)(void *dev, unsigned region, uint64_t offset, uint64_t length, void *at);
	/**
	 * The same bytes as a descriptor that other devices can be given as memory;
	 * the library closes it. Absent, or -ENOTTY: there is none.
	 */
	int (*dma_buf)(void *dev, unsigned region, uint64_t offset, uint64_t length);
	/** Resets the device. May take as long as it takes. Absent: it cannot be reset. */
	int (*reset)(void *dev);
	/** Locked. Absent: the library carries such writes out itself. */
	int (*ioeventfd)(void *dev, const struct lend_transport_ioeventfd *what);
	/** The library has done with the device; nothing of the table is called any more. */
	void (*close)(void *dev);
};

/** Host bytes [va, va + length) that the device reaches at [iova, iova + length). */
struct lend_domain_map {
	size_t size;
	lend_iova_t iova;
	uint64_t length;
	void *va;
	int fd;          /* file behind the bytes, -1: none. Borrowed: duplicate it to keep it */
	uint64_t offset; /* of the first byte in fd */
	unsigned access; /* enum lend_access: what the device may do there */
	bool peer;       /* a BAR of another device */
};

struct lend_domain_ops {
	size_t size; /* sizeof(struct lend_domain_ops) as the caller was compiled */

	/**
	 * Makes the bytes reachable, until unmap. Whole pages; no two maps overlap.
	 * May take long. Must be there. -ENOSPC: too many maps; -ENOMEM: too much
	 * memory; any error of a map that is no peer's fails lend_space_map().
	 */
	int (*map)(void *domain, const struct lend_domain_map *map);
	/** Exactly one map. When it returns the device reaches it no more. Must be there. */
	int (*unmap)(void *domain, lend_iova_t iova, uint64_t length);
	/** As lend_space_windows(), and at least one. Does not change. Absent: every address. */
	size_t (*windows)(void *domain, struct lend_iova_window *out, size_t max);
	/** Its last device is closed; all maps are gone. */
	void (*close)(void *domain);
};

/** A device and its tables. What is 0 or NULL has its default. */
struct lend_device_backend {
	size_t size;
	const char *name;          /* for sentences; at most LEND_NAME_SIZE with its NUL; NULL: the address */
	struct lend_bdf bdf;       /* that the host would know it by; no two devices of a context share one */
	const char *reset_methods; /* as lend_device_facts has them */
	const struct lend_transport_ops *transport;
	void *dev;
	/**
	 * The domain that the device comes to: the table and the pointer name it. A
	 * second device that gives the same two comes to the same domain. NULL: the
	 * device reaches no memory of the guest.
	 */
	const struct lend_domain_ops *domain_ops;
	void *domain;
};

/**
 * Opens a device that stands behind the caller's tables into `space`; from then
 * on it is a device like any other. The tables are copied. On failure the
 * transport and a domain that is new are the caller's: neither is closed.
 * Host op vfio_add is not called. Any thread; may block as long as the tables do.
 *
 * Errors, each with a sentence: -EINVAL a size, or a slot that must be there is
 * not; -E2BIG something is set that this library does not know; -EPROTO what the
 * transport says makes no sense; -ENOMEM; else what a table returned.
 */
LEND_API int lend_device_open_backend(struct lend_space *space, const struct lend_device_backend *backend,
				      struct lend_device **out, struct lend_error *error);

#ifdef __cplusplus
}
#endif
#endif

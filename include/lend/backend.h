/* SPDX-License-Identifier: MIT */
/*
 * A device that is not VFIO's: one of the monitor, one behind a socket, or one of
 * a test. The caller describes it by two tables: a transport reaches the device;
 * a domain makes guest memory reachable for it.
 *
 * Rules for both tables:
 *  - a slot returns 0 or a negative errno, or what its comment says;
 *  - a slot that is NULL, or that does not lie within `size`, is absent. Its
 *    comment says what the library does then, or that it must be there;
 *  - any number of threads call the slots of a transport at once; one thread at a
 *    time calls those of a domain. Two domains of a space may be called at the same
 *    time: while guest memory is mapped into a new one, the others go on. A slot may
 *    block: the guest's access, or the call of the library, then takes as long;
 *  - slots marked "locked" are called with the function's lock held, all slots of
 *    a domain with the space's, except while guest memory is mapped into a new one.
 *    They must not call the library;
 *  - a struct that a slot fills is zeroed before, and its `size` is set by the
 *    library: the slot must not write a field that does not lie within it.
 */
#ifndef LEND_BACKEND_H
#define LEND_BACKEND_H

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What the device is, beside its regions and interrupts. */
struct lend_transport_info {
	size_t size;
	bool can_reset;   /* the slot `reset` resets this device alone */
	unsigned atomics; /* as in struct lend_link */
};

/** An interrupt index of the device. */
struct lend_irq_info {
	size_t size;
	unsigned count; /* vectors */
	bool noresize;  /* no vector can be added while the index is on */
};

/** What set_irqs does. Mask and unmask are used for LEND_IRQ_INTX alone. */
enum lend_irq_action {
	LEND_IRQ_TRIGGER, /* sets the eventfds that the device signals from now on */
	LEND_IRQ_MASK,    /* masks the line */
	LEND_IRQ_UNMASK,  /* unmasks the line; with a descriptor: each time that it is signalled; -1: no more
			   */
};

/** A call of set_irqs. Each field means what it does for VFIO_DEVICE_SET_IRQS (linux/vfio.h). */
struct lend_irqs {
	size_t size;
	enum lend_irq_action action;
	unsigned index;        /* LEND_IRQ_INTX and following */
	unsigned start, count; /* vectors [start, start + count); count 0 turns the index off */
	const int *fds; /* `count` eventfds, -1: none; NULL: no descriptors. They stay open until replaced */
};

/** Each time that `fd` is signalled, the device is to write `length` bytes `data` at `offset` of a region. */
struct lend_transport_ioeventfd {
	size_t size;
	unsigned region, length; /* length: 1, 2, 4 or 8 bytes */
	uint64_t offset, data;
	int fd; /* -1: ends it */
};

struct lend_transport_ops {
	size_t size; /* sizeof(struct lend_transport_ops) as the caller was compiled */

	/** Says what the device is. Called once, at open. Absent: the device cannot be reset. */
	int (*info)(void *dev, struct lend_transport_info *out);
	/**
	 * Describes a region below LEND_REGION_COUNT. Called once for each, at open.
	 * It writes at most `max` areas that can be mapped, in any order, and their
	 * number to out->area_count. The library sets sub_page. -EINVAL: there is no
	 * such region; LEND_REGION_CONFIG must exist. The slot must be there.
	 */
	int (*region_info)(void *dev, unsigned index, struct lend_region *out, struct lend_area *areas,
			   unsigned max);
	/** Describes an interrupt index below LEND_IRQ_COUNT. Called once for each, at open. Absent: none. */
	int (*irq_info)(void *dev, unsigned index, struct lend_irq_info *out);
	/**
	 * Turns interrupts on or off, masks or unmasks the line. Returns 0; or a
	 * count, if the device has only so many vectors and nothing was changed; or a
	 * negative errno. The device masks its line when it signals, as VFIO does.
	 * Locked. Absent: the device has no interrupts.
	 */
	int (*set_irqs)(void *dev, const struct lend_irqs *irqs);
	/**
	 * One access of `length` bytes (1, 2, 4 or 8; any number for config space and
	 * the ROM) at `offset` of a region, little endian. Returns how many bytes were
	 * read or written. Config space is that of the device: the library decides
	 * which bits a guest sees. The slots must be there.
	 */
	int (*read)(void *dev, unsigned region, uint64_t offset, void *data, unsigned length);
	int (*write)(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length);
	/**
	 * Maps [offset, offset + length) of a region over the reserved address `at`,
	 * as mmap() with MAP_FIXED does. The library removes the map by munmap().
	 * Absent: each access traps.
	 */
	int (*map)(void *dev, unsigned region, uint64_t offset, uint64_t length, void *at);
	/**
	 * Returns a dma-buf of the same bytes, by which other devices reach them. The
	 * library closes it. Absent, or -ENOTTY: other devices do not reach them.
	 */
	int (*dma_buf)(void *dev, unsigned region, uint64_t offset, uint64_t length);
	/** Resets the device, and returns when it is done. Absent: it cannot be reset. */
	int (*reset)(void *dev);
	/** Carries out a guest's repeated write. Locked. Absent: the library writes to the device. */
	int (*ioeventfd)(void *dev, const struct lend_transport_ioeventfd *what);
	/** The device is closed: the library calls no slot any more. */
	void (*close)(void *dev);
};

/** A map: the device reaches host bytes [va, va + length) at [iova, iova + length). */
struct lend_domain_map {
	size_t size;
	lend_iova_t iova;
	uint64_t length; /* bytes; whole pages, as iova and va */
	void *va;
	int fd;          /* file behind the bytes, -1: none. Borrowed: duplicate it to keep it */
	uint64_t offset; /* of the first byte in fd */
	unsigned access; /* a set of enum lend_access: what the device may do there */
	bool peer;       /* the bytes are a BAR of another device */
};

struct lend_domain_ops {
	size_t size; /* sizeof(struct lend_domain_ops) as the caller was compiled */

	/**
	 * Makes the bytes reachable until unmap. No two maps overlap. It may take
	 * long. -ENOSPC: too many maps; -ENOMEM: too much memory. An error fails
	 * lend_space_map(), unless the map is a peer's. The slot must be there.
	 */
	int (*map)(void *domain, const struct lend_domain_map *map);
	/** Removes exactly one map. Once it returns, no DMA reaches the bytes. The slot must be there. */
	int (*unmap)(void *domain, lend_iova_t iova, uint64_t length);
	/**
	 * Writes at most `max` windows of usable addresses, ascending, and returns how
	 * many there are, at least one. They do not change. Absent: every address.
	 */
	size_t (*windows)(void *domain, struct lend_iova_window *out, size_t max);
	/** The last device of the domain is closed, and all maps are removed: no slot is called any more. */
	void (*close)(void *domain);
};

/** A device and its tables. All that is used of it is copied. */
struct lend_device_backend {
	size_t size;
	const char *name;          /* for messages; at most LEND_NAME_SIZE with its NUL; NULL: the address */
	struct lend_bdf bdf;       /* its address; no two devices of a context may have the same */
	const char *reset_methods; /* as in struct lend_device_facts; NULL: not known */
	const struct lend_transport_ops *transport;
	void *dev; /* handed to each slot of `transport` */
	/**
	 * The device's domain. The pair of table and pointer tells which domain it is:
	 * devices that give the same pair are in one domain. NULL: the device reaches
	 * no guest memory.
	 */
	const struct lend_domain_ops *domain_ops;
	void *domain;
};

/**
 * Opens a device behind the caller's tables into `space`. From then on it is a
 * device like any other; lend_device_close() closes it, and calls the slots
 * `close`. On failure they are not called: `dev`, and a `domain` that was not in
 * use, stay the caller's. Host op vfio_add is not called. Any thread; it blocks
 * for as long as the slots do.
 *
 * Errors, each with a sentence: -EINVAL: a size is wrong, or a slot is missing
 * that must be there; -E2BIG: a field is set that this library does not know;
 * -EPROTO: what the transport says makes no sense; -ENOMEM; else what a slot
 * returned.
 */
LEND_API int lend_device_open_backend(struct lend_space *space, const struct lend_device_backend *backend,
				      struct lend_device **out, struct lend_error *error);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a monitor offers to liblend: the only way in which the library reaches
 * a hypervisor. Each slot may be left NULL; the library then behaves as if it
 * returned -EOPNOTSUPP. `host` is the pointer given to lend_space_new(),
 * `peer` the one in the function's configuration (`lend_function_config`).
 *
 * Unless a slot says otherwise: it returns 0 or a negative errno; it is called
 * with the function's lock held, from whichever thread called the library; it
 * may block; it must not call back into the same function.
 *
 * Locks. A slot must take no lock that any thread of the monitor holds while it
 * calls the library: the one thread has the function's lock and waits for that
 * of the monitor, the other has that one and waits for the function's. Locks
 * that are taken inside of the slots alone are fine. A monitor with one big lock
 * (QEMU's BQL) has two ways: it lets go of the big lock around each call into
 * the library; or its slots do without the big lock, on tables with locks of
 * their own, and leave the rest as work to its loop. Calls that take no lock
 * say so in their header (lend_function_bar_read() and its like).
 */
#ifndef LEND_HOST_OPS_H
#define LEND_HOST_OPS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A part of a BAR that the guest may reach without trapping. */
struct lend_bar_direct {
	uint64_t offset; /* in the BAR; page aligned, as length is */
	uint64_t length;
	void *va; /* host mapping of the device's bytes */
	/*
	 * The BAR is smaller than this page. The monitor maps the page only while
	 * nothing else of the guest lies in it, and lets the BAR trap otherwise.
	 * What is behind the BAR in the page belongs to no device. Never set unless
	 * lend_function_config.shares_pages is.
	 */
	bool shares_page;
	uint8_t reserved[7]; /* 0 */
};

/** Where a BAR answers, and which parts of it need no trap. */
struct lend_bar_map {
	size_t struct_size; /* this struct as the library has it: a field beyond is not there */
	unsigned bar;       /* 0 to 5, LEND_REGION_ROM: the expansion ROM */
	bool io;            /* an I/O port range: address and size are ports */
	lend_gpa_t address; /* guest address of the BAR's first byte */
	uint64_t size;
	size_t direct_count;
	const struct lend_bar_direct *direct; /* valid during the call alone */
};

enum lend_event {
	LEND_EVENT_REQUEST, /* the host's kernel wants the device back */
	LEND_EVENT_ERROR,   /* the device reported an uncorrectable error */
	LEND_EVENT_DEAD,    /* found when it was reset: the device does not answer any more */
	LEND_EVENT_RESET,   /* a reset ran */
};

typedef void (*lend_watch_fn)(void *opaque);

/** A guest's write of `length` (1, 2, 4 or 8) bytes `data` at `offset` of a BAR, told by an eventfd. */
struct lend_ioeventfd {
	size_t struct_size; /* as in lend_bar_map */
	unsigned bar, length;
	uint64_t offset, data;
	int fd;
};

struct lend_host_ops {
	size_t size; /* sizeof(struct lend_host_ops) as the monitor was compiled */

	/*
	 * BARs. Between begin and commit the library unmaps and maps; commit
	 * makes all of it true at once or, on failure, none of it. A map of a
	 * BAR that is mapped replaces it. Trapped accesses in the range come to
	 * lend_function_bar_read() and _write().
	 *
	 * A guest may put a BAR where something else answers, or where the bus
	 * forwards nothing. That is no error: the monitor keeps what is wanted,
	 * leaves the address to whoever was there first, and tries again each
	 * time that a range goes away, so that a guest may move one BAR onto
	 * the place of another and then the other away. Commit returns a
	 * positive number for it: bit n is set for each BAR n that was mapped
	 * since begin and answers nowhere. No other device reaches such a BAR
	 * either, until the monitor says that it has its place
	 * (lend_function_bars_shown()) or the guest moves it.
	 *
	 * An unmap or a commit fails where the hypervisor does not let go of a
	 * BAR: the library keeps it as mapped, and unmaps it again later.
	 */
	void (*bar_begin)(void *host, void *peer);
	int (*bar_map)(void *host, void *peer, const struct lend_bar_map *map);
	int (*bar_unmap)(void *host, void *peer, unsigned bar);
	int (*bar_commit)(void *host, void *peer);

	/*
	 * Message interrupts. A vector has a route {address, data} from set
	 * until free; commit makes all changes since begin true in one routing
	 * update. The monitor adds the requester id where its controller needs
	 * one. Attach is only called for a vector whose route is committed, and
	 * detach always before its route is freed.
	 */
	void (*msi_begin)(void *host, void *peer);
	int (*msi_set)(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data);
	void (*msi_free)(void *host, void *peer, unsigned vector);
	int (*msi_commit)(void *host, void *peer);
	int (*msi_attach)(void *host, void *peer, unsigned vector, int eventfd);
	int (*msi_detach)(void *host, void *peer, unsigned vector, int eventfd);

	/*
	 * The line interrupt, pin 1 to 4 (INTA to INTD); the monitor knows which
	 * input of its controller that is, and ORs what several functions say of
	 * it. Set raises or lowers it. Attach makes the hypervisor raise it when
	 * `eventfd` is signalled and, at the guest's end of interrupt, lower it
	 * and signal `resamplefd`; a monitor that cannot returns an error, and
	 * gets line_set instead. Detach lowers it.
	 */
	int (*line_set)(void *host, void *peer, unsigned pin, bool raised);
	int (*line_attach)(void *host, void *peer, unsigned pin, int eventfd, int resamplefd);
	int (*line_detach)(void *host, void *peer, unsigned pin, int eventfd);

	/*
	 * Calls fn(opaque) once from the monitor's event loop, as watch does, when
	 * `nanoseconds` have passed, on the guest's time where the monitor has one
	 * that stops. One timer a peer: setting it anew replaces the old one. With
	 * `nanoseconds` 0 and `fn` NULL it cancels, which does not wait: a call that
	 * is on its way may still come, and settle waits for it. Cancelling one that
	 * is not set is no error.
	 */
	int (*timer)(void *host, void *peer, uint64_t nanoseconds, lend_watch_fn fn, void *opaque);

	/*
	 * Watch a descriptor: `fn(opaque)` is called from the monitor's event
	 * loop, without any lock of the library held, each time `fd` is readable.
	 * The fn drains the descriptor, and waits for no lock that is held while the
	 * library or the device works: where the function is busy, its work is done
	 * by the thread that has the function, when that is done. One fn, and one
	 * opaque, may be called by one thread at a time. Unwatch does not wait: it
	 * is called with the function's lock held, and an fn that is on its way may
	 * still be called once, even after the function was freed; it finds nobody.
	 * The context must outlive it. Settle, called without any lock, returns
	 * when no fn that was unwatched, and no timer's that was cancelled, before
	 * is running or will run.
	 */
	int (*watch)(void *host, int fd, lend_watch_fn fn, void *opaque);
	int (*unwatch)(void *host, int fd);
	void (*settle)(void *host);

	/*
	 * A VFIO group or device descriptor that the hypervisor should know
	 * before a device is opened on it (KVM's VFIO device). Called without a
	 * function's lock. A failure is reported as a warning and goes no further.
	 */
	int (*vfio_add)(void *host, int fd);
	int (*vfio_del)(void *host, int fd);

	/**
	 * Something happened to the device; `text` is one line. Must not block, and
	 * must not free the function. Called without the function's lock: from the
	 * monitor's loop, or, where a callback of the loop found the function busy,
	 * from the thread that was in the function (any call of lend_function_*),
	 * or from inside lend_context_reset(). After LEND_EVENT_REQUEST the monitor
	 * frees the function and closes the device, or the host waits for it.
	 */
	void (*event)(void *host, void *peer, enum lend_event event, const char *text);

	/*
	 * Delivers a vector's committed message once: for vectors that are not
	 * attached because they must not be (x-no-kvm-msi), or could not be.
	 */
	int (*msi_signal)(void *host, void *peer, unsigned vector);

	/*
	 * The legacy VGA ranges: from now on memory at 0xa0000 to 0xbffff, and
	 * the ports 0x3b0 to 0x3bb and 0x3c0 to 0x3df, answer or do not. Accesses
	 * come to lend_function_vga_read() and _write(). Where something else
	 * answers the monitor keeps what is wanted and tries again, as with BARs;
	 * it then returns 1. One that cannot do so returns -EBUSY.
	 */
	int (*vga_map)(void *host, void *peer, bool memory, bool ports);

	/*
	 * From add until remove, a guest's write of exactly that value and width
	 * at that place of a placed BAR signals the eventfd and does nothing else.
	 * Removed before the BAR goes or moves.
	 */
	int (*ioeventfd_add)(void *host, void *peer, const struct lend_ioeventfd *what);
	int (*ioeventfd_remove)(void *host, void *peer, const struct lend_ioeventfd *what);
};

#ifdef __cplusplus
}
#endif
#endif

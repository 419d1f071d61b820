/* SPDX-License-Identifier: MIT */
/*
 * Host operations: what the monitor does for liblend. The library reaches a
 * hypervisor by them alone. A slot may be NULL: the library then behaves as if it
 * returned -EOPNOTSUPP. `host` is the pointer given to lend_space_new(), `peer` the
 * one in the function's configuration (lend_function_config.peer).
 *
 * Unless its comment says otherwise, a slot returns 0 or a negative errno; it is
 * called with the function's lock held, by the thread that called the library; it
 * may block; and it must not call the library for the same function.
 *
 * Locks. A slot must not take a lock that a thread of the monitor holds while that
 * thread calls the library. Otherwise one thread has the function's lock and waits
 * for the monitor's, and the other has the monitor's and waits for the function's.
 * A lock that only slots take is fine. A monitor with one big lock (QEMU's BQL) has
 * two ways: it releases the big lock around each call of the library; or its slots
 * do not need the big lock, because their tables have locks of their own, and leave
 * other work to its loop. Calls that take no lock of a function are named in
 * lend/function.h.
 */
#ifndef LEND_HOST_OPS_H
#define LEND_HOST_OPS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A part of a BAR that the guest may reach without a trap. */
struct lend_bar_direct {
	uint64_t offset; /* in the BAR; a multiple of the page size, as length is */
	uint64_t length; /* bytes */
	void *va;        /* where the device's bytes, or the ROM's, are in this process */
	/*
	 * The BAR is smaller than this page. The monitor maps the page only while
	 * nothing else of the guest lies in it; otherwise the BAR traps. The rest of
	 * the page belongs to no device. Set only if the monitor has set
	 * lend_function_config.shares_pages.
	 */
	bool shares_page;
	/*
	 * The bytes are an expansion ROM's, and the guest may read them alone: a write of the
	 * guest traps. Set only if the monitor has set lend_function_config.maps_read_only.
	 */
	bool read_only;
	uint8_t reserved[6]; /* 0 */
};

/** Where a BAR answers, and which parts of it are direct. */
struct lend_bar_map {
	size_t struct_size; /* bytes of this struct in the library: a field beyond them is not there */
	unsigned bar;       /* 0 to 5; LEND_REGION_ROM: the expansion ROM */
	bool io;            /* the BAR has I/O ports: address and size are ports */
	lend_gpa_t address; /* guest address of the BAR's first byte */
	uint64_t size;      /* bytes, or ports */
	size_t direct_count;
	const struct lend_bar_direct *direct; /* valid only during the call */
};

/** What happened to a device. */
enum lend_event {
	LEND_EVENT_REQUEST, /* the host's kernel wants the device back */
	LEND_EVENT_ERROR,   /* the device reported an uncorrectable error */
	LEND_EVENT_DEAD,    /* after its reset the device does not answer any more */
	LEND_EVENT_RESET,   /* it was reset, or its reset failed */
	LEND_EVENT_LOST,    /* its server is gone, and may come back (lend_device_config.reconnects) */
	/*
	 * It had an uncorrectable error and goes on; the guest's AER registers have it
	 * (lend_function_config.reports_errors). The monitor tells the guest by the port's interrupt,
	 * or calls lend_function_fail().
	 */
	LEND_EVENT_REPORTED,
};

/** A callback of the monitor's loop. */
typedef void (*lend_watch_fn)(void *opaque);

/** A write of the guest of `length` bytes `data` at `offset` of a BAR, told by `fd`. */
struct lend_ioeventfd {
	size_t struct_size; /* as in lend_bar_map */
	unsigned bar;
	unsigned length; /* 1, 2, 4 or 8; 0: any of them */
	uint64_t offset, data;
	/* An eventfd. Of a device behind a socket it is what its server sent, which may be another file. */
	int fd;
	bool any; /* any bytes; `data` is 0 then */
};

/** The table of host operations. Slots that do not lie within `size` are absent, like those that are NULL. */
struct lend_host_ops {
	size_t size; /* sizeof(struct lend_host_ops) as the monitor was compiled */

	/*
	 * BARs. Between begin and commit the library unmaps and maps BARs. Commit
	 * carries all of it out at once or, on failure, none of it. A map of a BAR
	 * that is mapped replaces it. An access in its range that traps is passed to
	 * lend_function_bar_read() or lend_function_bar_write().
	 *
	 * A guest may put a BAR where something else answers, or where the bus forwards
	 * nothing. That is no error: what was there first goes on answering, and the
	 * monitor remembers the map. It tries again each time that a range goes away,
	 * so that a guest may first move a BAR to the place of another one, and then
	 * the other one away. Commit returns a positive number then: bit n is set for
	 * each BAR n that was mapped since begin and does not answer. Other devices do
	 * not reach such a BAR either, until the monitor calls lend_function_bars_shown()
	 * or the guest moves it.
	 *
	 * If the hypervisor does not let go of a BAR, unmap or commit fails. The library
	 * takes the BAR as still mapped, and unmaps it again later.
	 */
	void (*bar_begin)(void *host, void *peer);
	int (*bar_map)(void *host, void *peer, const struct lend_bar_map *map);
	int (*bar_unmap)(void *host, void *peer, unsigned bar);
	int (*bar_commit)(void *host, void *peer);

	/*
	 * Message interrupts. From set until free a vector has a route {address, data}.
	 * Commit carries out all changes since begin in one update of the routing. The
	 * monitor adds the requester id if its interrupt controller needs one. Attach
	 * makes the hypervisor deliver the route's message when `eventfd` is signalled,
	 * until detach. The library attaches a vector only after its route was
	 * committed, and detaches it before its route is freed.
	 */
	void (*msi_begin)(void *host, void *peer);
	int (*msi_set)(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data);
	void (*msi_free)(void *host, void *peer, unsigned vector);
	int (*msi_commit)(void *host, void *peer);
	int (*msi_attach)(void *host, void *peer, unsigned vector, int eventfd);
	int (*msi_detach)(void *host, void *peer, unsigned vector, int eventfd);

	/*
	 * The line interrupt, pin 1 to 4 (INTA to INTD). The monitor knows which input
	 * of its interrupt controller that is; the input is raised while one of its
	 * functions raises it. Set raises or lowers the line. Attach makes the hypervisor
	 * raise it when `eventfd` is signalled and, at the guest's end of interrupt,
	 * lower it and signal `resamplefd`. A monitor that cannot do so returns an error,
	 * and line_set is called instead. Detach ends that and lowers the line.
	 */
	int (*line_set)(void *host, void *peer, unsigned pin, bool raised);
	int (*line_attach)(void *host, void *peer, unsigned pin, int eventfd, int resamplefd);
	int (*line_detach)(void *host, void *peer, unsigned pin, int eventfd);

	/*
	 * Calls fn(opaque) once from the monitor's event loop when `nanoseconds` have
	 * passed, with the rules of watch. If the guest's time can stop, it is the
	 * guest's time. A peer has one timer: setting it again replaces it. With
	 * `nanoseconds` 0 and `fn` NULL it is cancelled. That does not wait: a call that
	 * is on its way may still come; settle waits for it. Cancelling a timer that is
	 * not set is no error.
	 */
	int (*timer)(void *host, void *peer, uint64_t nanoseconds, lend_watch_fn fn, void *opaque);

	/*
	 * Watch makes the monitor's event loop call fn(opaque) each time that `fd` can
	 * be read, until unwatch. The loop holds no lock of the library then, and calls
	 * an fn with the same opaque from one thread at a time. The fn drains the
	 * descriptor. It does not wait for a function that is busy: the thread that is
	 * in the function does the work later.
	 *
	 * Unwatch is called with the function's lock held and does not wait. A call that
	 * is on its way may still come once, even after the function was freed; it does
	 * nothing then. The context must outlive such a call. Settle is called without
	 * any lock. It returns when no fn that was unwatched before, and none of a timer
	 * that was cancelled before, runs or will run.
	 */
	int (*watch)(void *host, int fd, lend_watch_fn fn, void *opaque);
	int (*unwatch)(void *host, int fd);
	void (*settle)(void *host);

	/*
	 * Tells the hypervisor of a VFIO group or device, by its descriptor, before the
	 * device is opened (KVM's VFIO device); and that it goes away. Called without
	 * the lock of a function. A failure is a warning in the log and nothing else.
	 */
	int (*vfio_add)(void *host, int fd);
	int (*vfio_del)(void *host, int fd);

	/*
	 * Something happened to the device; `text` is a sentence in one line. The slot
	 * must not block, and must not free the function. It is called without the
	 * function's lock: by the monitor's loop; or, if a callback of the loop found
	 * the function busy, by the thread that was in the function (any call of
	 * lend_function_*); or by lend_context_reset(). After LEND_EVENT_REQUEST the
	 * monitor frees the function and closes the device; the host waits for that.
	 */
	void (*event)(void *host, void *peer, enum lend_event event, const char *text);

	/*
	 * Delivers the message of a vector's committed route once. It is called for
	 * vectors that are not attached, because attach failed or was not wanted
	 * (lend_function_config.no_msi_bypass, no_msix_bypass).
	 */
	int (*msi_signal)(void *host, void *peer, unsigned vector);

	/*
	 * Turns the function's legacy VGA ranges on (true) or off: memory from 0xa0000 to
	 * 0xbffff, and the ports from 0x3b0 to 0x3bb and from 0x3c0 to 0x3df. Accesses are
	 * passed to lend_function_vga_read() and lend_function_vga_write(). If something
	 * else answers there, the monitor remembers the call and tries again, as with
	 * BARs, and returns 1; a monitor that does not try again returns -EBUSY.
	 */
	int (*vga_map)(void *host, void *peer, bool memory, bool ports);

	/*
	 * From add until remove, a write of the guest of exactly these bytes, at this
	 * place of a mapped BAR, signals the eventfd and does nothing else. The library
	 * removes it before the BAR is unmapped or moves. After an error such writes go on
	 * trapping.
	 */
	int (*ioeventfd_add)(void *host, void *peer, const struct lend_ioeventfd *what);
	int (*ioeventfd_remove)(void *host, void *peer, const struct lend_ioeventfd *what);
};

#ifdef __cplusplus
}
#endif
#endif

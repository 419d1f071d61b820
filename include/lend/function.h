/* SPDX-License-Identifier: MIT */
/*
 * A function: the PCI function that the guest sees on a device. Names below are
 * those of lend_function_...().
 *
 * Threads. Any number of threads may call config_read, config_write, bar_read,
 * bar_write, vga_read and vga_write at once. Each function has one lock: config
 * writes, changes of the interrupt mode and resets take it; reads of virtual
 * config bytes and BAR accesses that go to the device do not. One thread at a time
 * calls new, free and quiesce; free only when no other thread is in the function.
 *
 * Time. "Does not block" means: no wait for the kernel, for the device, or for a
 * lock that somebody holds during such a wait. The others block at most for:
 *  - config_write: the kernel's reset, if the write resets the function (FLR, D3hot
 *    to D0): 100 ms, and up to 60 s if the device does not get ready. Any other
 *    write waits for one that runs on the same function;
 *  - config_read, bar_read, bar_write, vga_read, vga_write: one access to the
 *    device. They do not wait for a config_write that runs. A config_read of
 *    virtual bytes does not block;
 *  - new: reading config space, mapping the BARs, reading the user's rules;
 *  - free, quiesce: 1 s for transactions that are pending, and the host operations;
 *  - lend_context_reset(), lend_device_open_with(), lend_device_close(): a reset of
 *    each device, which takes seconds, or minutes if devices do not get ready;
 *  - line_changed, bar_fault, vectors, save, load: a config_write or a reset that
 *    runs on the same function;
 *  - bars_shown: the host operations for BARs;
 *  - gone, bar, link, count, pages, lend_function_explain(), device: do not block.
 */
#ifndef LEND_FUNCTION_H
#define LEND_FUNCTION_H

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lend_function;

/** Where the monitor puts the function. The type and link in its PCI Express capability follow it. */
enum lend_place {
	LEND_PLACE_PORT, /* below a root port, on a bus of its own */
	LEND_PLACE_ROOT, /* on the root bus of a PCI Express host bridge */
};

/**
 * Which expansion ROM the guest sees, if the monitor gives no bytes of one. With a
 * ROM the host operations are called for BAR LEND_REGION_ROM, too.
 */
enum lend_rom_mode {
	LEND_ROM_NONE, /* no ROM, also if there are bytes */
	LEND_ROM_AUTO, /* the device's, unless it is known to stop guests */
	LEND_ROM_SHOW, /* the device's in any case */
};

/** Ids that the guest sees instead of the device's: those whose bit is in `given`. */
enum {
	LEND_ID_VENDOR = 1,
	LEND_ID_DEVICE = 2,
	LEND_ID_SUB_VENDOR = 4,
	LEND_ID_SUBSYSTEM = 8,
	LEND_ID_CLASS = 16,
};
struct lend_ids {
	unsigned given;
	uint16_t vendor, device, sub_vendor, subsystem;
	uint32_t class_code; /* 24 bits */
};

/** Where the guest finds the MSI-X table: LEND_MSIX_STAYS, or LEND_MSIX_TO_BAR + a BAR, 0 to 5. */
enum { LEND_MSIX_STAYS, LEND_MSIX_TO_BAR = 1 };

/** Whether the guest sees the capability of address translation services. AUTO and ON: if there is one. */
enum lend_ats { LEND_ATS_AUTO, LEND_ATS_ON, LEND_ATS_OFF };

/**
 * Whether other devices reach the function's BARs (peer-to-peer). AUTO: while
 * another function is in the space, or if the device itself needs it (an NVMe
 * controller with a controller memory buffer).
 */
enum lend_p2p { LEND_P2P_AUTO, LEND_P2P_ON, LEND_P2P_OFF };

/**
 * How a function is made. Fields that are 0 have their default, which is that of
 * lend-run(1)'s property, except intx_timeout_ms. The words in the comments are
 * those properties.
 */
struct lend_function_config {
	size_t size;
	enum lend_place place;
	bool multifunction;       /* the header type's bit 7, that the slot has several functions */
	bool no_mmap;             /* x-no-mmap: all BARs trap */
	bool no_intx;             /* x-intx=off: the interrupt pin reads 0 */
	bool no_intx_bypass;      /* x-no-kvm-intx: line interrupts go through the monitor's loop */
	bool no_msi_bypass;       /* x-no-kvm-msi: MSI goes through the monitor's loop */
	bool no_msix_bypass;      /* x-no-kvm-msix: MSI-X does */
	bool no_request;          /* x-req=off: requests of the host for the device are not listened to */
	bool strict_config;       /* x-config=strict: bytes in no capability, and CXL's, cannot be written */
	enum lend_ats ats;        /* ats= */
	unsigned intx_timeout_ms; /* x-intx-mmap-timeout-ms: with no_intx_bypass, how long BARs trap; 0: for
				     good */
	unsigned msix_to;         /* x-msix-relocation=: LEND_MSIX_STAYS or LEND_MSIX_TO_BAR + a BAR */
	struct lend_ids ids;      /* x-pci-vendor-id= and its like */
	enum lend_rom_mode rom_mode;
	const void *rom;          /* romfile=: bytes of an expansion ROM in place of the device's; copied */
	size_t rom_length;        /* bytes; 0: none */
	uint64_t rom_size;        /* bytes that the guest sizes, a power of two; 0: what `rom` needs */
	void *peer;               /* handed to the host operations */
	bool vga;                 /* x-vga: the legacy VGA ranges, if it is a VGA adapter */
	bool no_ioeventfd;        /* x-no-kvm-ioeventfd: no write is handed to the hypervisor */
	bool no_device_ioeventfd; /* x-no-vfio-ioeventfd: the loop carries them out, not the kernel */
	bool no_geforce;          /* x-no-geforce-quirks */
	bool has_clique;          /* x-nv-gpudirect-clique= was given */
	uint8_t clique;           /* its value, 0 to 15 */
	enum lend_p2p p2p;        /* x-p2p= */
	bool shares_pages;        /* the monitor uses lend_bar_direct.shares_page; else such BARs trap */
	bool maps_read_only;      /* the monitor uses lend_bar_direct.read_only; else the ROM traps */
	/*
	 * A request of the host for the device stops nothing: the monitor takes the device from its
	 * guest in its own way. LEND_EVENT_REQUEST is sent each time that the kernel asks.
	 */
	bool tells_request;
	/*
	 * An error that the device goes on after is put into the guest's AER capability, if the device
	 * has one, and does not stop the function (LEND_EVENT_REPORTED). The capability's registers
	 * are virtual then: status bits, masks and severities are the guest's own.
	 */
	bool reports_errors;
};

/** A BAR as the guest sees it. */
struct lend_bar {
	uint64_t size; /* bytes, or ports: a power of two; 0: none, or the upper half of a 64-bit BAR */
	bool io, is_64, prefetchable;
};

/** How often something happened since the function was made. */
struct lend_function_counters {
	uint64_t bar_reads, bar_writes;       /* BAR accesses that trapped */
	uint64_t config_reads, config_writes; /* config accesses of the guest */
	uint64_t config_syscalls;             /* accesses to the device's config space */
	uint64_t slow_interrupts;             /* interrupts that the monitor's loop saw */
	uint64_t ignored;                     /* accesses that made no sense */
	uint64_t peer_maps; /* parts of BARs given to the space for other devices, also if no IOMMU took them
			     */
	uint64_t resets;    /* resets of the function, alone or with its bus */
};

/**
 * Makes the guest's function on an open device. No BAR is placed and no interrupt
 * is on. The caller frees it before the device is closed. One thread for a
 * function; time: see above.
 *
 * Errors, each with a sentence: -EINVAL: config->size is that of no version, a
 * property cannot be had on this device, or a file of the user's rules is wrong;
 * -E2BIG: a field is set that this library does not know; -EPROTO: the device's
 * config space makes no sense; -ENOTSUP: such a device cannot be assigned (a bridge
 * or PCI Express port), or the kernel does not give its VGA ranges; -ENOMEM; else
 * why config space cannot be read.
 */
LEND_API int lend_function_new(struct lend_device *device, const struct lend_function_config *config,
			       struct lend_function **out, struct lend_error *error);

/**
 * Quiesces the function (see lend_context_quiesce()) and frees it. It calls the
 * host op `settle`, so it must not be called from a callback of the loop, nor with
 * another thread in the function. NULL is allowed.
 */
LEND_API void lend_function_free(struct lend_function *function);

/**
 * Whether the guest has no device any more: an error stopped it, or the host wants
 * it back (LEND_EVENT_ERROR, LEND_EVENT_REQUEST). The guest then reads all ones,
 * and what it writes is dropped. Any thread; does not block.
 */
LEND_API bool lend_function_gone(const struct lend_function *function);

/**
 * Whether it was made with reports_errors and has an AER capability. `*status`, unless it is NULL,
 * is what the guest finds in its Uncorrectable Error Status register (PCI Express Base, 7.8.4.2);
 * 0 without the capability. Any thread; does not block.
 */
LEND_API bool lend_function_reports_errors(const struct lend_function *function, uint32_t *status);

/**
 * Stops the function as an error of its device does, with LEND_EVENT_ERROR, for a monitor whose
 * guest takes no reports (LEND_EVENT_REPORTED). A reset turns it on again. Any
 * thread, also from a callback of the loop and from the host op `event`; does not wait: the
 * thread that is in the function does it then.
 */
LEND_API void lend_function_fail(struct lend_function *function);

/**
 * Stops a set of functions in two passes. The first turns off the interrupts of
 * each, detaches their eventfds, frees routes, cancels the timer, removes BARs and
 * peer-to-peer maps, and turns bus mastering off. The second waits until no device
 * of the set has transactions pending, at most 1 s for all together (PCI Express
 * Base, 7.5.3.5, Transactions Pending). vCPUs must be stopped, or not access the
 * functions any more.
 *
 * A stopped function answers reads as before and drops what is written, until
 * lend_context_reset() or lend_function_load() turns it on. A function that is
 * stopped already is not waited for again. One thread for a function.
 */
LEND_API void lend_context_quiesce(struct lend_context *context, struct lend_function **functions,
				   size_t count);

/** lend_context_quiesce() for one function. */
LEND_API void lend_function_quiesce(struct lend_function *function);

/**
 * The guest reads `length` (1, 2 or 4) bytes of config space at `offset`; the first
 * byte is the lowest of the result. An access that is out of range, or that the
 * device does not answer, returns all ones. Any thread; time: see above.
 */
LEND_API uint32_t lend_function_config_read(struct lend_function *function, unsigned offset, unsigned length);

/**
 * The guest writes `length` (1, 2 or 4) bytes of `value` to config space, the lowest
 * byte first. An access that makes no sense is ignored and counted. Any thread;
 * time: see above.
 */
LEND_API void lend_function_config_write(struct lend_function *function, unsigned offset, unsigned length,
					 uint32_t value);

/**
 * A trapped access of `length` bytes (1 to 8) at `offset` of BAR `bar` (0 to 5, or
 * LEND_REGION_ROM), the lowest byte of the value first. The device sees one access
 * of that width if it is 1, 2, 4 or 8. If the access does not reach the BAR (decode
 * is off, or it is beyond the end), a read returns all ones and a write is ignored;
 * both are counted. Any thread; time: see above.
 */
LEND_API uint64_t lend_function_bar_read(struct lend_function *function, unsigned bar, uint64_t offset,
					 unsigned length);
LEND_API void lend_function_bar_write(struct lend_function *function, unsigned bar, uint64_t offset,
				      unsigned length, uint64_t value);

/**
 * A trapped access of `length` bytes (1 to 8) to a legacy VGA address: memory from
 * 0xa0000 to 0xbffff, ports from 0x3b0 to 0x3bb and from 0x3c0 to 0x3df, all
 * inclusive. Bytes that are in no range, or not decoded now, read all ones, and
 * writes to them are ignored. Any thread; time: see above.
 */
LEND_API uint64_t lend_function_vga_read(struct lend_function *function, uint32_t address, unsigned length);
LEND_API void lend_function_vga_write(struct lend_function *function, uint32_t address, unsigned length,
				      uint64_t value);

/**
 * BAR `index` as the guest sizes it: 0 to 5, or LEND_REGION_ROM for the expansion
 * ROM, a BAR of 32 bits. `*out` is zero for any other. Any thread; does not block.
 */
LEND_API void lend_function_bar(const struct lend_function *function, unsigned index, struct lend_bar *out,
				size_t size);

/** A part of a BAR: `length` bytes from `offset` on. */
struct lend_bar_part {
	unsigned bar; /* 0 to 5 */
	uint64_t offset, length;
};

/**
 * Whether there is a part of a BAR where a write of the guest has no effect now but that it is read
 * back: MSI-X's table, while the function's one bit masks all vectors. A monitor may keep
 * such writes (KVM: coalesced MMIO), if it passes them on, in their order, before it passes on anything else
 * of the guest to the function. Only lend_function_config_write() begins this, and a write to config space, a
 * reset, or the BAR leaving its place ends it: a monitor asks again then, and after an end passes on what
 * it has kept since. Any thread, also from a host operation; does not block.
 */
LEND_API bool lend_function_postable(const struct lend_function *function, struct lend_bar_part *out,
				     size_t size);

/**
 * The hypervisor reports that a guest's access to a BAR failed (KVM_RUN returns
 * -EFAULT). If the kernel does not serve the device's BARs now (decode is off, or
 * it is not in D0), the function's BARs are removed, so that accesses trap and read
 * all ones. Returns how many were removed; 0: that was not the reason. Any thread.
 */
LEND_API int lend_function_bar_fault(struct lend_function *function);

/**
 * A BAR for which bar_commit() returned that it does not answer has got its place.
 * The library places the BARs that wait anew, as after a write of the guest, and
 * other devices reach those that answer (peer-to-peer). It does not wait for a
 * function that is busy: the thread that is in the function does it then. Any
 * thread, also the monitor's loop; not from a host operation.
 */
LEND_API void lend_function_bars_shown(struct lend_function *function);

/**
 * The server of a device behind a socket is back: `fd` is a socket that is connected
 * to it, and the library's from now on. The device must be the same as before, with
 * the same regions and interrupts. The server is told of the guest's memory; then the
 * function goes on as the guest left it, with its BARs, its interrupts and its command
 * register. What else the device knew is up to its server. `fd` -1: nobody waits for
 * the server any more, and the function fails (LEND_EVENT_ERROR).
 *
 * Any thread; not from a host operation. It blocks for as long as the server needs to
 * answer; an access of the guest does not wait for it.
 *
 * -EINVAL: it is not behind a socket, or its server is not gone; -EPROTO: the device is
 * another one, or what its server says makes no sense; -EAGAIN: guest memory came or
 * went meanwhile; -ENOTCONN: the server is gone again, or did not answer; -ENODEV: the
 * function has failed; another one: a part of a BAR could not be mapped again, or an
 * interrupt not be set, and LEND_EVENT_LOST is sent once more. Each with a sentence; a
 * function that has not failed still waits.
 */
LEND_API int lend_function_reconnect(struct lend_function *function, int fd, struct lend_error *error);

/**
 * The monitor's route of the line interrupt has changed: its interrupt controller
 * was programmed, or another one is in use. The library attaches the line anew, and
 * takes it as served, in case an end of interrupt was missed. A line that line_set
 * has raised is moved by the monitor. Any thread; not from a host operation.
 */
LEND_API void lend_function_line_changed(struct lend_function *function);

/** What a port above the function shows of it. Fields are 0 if they are not known. */
struct lend_link {
	bool is_pcie;
	uint8_t type;    /* PCI Express device/port type (PCI Express Base, 7.5.3.2) */
	uint8_t speed;   /* maximum link speed, as the Link Capabilities encode it (7.5.3.6) */
	uint8_t width;   /* maximum link width, lanes */
	uint8_t atomics; /* AtomicOps that the host completes: bit 0 for 32 bits, 1 for 64, 2 for 128 */
};

/** Fills `*out`. Any thread; does not block. */
LEND_API void lend_function_link(const struct lend_function *function, struct lend_link *out, size_t size);

/** Fills `*out`. Any thread; does not block. */
LEND_API void lend_function_count(const struct lend_function *function, struct lend_function_counters *out,
				  size_t size);

/** How many accesses to one page (4 KiB) of a BAR trapped. */
struct lend_page_count {
	unsigned bar;    /* 0 to 5, or LEND_REGION_ROM; LEND_PAGE_REST: all pages that found no room */
	uint64_t offset; /* of the page in the BAR, bytes */
	uint64_t reads, writes;
};
enum { LEND_PAGE_REST = 255 };

/**
 * Writes at most `max` rows, `stride` bytes apart and in no order, and returns how
 * many there are. Any thread; does not block.
 */
LEND_API size_t lend_function_pages(const struct lend_function *function, struct lend_page_count *out,
				    size_t max, size_t stride);

/** How a vector, or the line, is delivered, and how often the monitor's loop delivered it. */
struct lend_vector_count {
	unsigned irq;    /* LEND_IRQ_INTX, LEND_IRQ_MSI or LEND_IRQ_MSIX */
	unsigned vector; /* 0 for the line */
	bool bypass;     /* the hypervisor delivers it now; the host's kernel counts these, not the library */
	uint64_t slow;   /* interrupts that the monitor's loop saw */
};

/**
 * Writes at most `max` rows, `stride` bytes apart: the vectors that can interrupt
 * now or that the loop saw before. Returns how many there are. Any thread.
 */
LEND_API size_t lend_function_vectors(struct lend_function *function, struct lend_vector_count *out,
				      size_t max, size_t stride);

/** The device that the function was made on. Any thread; does not block. */
LEND_API struct lend_device *lend_function_device(const struct lend_function *function);

#ifdef __cplusplus
}
#endif
#endif

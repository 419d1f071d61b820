/* SPDX-License-Identifier: MIT */
/*
 * A function: the PCI function that the guest sees on a device.
 *
 * Threads: config_read, config_write, bar_read and bar_write may be called by
 * any number of threads at once. One mutex a function orders config writes,
 * changes of interrupt mode and reset; a read of virtual config bytes and a BAR
 * access that goes to the device take none. new, free and quiesce: one thread
 * at a time, and free only when no other thread is in the function.
 *
 * Time: what is said not to block returns without a wait for the kernel, the
 * device or a lock that is held over either. The bounds of the others:
 *  - config_write: a write that resets the function (FLR, D3hot to D0) lasts as
 *    long as the kernel's reset: 100 ms, and up to 60 s of a device that is not
 *    ready. Any other write waits for one that runs on the same function
 *  - config_read, bar_read, bar_write, vga_read, vga_write: one access of the
 *    device. They do not wait for a config_write that runs, config_read of
 *    virtual bytes does not block at all
 *  - new: as many reads as config space has bytes, the maps of the BARs, and
 *    the user's files of rules; free and quiesce: 1 s at most for transactions
 *    that are pending, and what the host operations take
 *  - lend_context_reset(), lend_device_open_with(), lend_device_close(): a reset
 *    of each device, seconds, or minutes where devices are not ready
 *  - line_changed, bar_fault, vectors, save and load: for a config_write or a
 *    reset of the same function that runs
 *  - bars_shown: as the host operations for BARs take
 *  - gone, bar, link, count, pages, explain, device: never
 */
#ifndef LEND_FUNCTION_H
#define LEND_FUNCTION_H

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lend_function;

/** Where the monitor puts the function; decides what its PCI Express capability says. */
enum lend_place {
	LEND_PLACE_PORT, /* below a root port, on a bus of its own */
	LEND_PLACE_ROOT, /* on the root bus of a PCI Express host bridge */
};

/**
 * Which expansion ROM the guest sees, where `rom` gives none. A monitor that asks
 * for one, or gives one, is told of BAR LEND_REGION_ROM in the host operations.
 */
enum lend_rom_mode {
	LEND_ROM_NONE,
	LEND_ROM_AUTO, /* the device's, unless it is known to do harm */
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

/** Where the MSI-X table goes: LEND_MSIX_STAYS, or LEND_MSIX_TO_BAR + 0 to 5. */
enum { LEND_MSIX_STAYS, LEND_MSIX_TO_BAR = 1 };

/** What the guest sees of address translation services. */
enum lend_ats { LEND_ATS_AUTO, LEND_ATS_ON, LEND_ATS_OFF };

/**
 * Whether devices reach the function's BARs (peer-to-peer). AUTO: while there
 * is another function in the space, or where the device reaches its own memory
 * that way (NVMe with a controller memory buffer).
 */
enum lend_p2p { LEND_P2P_AUTO, LEND_P2P_ON, LEND_P2P_OFF };

/** How a function is made. Zero in each field but `size` is the default, the timeout excepted. */
struct lend_function_config {
	size_t size;
	enum lend_place place;
	bool multifunction;       /* bit 7 of the header type */
	bool no_mmap;             /* x-no-mmap: trap every BAR */
	bool no_intx;             /* x-intx=off: the interrupt pin reads 0 */
	bool no_intx_bypass;      /* x-no-kvm-intx: line interrupts go through the monitor's loop */
	bool no_msi_bypass;       /* x-no-kvm-msi, and MSI-X alike: they go through the monitor's loop */
	bool no_msix_bypass;      /* x-no-kvm-msix */
	bool no_request;          /* x-req=off: the host's kernel may ask for the device in vain */
	bool strict_config;       /* x-config=strict: bytes in no capability, and CXL's, cannot be written */
	enum lend_ats ats;        /* ats= */
	unsigned intx_timeout_ms; /* x-intx-mmap-timeout-ms: how long BARs stay trapped then; 0: for good */
	unsigned msix_to;         /* x-msix-relocation */
	struct lend_ids ids;      /* x-pci-vendor-id and its like */
	enum lend_rom_mode rom_mode;
	const void *rom;          /* bytes of an expansion ROM in place of the device's; copied */
	size_t rom_length;        /* 0: none */
	uint64_t rom_size;        /* of the guest's register: a power of two; 0: as the bytes need it */
	void *peer;               /* handed back in the host operations */
	bool vga;                 /* x-vga: the legacy VGA ranges, if it is a VGA adapter */
	bool no_ioeventfd;        /* x-no-kvm-ioeventfd: writes that come again and again go on trapping */
	bool no_device_ioeventfd; /* x-no-vfio-ioeventfd: the monitor's loop carries them out, not the kernel
				   */
	bool no_geforce;          /* x-no-geforce-quirks */
	bool has_clique;          /* x-nv-gpudirect-clique: */
	uint8_t clique;           /* 0 to 15 */
	enum lend_p2p p2p;        /* x-p2p= */
	bool shares_pages;        /* the monitor knows lend_bar_direct.shares_page; else such a BAR traps */
};

/** A BAR as the guest sees it. */
struct lend_bar {
	uint64_t size; /* power of two; 0: none (or the upper half of a 64-bit one) */
	bool io, is_64, prefetchable;
};

struct lend_function_counters {
	uint64_t bar_reads, bar_writes;       /* trapped BAR accesses */
	uint64_t config_reads, config_writes; /* accesses by the guest */
	uint64_t config_syscalls;             /* of which went to the device */
	uint64_t slow_interrupts;             /* interrupts that our event loop saw */
	uint64_t ignored;                     /* accesses that made no sense */
	uint64_t peer_maps;                   /* parts of BARs given to the space for other devices; what no
						 IOMMU took of them is counted too, and was a line of log */
	uint64_t resets;                      /* of the function, alone or with its bus */
};

/**
 * Makes the guest's function on an open device; no BAR is mapped and no
 * interrupt is on. The device must stay open for the function's life.
 * -EINVAL: config->size; -E2BIG: something is set that this library does not
 * know; -EPROTO: the device's config space makes no sense
 * (sentence says where); -ENOTSUP: a kind of device that cannot be assigned
 * (bridge, PCI Express port), or VGA ranges that the kernel does not give;
 * -EINVAL: a file of the user's rules is wrong (sentence names it); -ENOMEM.
 */
LEND_API int lend_function_new(struct lend_device *device, const struct lend_function_config *config,
			       struct lend_function **out, struct lend_error *error);

/** Quiesces the function (see below) and frees it. NULL is allowed. */
LEND_API void lend_function_free(struct lend_function *function);

/**
 * Whether the guest has no device any more: an error stopped it, or the host
 * wants it back (LEND_EVENT_ERROR, LEND_EVENT_REQUEST). All of it reads all
 * ones then, and what is written is dropped. Any thread.
 */
LEND_API bool lend_function_gone(const struct lend_function *function);

/**
 * Stops a set of functions in two passes. First, for each: interrupts off and
 * their eventfds detached, routes freed, timer cancelled, BARs and peer-to-peer
 * maps removed, bus master off. Then one wait for the pending transactions of
 * all of them, 1 s at most in total (PCI Express Base, 7.5.3.5, Transactions
 * Pending). The vCPUs must be stopped, or not touch the functions any more.
 *
 * A stopped function answers reads as before, and drops what is written, until
 * lend_context_reset() or lend_function_load() turns it on again. One that is
 * stopped already is not waited for again.
 */
LEND_API void lend_context_quiesce(struct lend_context *context, struct lend_function **functions,
				   size_t count);

/** lend_context_quiesce() for one function. */
LEND_API void lend_function_quiesce(struct lend_function *function);

/**
 * The guest reads `length` (1, 2 or 4) bytes of config space at `offset`.
 * What is out of range, or cannot be read, is all ones. Little endian.
 */
LEND_API uint32_t lend_function_config_read(struct lend_function *function, unsigned offset, unsigned length);

/** The guest writes config space; what makes no sense is ignored and counted. */
LEND_API void lend_function_config_write(struct lend_function *function, unsigned offset, unsigned length,
					 uint32_t value);

/**
 * A trapped access of `length` bytes (1 to 8) at `offset` of a BAR. The device
 * sees the guest's own width where it is 1, 2, 4 or 8. An access that no
 * longer reaches the BAR (decode is off, or beyond its end) reads all ones.
 */
LEND_API uint64_t lend_function_bar_read(struct lend_function *function, unsigned bar, uint64_t offset,
					 unsigned length);
LEND_API void lend_function_bar_write(struct lend_function *function, unsigned bar, uint64_t offset,
				      unsigned length, uint64_t value);

/**
 * A trapped access of `length` bytes (1 to 8) to a legacy VGA address: memory at
 * 0xa0000 to 0xbffff, ports 0x3b0 to 0x3bb and 0x3c0 to 0x3df. What is not
 * decoded now, or not in these ranges, reads all ones. Any thread.
 */
LEND_API uint64_t lend_function_vga_read(struct lend_function *function, uint32_t address, unsigned length);
LEND_API void lend_function_vga_write(struct lend_function *function, uint32_t address, unsigned length,
				      uint64_t value);

/**
 * BAR `index` (0 to 5, LEND_REGION_ROM: the expansion ROM, a BAR of 32 bits) as
 * the guest sizes it; `*out` is zeroed for others. Any thread.
 */
LEND_API void lend_function_bar(const struct lend_function *function, unsigned index, struct lend_bar *out,
				size_t size);

/**
 * The hypervisor reported an access to a BAR that the kernel does not serve.
 * Removes the function's BAR maps if its device's BARs are not served now
 * (decode off, or not in D0) and returns how many were removed. Any thread.
 */
LEND_API int lend_function_bar_fault(struct lend_function *function);

/**
 * A BAR for which bar_commit() said that it answers nowhere has its place now.
 * The library places the BARs that wait anew, as a guest's write would, and
 * other devices reach those that answer (peer-to-peer). It does not wait: where
 * the function is busy, the thread that has it does so. Any thread, a monitor's
 * loop among them; not from a host operation.
 */
LEND_API void lend_function_bars_shown(struct lend_function *function);

/**
 * The monitor's route of the line interrupt has changed (its controller was
 * programmed, or is another): the library attaches it anew, and takes it as
 * served, in case an end of interrupt was missed (spec 5.5). What line_set has
 * raised is the monitor's to move. Any thread; not from a host operation.
 */
LEND_API void lend_function_line_changed(struct lend_function *function);

/** Type, slot and link of the device for a port above it: 0 where unknown. */
struct lend_link {
	bool is_pcie;
	uint8_t type;  /* PCI Express device/port type, PCI Express Base 7.5.3.2 */
	uint8_t speed; /* as LNKCAP encodes it */
	uint8_t width;
	uint8_t atomics; /* AtomicOps that the host completes for it: bit 0 32 bits, 1 64, 2 128 */
};
LEND_API void lend_function_link(const struct lend_function *function, struct lend_link *out, size_t size);

LEND_API void lend_function_count(const struct lend_function *function, struct lend_function_counters *out,
				  size_t size);

/** Trapped accesses to one page (4 KiB) of a BAR. */
struct lend_page_count {
	unsigned bar;    /* 0 to 5, LEND_REGION_ROM, or LEND_PAGE_REST: pages that there was no room for */
	uint64_t offset; /* of the page, in the BAR */
	uint64_t reads, writes;
};
enum { LEND_PAGE_REST = 255 };

/** Writes at most `max` rows and returns how many there are; in no order. Any thread. */
LEND_API size_t lend_function_pages(const struct lend_function *function, struct lend_page_count *out,
				    size_t max, size_t stride);

/** How a vector, or the line, interrupts, and how often by way of the monitor's loop. */
struct lend_vector_count {
	unsigned irq;    /* LEND_IRQ_INTX, LEND_IRQ_MSI or LEND_IRQ_MSIX */
	unsigned vector; /* 0 for the line */
	bool bypass; /* the hypervisor takes it now: those are not seen here, the host's kernel counts them */
	uint64_t slow; /* interrupts that the monitor's loop saw */
};

/** Rows for what interrupts now or has done so; as above. */
LEND_API size_t lend_function_vectors(struct lend_function *function, struct lend_vector_count *out,
				      size_t max, size_t stride);

LEND_API struct lend_device *lend_function_device(const struct lend_function *function);

#ifdef __cplusplus
}
#endif
#endif

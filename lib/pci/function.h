/* SPDX-License-Identifier: MIT */
/*
 * The data of a function, for lib/pci alone.
 *
 * The lock (ledger/lock.h) orders config writes, changes of the interrupt mode,
 * accesses to the MSI-X table and the steps of a reset. Host operations are called
 * with it held. It guards each field, unless the field's comment says "fixed" (it
 * does not change after lend_function_new()) or "atomic".
 */
#ifndef LIB_PCI_FUNCTION_H
#define LIB_PCI_FUNCTION_H

#include <pthread.h>

#include "lend/explain.h"
#include "lend/function.h"
#include "lib/backend/areas.h"
#include "lib/context.h"
#include "lib/dma/space.h"
#include "lib/open/device.h"
#include "lib/pci/bars/doorbells.h"
#include "lib/pci/bars/pages.h"
#include "lib/pci/bars/vga.h"
#include "lib/pci/bars/window.h"
#include "lib/pci/ledger/rows.h"
#include "lib/pci/rules/quirk_state.h"
#include "lib/rules/rules.h"

enum {
	CONFIG_MAX = 4096,
	VECTORS_MAX = 2048, /* PCI Local Bus 3.0, 6.8.2 */
	MSI_MAX = 32,       /* 6.8.1.3 */
	TABLE_ENTRY = 16,   /* bytes of a vector in the MSI-X table */
};

/**
 * The state: all that is emulated and may be saved, without pointers. `config`
 * has a value for each byte; a row's `virt` says which of its bits the guest sees.
 */
struct function_state {
	uint8_t config[CONFIG_MAX]; /* atomic bytes: read without the lock */
	uint8_t table[VECTORS_MAX * TABLE_ENTRY];
	uint8_t pending[VECTORS_MAX / 8];
};

/** What a write of a byte causes, beside storing it (config.c). */
enum hook { HOOK_NONE, HOOK_DECODE, HOOK_MSI, HOOK_MSIX, HOOK_INTX, HOOK_COUNT };

/** Whose a byte of config space behind the header is (caps/extent.c). */
enum claim {
	CLAIM_NONE,   /* in no capability of the kernel's chain */
	CLAIM_SHOWN,  /* in one that the guest sees */
	CLAIM_HIDDEN, /* in one that is hidden from it */
};

/**
 * The hooks. `disable` takes away on our side what the state has turned off,
 * before the device is written to; `enable` puts in place what it has turned on,
 * after that. Config space does not know BARs and interrupts, which are built on
 * it; function.c fills the table in.
 */
struct hooks {
	struct {
		int (*disable)(struct lend_function *function);
		void (*enable)(struct lend_function *function);
	} of[HOOK_COUNT];
	void (*before_reset)(struct lend_function *function); /* before a write that resets the device */
};

/** What becomes of a byte of config space. */
struct config_row {
	uint8_t virt;    /* virtual bits: read from the state; others from the device */
	uint8_t mask;    /* bits of the state that the guest may write */
	uint8_t cleared; /* bits of the state that a written 1 clears */
	uint8_t blocked; /* not 0: writes do not reach the device */
	uint8_t claim;   /* enum claim */
	uint8_t hook;    /* enum hook */
	uint8_t start;   /* the state's byte after lend_function_new() */
};

/**
 * The table of config space; fixed. Most rows are of bytes that nothing is said of, and nobody
 * writes these: their pages take no memory.
 */
struct config {
	unsigned size;          /* 256 or 4096 */
	uint8_t hw[CONFIG_MAX]; /* the device's bytes when it was opened */
	struct config_row rows[CONFIG_MAX];
};

struct bar {
	struct lend_bar guest; /* fixed */
	unsigned area_count;   /* areas that are mapped into this process; fixed */
	struct lend_area areas[AREAS_ROOM];
	bool sub_page;                /* its one area is a whole page, larger than the BAR; fixed */
	int files[AREAS_ROOM];        /* the areas as dma-bufs, for peers; -1: none; fixed */
	enum lend_reason trap_reason; /* why what is in no area traps; fixed */
	uint8_t *va;                  /* where its first byte is mapped; NULL: no area is; fixed */
	lend_gpa_t address;           /* where the monitor has it, if OUT_BAR is set */
	lend_gpa_t peers_at;          /* its address when areas of it became peers */
	bool hidden;                  /* something else answers at its address */
};

/** The expansion ROM's bytes (rom.h). */
struct rom {
	bool loaded;    /* atomic: the next ones, and the bytes, do not change any more */
	uint8_t *bytes; /* whole pages of their own; NULL: they could not be read */
	uint64_t length;
	uint64_t room; /* bytes of the pages; those behind `length` are ones */
};

struct vector {
	unsigned number;
	int fd;        /* eventfd; -1 until first unmasked, then kept until the function is freed */
	bool current;  /* its route is committed, with the address and data below */
	bool loop;     /* unmasked, and delivered by the loop, not by the hypervisor */
	uint64_t slow; /* signals that the loop has seen */
	uint64_t address;
	uint32_t data;
};

/** The MSI capability; fixed. */
struct msi {
	unsigned cap; /* offset in config space; 0: no MSI */
	bool is_64, has_mask;
	unsigned count; /* the most vectors that the guest can allocate */
};

/** The MSI-X capability; fixed. */
struct msix {
	unsigned cap;   /* offset in config space; 0: no MSI-X */
	unsigned count; /* vectors */
	unsigned table_bar, pba_bar;
	uint64_t table, pba, table_length, pba_length; /* offsets in their BARs, and bytes */
	unsigned to; /* LEND_MSIX_STAYS, or the BAR that the table is to be moved to */
	bool moved;  /* it was moved; the next two say where the device's own PBA is */
	unsigned hw_pba_bar;
	uint64_t hw_pba;
};

/** How the function interrupts now (interrupts/mode.h). */
enum mode { MODE_NONE, MODE_INTX, MODE_MSI, MODE_MSIX };

/** Message interrupts, MSI's or MSI-X's (messages.h). */
struct messages {
	unsigned room;          /* elements of `vectors`; fixed */
	struct vector *vectors; /* fixed */
	unsigned irq;           /* LEND_IRQ_MSI or LEND_IRQ_MSIX: the one that was on last */
	unsigned count;         /* vectors of the mode that is on; 0: none is */
	unsigned grown;         /* vectors that VFIO has allocated, where it cannot add any (noresize) */
	unsigned limit;         /* vectors that VFIO can give */
	unsigned pending;       /* bits that are set in state.pending */
};

/** The line interrupt (intx.h). */
struct intx {
	unsigned pin; /* 1 to 4; 0: none, or switched off. Fixed, as the next two are */
	bool no_bypass;
	uint64_t hold_ns; /* how long BARs are withheld after an interrupt; 0: until INTx goes off */
	int fd;           /* eventfd; -1 until first used, then kept until the function is freed */
	int resample;     /* eventfd of the bypass; -1: the bypass is off */
	bool pending;  /* atomic: it signalled, and the guest has not served it; the kernel has masked it */
	uint64_t slow; /* signals that the loop has seen */
};

struct counters { /* atomic */
	uint64_t bar_reads, bar_writes, config_reads, config_writes, config_syscalls, slow_interrupts,
		ignored, resets, peer_maps;
};

/** The kernel's notices (life/notify.h). */
enum { NOTIFY_ERROR, NOTIFY_REQUEST, NOTIFY_COUNT };

/** What is withheld from the guest, though its registers ask for it, and why. */
enum {
	WITHHELD_LINE = 1, /* all direct areas, so that the next access traps (intx.h) */
	WITHHELD_PBA = 2,  /* the PBA's pages, so that the guest reads pending bits (pending.c) */
	WITHHELD_BARS = 4, /* all BARs, because the kernel does not serve them (bar_fault.c) */
};

struct board;
struct rings;
struct quirk;

struct lend_function {
	struct lend_device *device; /* fixed, as the next lines are */
	struct lend_context *context;
	const struct lend_host_ops *ops;
	void *host, *peer;
	const char *name;
	uint64_t page; /* bytes of the host's */
	enum lend_place place;
	bool multifunction, no_mmap, no_intx, shares_pages, maps_read_only, strict, no_msi_bypass,
		no_msix_bypass;
	bool no_files; /* the kernel has no dma-bufs of BARs */
	enum lend_ats ats;
	enum lend_p2p p2p;
	struct lend_ids ids;  /* the user's, in place of the device's */
	unsigned pm, exp, af; /* offsets of these capabilities, 0: none */
	unsigned aer;         /* the same, if errors are reported through it */
	bool flr;             /* the kernel has a good reset for the function */
	bool pm_reset;        /* the kernel can only change its power state */
	bool no_request, tells_request, reports_errors;
	int notify[NOTIFY_COUNT]; /* eventfds; -1 */
	struct config config;
	struct windows windows;
	struct rules_applied rules;
	struct quirk_options quirk_options;
	struct log_bucket bucket;
	struct counters counters;
	struct pages pages;
	bool used;                 /* atomic: something was written to the device since it was opened */
	struct board *board;       /* its bells (ledger/bell.h); fixed */
	const struct rings *rings; /* fixed, as the next two are */
	const struct hooks *hooks;
	const struct quirk *(*quirk_row)(size_t index); /* quirks/table.c */
	unsigned marks; /* atomic: work for the holder of the lock, when it unlocks (ledger/lock.h) */

	pthread_mutex_t lock; /* ledger/lock.h */
	struct ledger ledger;
	unsigned events;   /* events to be sent when the lock is released; bit n: enum lend_event n */
	unsigned withheld; /* a set of WITHHELD_ */
	bool company;      /* another function is in the space */
	enum { OWN_PEERS_UNKNOWN, OWN_PEERS_NONE, OWN_PEERS_NEEDED } own_peers; /* peers.c */
	unsigned own_bar; /* the BAR that the device has to reach itself */
	bool own_said;    /* that no IOMMU maps it was said */
	bool unwaited;    /* it was stopped, and the wait for its transactions is still to be done */
	struct bar bars[LEND_BARS];
	struct doorbells doorbells;
	struct rom rom;
	bool reset_since_open;
	enum mode mode;
	struct msi msi;
	struct msix msix;
	struct messages messages;
	struct intx intx;
	struct quirk_state quirks;
	struct vga vga;
	struct function_state state;
};

#define count_one(counter) __atomic_fetch_add(&(counter), 1, __ATOMIC_RELAXED)

/** Makes the state what it was after lend_function_new() (reset/state.c). With the lock. */
void state_start(struct lend_function *function);

/** Logs a line about the function, rate limited once a guest can cause it. lib/pci logs by this alone. */
#define function_log(function, level, format, ...)                                                           \
	context_log_limited((function)->context, function_bucket(function), level, "%s: " format,            \
			    (function)->name, ##__VA_ARGS__)

static inline struct log_bucket *function_bucket(struct lend_function *function)
{
	return function->ledger.life == LIFE_NEW ? NULL : &function->bucket;
}

#endif

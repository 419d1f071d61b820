/* SPDX-License-Identifier: MIT */
/*
 * The function's insides, for lib/pci alone.
 *
 * Locks: `lock` (ledger/lock.h) orders config writes, changes of interrupt mode,
 * the MSI-X table and the steps of a reset; it guards every field that has no other word beside it. Host
 * operations are called with it held. What is read without it is either fixed
 * after lend_function_new() ("fixed") or accessed with atomics ("atomic").
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
#include "lib/pci/bars/pages.h"
#include "lib/pci/bars/vga.h"
#include "lib/pci/bars/window.h"
#include "lib/pci/ledger/rows.h"
#include "lib/pci/rules/quirk_state.h"

enum {
	CONFIG_MAX = 4096,
	VECTORS_MAX = 2048, /* PCI Local Bus 3.0, 6.8.2 */
	MSI_MAX = 32,       /* 6.8.1.3 */
	TABLE_ENTRY = 16,   /* bytes of a vector in the MSI-X table */
};

/**
 * Everything that is emulated, without pointers: what is saved. `config` has a
 * value for each byte; which bits of it the guest sees is config.virt.
 */
struct function_state {
	uint8_t config[CONFIG_MAX]; /* atomic bytes: read without the lock */
	uint8_t table[VECTORS_MAX * TABLE_ENTRY];
	uint8_t pending[VECTORS_MAX / 8];
};

/** What happens when a byte is written, beside storing it (config.c). */
enum hook { HOOK_NONE, HOOK_DECODE, HOOK_MSI, HOOK_MSIX, HOOK_INTX, HOOK_COUNT };

/** Whose a byte of config space is, behind the header (caps/extent.c). */
enum claim {
	CLAIM_NONE,   /* in no capability of the kernel's chain */
	CLAIM_SHOWN,  /* in one that the guest has */
	CLAIM_HIDDEN, /* in one that it has not */
};

/**
 * What each of them does. Config space knows nothing of BARs and interrupts,
 * which stand on it; function.c, which knows all, fills this in.
 */
struct hooks {
	struct {
		int (*disable)(struct lend_function *function);
		void (*enable)(struct lend_function *function);
	} of[HOOK_COUNT];
	void (*before_reset)(struct lend_function *function); /* that a write of the guest's starts */
};

/** The tables of config space, a row a byte; fixed. */
struct config {
	unsigned size;               /* 256 or 4096 */
	uint8_t hw[CONFIG_MAX];      /* the device's bytes when it was opened */
	uint8_t virt[CONFIG_MAX];    /* bits that read from the state, the others from the device */
	uint8_t mask[CONFIG_MAX];    /* bits of the state that the guest may write */
	uint8_t blocked[CONFIG_MAX]; /* not 0: a write does not reach the device */
	uint8_t claim[CONFIG_MAX];   /* enum claim */
	uint8_t hook[CONFIG_MAX];    /* enum hook */
	uint8_t start[CONFIG_MAX];   /* the state's bytes after lend_function_new() */
};

struct bar {
	struct lend_bar guest; /* fixed */
	unsigned area_count;   /* parts that are mapped; fixed */
	struct lend_area areas[AREAS_ROOM];
	bool sub_page;                /* its one area is a page, larger than the BAR; fixed */
	int files[AREAS_ROOM];        /* the same as dma-bufs, for peers; -1: none; fixed */
	enum lend_reason trap_reason; /* why the rest is not; fixed */
	uint8_t *va;                  /* of the BAR's first byte; fixed, NULL: none is mapped */
	lend_gpa_t address;           /* where the monitor has it, if OUT_BAR says so */
	lend_gpa_t peers_at;          /* the same, when areas of it became peers */
	bool hidden;                  /* somebody else answers at its address; it waits there */
};

/** The expansion ROM's bytes (rom.h). */
struct rom {
	bool loaded;    /* atomic: the next two do not change any more */
	uint8_t *bytes; /* NULL: they could not be had */
	uint64_t length;
};

struct vector {
	unsigned number;
	int fd;        /* eventfd; -1 until first unmasked, then kept until the function is freed */
	bool current;  /* its route is committed, to address and data */
	bool loop;     /* unmasked, and by way of our loop, not of the hypervisor */
	uint64_t slow; /* signals that our loop has seen */
	uint64_t address;
	uint32_t data;
};

/** The MSI capability; fixed. */
struct msi {
	unsigned cap; /* offset in config space; 0: no MSI */
	bool is_64, has_mask;
	unsigned count; /* vectors that the guest can ask for */
};

/** The MSI-X capability; fixed, but for the last. */
struct msix {
	unsigned cap;   /* offset in config space; 0: no MSI-X */
	unsigned count; /* vectors */
	unsigned table_bar, pba_bar;
	uint64_t table, pba, table_length, pba_length; /* in their BARs */
	unsigned to; /* LEND_MSIX_STAYS, or where the user wants the table */
	bool moved;  /* it is there, and the device's own PBA is at the next two */
	unsigned hw_pba_bar;
	uint64_t hw_pba;
};

/** How the function interrupts now; never two ways at once. */
enum mode { MODE_NONE, MODE_INTX, MODE_MSI, MODE_MSIX };

/** Message interrupts, MSI's or MSI-X's (messages.h). */
struct messages {
	unsigned room;          /* vectors that there is space for; fixed */
	struct vector *vectors; /* fixed */
	unsigned irq;           /* LEND_IRQ_MSI or LEND_IRQ_MSIX, the last that was on */
	unsigned count;         /* of the mode that is on */
	unsigned grown;         /* vectors that VFIO allocated, where it cannot add single ones */
	unsigned limit;         /* vectors that VFIO can give */
	unsigned pending;       /* bits set in state.pending */
};

/** The line interrupt (intx.h). */
struct intx {
	unsigned pin; /* 1 to 4; 0: none, or switched off. Fixed, as the next two are */
	bool no_bypass;
	uint64_t hold_ns; /* how long BARs stay trapped after an interrupt; 0: until INTx goes off */
	int fd;           /* eventfd; -1 until first used, then kept until the function is freed */
	int resample;     /* eventfd of the bypass; -1 */
	bool pending;     /* atomic: signalled, and masked by the kernel until the guest has served it */
	uint64_t slow;    /* signals that our loop has seen */
};

struct counters { /* atomic */
	uint64_t bar_reads, bar_writes, config_reads, config_writes, config_syscalls, slow_interrupts,
		ignored, resets, peer_maps;
};

/** Interrupts of the kernel's own (notify.h). */
enum { NOTIFY_ERROR, NOTIFY_REQUEST, NOTIFY_COUNT };

/** Why parts of BARs, or all of them, are not where the guest's registers want them. */
enum {
	WITHHELD_LINE = 1, /* all direct areas: the guest's next access is to be seen (intx.h) */
	WITHHELD_PBA = 2,  /* the PBA's pages: pending bits are to be seen (pending.c) */
	WITHHELD_BARS = 4, /* all BARs: the kernel does not serve them (bar_fault.c) */
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
	bool multifunction, no_mmap, no_intx, shares_pages, strict, no_msi_bypass, no_msix_bypass;
	bool no_files; /* the kernel has no dma-bufs of BARs */
	enum lend_ats ats;
	enum lend_p2p p2p;
	struct lend_ids ids;  /* in place of the device's */
	unsigned pm, exp, af; /* offsets of capabilities, 0: none */
	bool flr;             /* a good reset exists */
	bool pm_reset;        /* all that the kernel can do is to change the power state */
	bool no_request;
	int notify[NOTIFY_COUNT]; /* eventfds; -1 */
	struct config config;
	struct windows windows;
	struct rules_applied rules;
	struct quirk_options quirk_options;
	struct log_bucket bucket;
	struct counters counters;
	struct pages pages;
	bool used;                 /* atomic: something was written to the device since it was opened */
	struct board *board;       /* what the monitor's loop calls it by (ledger/bell.h); fixed */
	const struct rings *rings; /* fixed, as the next two are */
	const struct hooks *hooks;
	const struct quirk *(*quirk_row)(size_t index); /* quirks/table.c */
	unsigned marks; /* atomic: what the holder of the lock does when he unlocks */

	pthread_mutex_t lock; /* ledger/lock.h */
	struct ledger ledger;
	unsigned events;   /* for the monitor, when the lock is released; bit n: enum lend_event n */
	unsigned withheld; /* WITHHELD_ */
	bool company;      /* there is another function in the space */
	enum { OWN_PEERS_UNKNOWN, OWN_PEERS_NONE, OWN_PEERS_NEEDED } own_peers; /* peers.c */
	bool unwaited; /* it was stopped, and its transactions were not waited for */
	struct bar bars[LEND_BARS];
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

/** The state as it is after lend_function_new() (state.c). */
void state_start(struct lend_function *function);

/** A line about the function: limited once a guest can cause it. There is no other way to log in lib/pci. */
#define function_log(function, level, format, ...)                                                           \
	context_log_limited((function)->context, function_bucket(function), level, "%s: " format,            \
			    (function)->name, ##__VA_ARGS__)

static inline struct log_bucket *function_bucket(struct lend_function *function)
{
	return function->ledger.life == LIFE_NEW ? NULL : &function->bucket;
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the ledger of a function consists of (ledger.h): its life, and a row of
 * bits for each kind of thing that the monitor, VFIO or the space has of it.
 */
#ifndef LIB_PCI_LEDGER_ROWS_H
#define LIB_PCI_LEDGER_ROWS_H

#include <stdint.h>

/** What the function may do: docs/architecture.md has the table. */
enum life {
	LIFE_NEW,     /* lend_function_new() makes it */
	LIFE_ON,      /* things may be handed out */
	LIFE_STOPPED, /* nothing is out, until a reset or a load */
	LIFE_FAILED,  /* an error stopped it; a reset may bring it back */
	LIFE_LEAVING, /* the host wants it, or it is freed: for good */
};

/** The kinds of things, in the order in which they are taken back (order.c). */
enum out {
	OUT_NOTICE,       /* VFIO: eventfd of NOTIFY_ERROR or _REQUEST; until the function is freed */
	OUT_NOTICE_WATCH, /* monitor: the same */
	OUT_LINE_IRQFD,   /* monitor: the line's eventfds */
	OUT_LINE_UNMASK,  /* VFIO: the eventfd that unmasks the line */
	OUT_LINE_WATCH,   /* monitor: the line's eventfd */
	OUT_IRQFD,        /* monitor: eventfd of vector n */
	OUT_VECTOR_WATCH, /* monitor: the same */
	OUT_LINE_TRIGGER, /* VFIO: the line's eventfd */
	OUT_MESSAGES,     /* VFIO: MSI or MSI-X is on */
	OUT_TRIGGER,      /* VFIO: eventfd of vector n; goes with the one before */
	OUT_ROUTE,        /* monitor: route of vector n */
	OUT_LINE_LEVEL,   /* monitor: the line is raised */
	OUT_TIMER,        /* monitor */
	OUT_VGA,          /* monitor: the legacy ranges; OUT_VGA_MEMORY and _PORTS */
	OUT_IOEVENTFD,    /* monitor: of learned write n */
	OUT_ACK,          /* VFIO: carries learned write n out */
	OUT_ACK_WATCH,    /* monitor: the loop does */
	OUT_PEER,         /* space: OUT_AREA(bar, area) */
	OUT_BAR,          /* monitor: BAR n */
	OUT_COUNT,
};

enum { OUT_VGA_MEMORY, OUT_VGA_PORTS };

enum { LEDGER_WORDS = 2048 / 64 };

/** Guarded by the function's lock; `life` and the bits are read without it, with atomics. */
struct ledger {
	enum life life;
	unsigned count[OUT_COUNT]; /* bits that are set in a row */
	uint64_t bits[OUT_COUNT][LEDGER_WORDS];
	unsigned coming, going; /* BARs of the change that is not committed yet */
};

#endif

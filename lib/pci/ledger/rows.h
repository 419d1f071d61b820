/* SPDX-License-Identifier: MIT */
/*
 * The data of a function's ledger (ledger.h): its life, and a row of bits for
 * each kind of thing that the monitor, VFIO or the space has of it.
 */
#ifndef LIB_PCI_LEDGER_ROWS_H
#define LIB_PCI_LEDGER_ROWS_H

#include <stdint.h>

/** What the function may do (table in docs/architecture.md). From LIFE_FAILED on it is gone for the guest. */
enum life {
	LIFE_NEW,     /* lend_function_new() is not done */
	LIFE_ON,      /* things may be handed out */
	LIFE_STOPPED, /* nothing is out, until a reset or a load */
	LIFE_FAILED,  /* an error stopped it; a reset may bring it back */
	LIFE_LEAVING, /* for good: the host wants the device, or the function is freed */
};

/** The kinds of things, in the order in which they are taken back (order.c); and who has them. */
enum out {
	OUT_NOTICE,       /* VFIO: eventfd of NOTIFY_ERROR or _REQUEST; until the function is freed */
	OUT_NOTICE_WATCH, /* monitor: watches that eventfd */
	OUT_LINE_IRQFD,   /* monitor: the line's eventfds */
	OUT_LINE_UNMASK,  /* VFIO: the eventfd that unmasks the line */
	OUT_LINE_WATCH,   /* monitor: watches the line's eventfd */
	OUT_IRQFD,        /* monitor: eventfd of vector n, attached to its route */
	OUT_VECTOR_WATCH, /* monitor: watches that eventfd */
	OUT_LINE_TRIGGER, /* VFIO: signals the line's eventfd */
	OUT_MESSAGES,     /* VFIO: MSI or MSI-X is on */
	OUT_TRIGGER,      /* VFIO: signals the eventfd of vector n; goes with the row before */
	OUT_ROUTE,        /* monitor: route of vector n */
	OUT_LINE_LEVEL,   /* monitor: the line is raised */
	OUT_TIMER,        /* monitor */
	OUT_VGA,          /* monitor: the legacy ranges, OUT_VGA_MEMORY and OUT_VGA_PORTS */
	OUT_IOEVENTFD,    /* monitor: signals an eventfd for a learned write or a doorbell */
	OUT_ACK,          /* VFIO: reads that eventfd and writes to the device */
	OUT_ACK_WATCH,    /* monitor: the loop reads it, where VFIO does not */
	OUT_PEER,         /* space: an area of a BAR, OUT_AREA(bar, area) */
	OUT_BAR,          /* monitor: BAR n is placed */
	OUT_COUNT,
};

enum { OUT_VGA_MEMORY, OUT_VGA_PORTS };

enum { LEDGER_WORDS = 2048 / 64 };

/** Guarded by the function's lock. `life` and the bits are also read without it, by atomics. */
struct ledger {
	enum life life;
	unsigned count[OUT_COUNT]; /* bits that are set in a row */
	uint64_t bits[OUT_COUNT][LEDGER_WORDS];
	unsigned coming, going; /* BARs of the change that is not committed yet */
};

#endif

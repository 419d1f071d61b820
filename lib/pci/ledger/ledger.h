/* SPDX-License-Identifier: MIT */
/*
 * The ledger: what a function has handed to the monitor, to VFIO and to its
 * space, and whether it may hand out anything (docs/architecture.md). The
 * functions below are the only way in which lib/pci hands a thing out (give)
 * or takes it back (take); the monitor's operations are called here alone.
 *
 * All of them want the function's lock. A give returns -ENODEV, and asks nobody,
 * where the function is not on; else what the other side said. A thing that the
 * other side did not give back stays in its row.
 */
#ifndef LIB_PCI_LEDGER_LEDGER_H
#define LIB_PCI_LEDGER_LEDGER_H

#include "lib/pci/function.h"

/** Whether thing `number` of a row is out; without the lock too. */
static inline bool is_out(const struct lend_function *function, enum out row, unsigned number)
{
	return __atomic_load_n(&function->ledger.bits[row][number / 64], __ATOMIC_ACQUIRE) >> number % 64 & 1;
}

/** How many of a row are out. */
static inline unsigned how_many_out(const struct lend_function *function, enum out row)
{
	return function->ledger.count[row];
}

/** A row's things from `from` on that are out: the next one's number; -1: none. */
int next_out(const struct lend_function *function, enum out row, unsigned from);

static inline enum life life_of(const struct lend_function *function)
{
	return __atomic_load_n(&function->ledger.life, __ATOMIC_ACQUIRE);
}

/** Whether the guest has no device any more; without the lock too. */
static inline bool is_gone(const struct lend_function *function)
{
	return life_of(function) >= LIFE_FAILED;
}

/** Out of LIFE_LEAVING nothing leads: the call is without effect then. */
void life_set(struct lend_function *function, enum life life);

/** Number of an area of a BAR in OUT_PEER. */
#define OUT_AREA(bar, area) ((bar)*AREAS_ROOM + (area))

/* Sets of rows, for take_back(). */
#define ROW(row) (UINT32_C(1) << (row))
#define ROWS_LINE                                                                                            \
	(ROW(OUT_LINE_IRQFD) | ROW(OUT_LINE_UNMASK) | ROW(OUT_LINE_WATCH) | ROW(OUT_LINE_TRIGGER) |          \
	 ROW(OUT_LINE_LEVEL) | ROW(OUT_TIMER))
#define ROWS_MESSAGES                                                                                        \
	(ROW(OUT_IRQFD) | ROW(OUT_VECTOR_WATCH) | ROW(OUT_MESSAGES) | ROW(OUT_TRIGGER) | ROW(OUT_ROUTE))
#define ROWS_ACKS    (ROW(OUT_IOEVENTFD) | ROW(OUT_ACK) | ROW(OUT_ACK_WATCH))
#define ROWS_BARS    (ROW(OUT_VGA) | ROWS_ACKS | ROW(OUT_PEER) | ROW(OUT_BAR))
#define ROWS_QUIESCE (ROWS_LINE | ROWS_MESSAGES | ROWS_BARS)
#define ROWS_NOTICES (ROW(OUT_NOTICE) | ROW(OUT_NOTICE_WATCH))
#define ROWS_ALL     (ROWS_NOTICES | ROWS_QUIESCE)

/** Takes back all that is out of a set of rows, in the order of the rows (order.c). */
void take_back(struct lend_function *function, uint32_t rows);

/** ROWS_BARS without VGA, of a set of BARs: 0, or why one stays. */
int take_bars(struct lend_function *function, unsigned set);

/** The same, without the BARs themselves: before they move. */
int take_around_bars(struct lend_function *function, unsigned set);

/** The function is freed: what is still out is said and counted (context_left()), once more tried before. */
void ledger_close(struct lend_function *function);

/* The line (monitor.c, vfio.c). Mask and unmask hand nothing out. */
int give_line_trigger(struct lend_function *function);
int take_line_trigger(struct lend_function *function);
int give_line_unmask(struct lend_function *function);
int take_line_unmask(struct lend_function *function);
int line_mask(struct lend_function *function);
int line_unmask(struct lend_function *function);
int give_line(struct lend_function *function);
int take_line(struct lend_function *function);
int give_line_level(struct lend_function *function);
int take_line_level(struct lend_function *function);
/** Anew, or for the first time: rings BELL_TIMER once. */
int give_timer(struct lend_function *function, uint64_t nanoseconds);
int take_timer(struct lend_function *function);

/* Watches: OUT_LINE_WATCH, OUT_VECTOR_WATCH, OUT_ACK_WATCH or OUT_NOTICE_WATCH of a number. */
int give_watch(struct lend_function *function, enum out row, unsigned number);
int take_watch(struct lend_function *function, enum out row, unsigned number);

/* Message interrupts. Routes change between begin and commit. */
int give_irqfd(struct lend_function *function, unsigned vector);
int take_irqfd(struct lend_function *function, unsigned vector);
void begin_routes(struct lend_function *function);
int give_route(struct lend_function *function, unsigned vector, uint64_t address, uint32_t data);
void take_route(struct lend_function *function, unsigned vector);
int commit_routes(struct lend_function *function);
/**
 * VFIO signals `fds` (-1: none) for `count` vectors from `start` on: 0, a
 * negative errno, or how many vectors it would give, with nothing changed.
 */
int give_triggers(struct lend_function *function, unsigned start, unsigned count, const int *fds);
/** Turns VFIO's side off. */
int take_messages(struct lend_function *function);

/* BARs, between begin and commit; they are out, or not, once commit returned 0. */
void begin_places(struct lend_function *function);
int give_bar(struct lend_function *function, const struct lend_bar_map *map);
int take_bar(struct lend_function *function, unsigned bar);
int commit_places(struct lend_function *function);
int give_peer(struct lend_function *function, unsigned bar, unsigned area);
int take_peer(struct lend_function *function, unsigned bar, unsigned area);
/** Gives the ranges that are true, takes the others. */
int give_vga(struct lend_function *function, bool memory, bool ports);

/* Writes that were learned (quirk_state.h), number n of them. */
int give_ioeventfd(struct lend_function *function, unsigned number);
int take_ioeventfd(struct lend_function *function, unsigned number);
int give_ack(struct lend_function *function, unsigned number);
/** Of VFIO or of the loop; what is counted is written out by hand. */
void take_ack(struct lend_function *function, unsigned number);
/** Writes once to the device what the eventfd of a learned write has counted, if it has. */
void ack_write_out(struct lend_function *function, unsigned number);

/* The kernel's notices: NOTIFY_ERROR, NOTIFY_REQUEST. */
int give_notice(struct lend_function *function, unsigned kind);
int take_notice(struct lend_function *function, unsigned kind);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The ledger: what a function has handed out to the monitor, to VFIO and to its
 * space, and whether it may hand out anything (docs/architecture.md). lib/pci
 * hands a thing out (give) and takes it back (take) by these functions alone; no
 * other file calls those operations of the monitor.
 *
 * All are called with the function's lock. A give returns -ENODEV if the function
 * is not on, and nothing was done; else it returns what the other side returned.
 * A take returns that too. What the other side did not give back stays in its row.
 */
#ifndef LIB_PCI_LEDGER_LEDGER_H
#define LIB_PCI_LEDGER_LEDGER_H

#include "lib/pci/function.h"

/** Whether thing `number` of a row is out. With or without the lock. */
static inline bool is_out(const struct lend_function *function, enum out row, unsigned number)
{
	return __atomic_load_n(&function->ledger.bits[row][number / 64], __ATOMIC_ACQUIRE) >> number % 64 & 1;
}

/** How many of a row are out. */
static inline unsigned how_many_out(const struct lend_function *function, enum out row)
{
	return function->ledger.count[row];
}

/** The number of the first thing of a row, from number `from` on, that is out; -1: none. */
int next_out(const struct lend_function *function, enum out row, unsigned from);

static inline enum life life_of(const struct lend_function *function)
{
	return __atomic_load_n(&function->ledger.life, __ATOMIC_ACQUIRE);
}

/** Whether the guest has no device any more (failed or leaving). With or without the lock. */
static inline bool is_gone(const struct lend_function *function)
{
	return life_of(function) >= LIFE_FAILED;
}

/** Changes the life. Nothing leads out of LIFE_LEAVING: the call has no effect then. */
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

/** Takes back all that is out in a set of rows, in the order of the rows (order.c). */
void take_back(struct lend_function *function, uint32_t rows);

/** Takes back the BARs of a set (bit n: BAR n) with their peers and ioeventfds. Negative errno: one stays. */
int take_bars(struct lend_function *function, unsigned set);

/** Takes back the peers and ioeventfds of these BARs alone, before the BARs move. */
int take_around_bars(struct lend_function *function, unsigned set);

/** The function is freed: all is taken back. What stays is a line of log, and counted (context_left()). */
void ledger_close(struct lend_function *function);

/* The line (monitor.c, vfio.c). line_mask() and line_unmask() hand nothing out. */
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
/** Sets the timer, or sets it anew: it rings BELL_TIMER once. */
int give_timer(struct lend_function *function, uint64_t nanoseconds);
int take_timer(struct lend_function *function);

/* Watches. `row` is OUT_LINE_WATCH, OUT_VECTOR_WATCH, OUT_ACK_WATCH or OUT_NOTICE_WATCH. */
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
 * Makes VFIO signal `fds` (-1: none) for `count` vectors from `start` on. Returns
 * 0, a negative errno, or how many vectors VFIO has; nothing has changed then.
 */
int give_triggers(struct lend_function *function, unsigned start, unsigned count, const int *fds);
/** Turns message interrupts off in VFIO, with all triggers. */
int take_messages(struct lend_function *function);

/** Sets all triggers that are out again, on a device that has forgotten them. 0 or a negative errno. */
int irqs_again(struct lend_function *function);

/* BARs change between begin and commit. The rows change when commit returns 0. */
void begin_places(struct lend_function *function);
int give_bar(struct lend_function *function, const struct lend_bar_map *map);
int take_bar(struct lend_function *function, unsigned bar);
int commit_places(struct lend_function *function);
int give_peer(struct lend_function *function, unsigned bar, unsigned area);
int take_peer(struct lend_function *function, unsigned bar, unsigned area);
/** Gives the ranges that are true, and takes back the others. */
int give_vga(struct lend_function *function, bool memory, bool ports);

/* Number of the first doorbell (doorbells.h) in OUT_IOEVENTFD. Learned writes are before them. */
enum { OUT_DOORBELL = LEARN_MIRRORS * LEARN_MAX };

/** What number `number` of OUT_IOEVENTFD is. */
static inline const struct ioeventfd *ioeventfd_at(const struct lend_function *function, unsigned number)
{
	return number < OUT_DOORBELL
		       ? &function->quirks.learning[number / LEARN_MAX].learned[number % LEARN_MAX]
		       : &function->doorbells.at[number - OUT_DOORBELL];
}

int give_ioeventfd(struct lend_function *function, unsigned number);
int take_ioeventfd(struct lend_function *function, unsigned number);
/* Of a learned write. An ack is the reader of its eventfd: VFIO, or else the loop. */
int give_ack(struct lend_function *function, unsigned number);
/** Afterwards it writes to the device what is still counted in the eventfd. */
void take_ack(struct lend_function *function, unsigned number);
/** Writes to the device once, if the eventfd of the learned write was signalled. */
void ack_write_out(struct lend_function *function, unsigned number);

/* The kernel's notices: NOTIFY_ERROR, NOTIFY_REQUEST. */
int give_notice(struct lend_function *function, unsigned kind);
int take_notice(struct lend_function *function, unsigned kind);

#endif

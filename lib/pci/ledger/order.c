/* SPDX-License-Identifier: MIT */
/*
 * Taking back. The rows are taken back in the order of enum out; the table here
 * says how. If a step fails, the next ones are done all the same. What it could
 * not take back stays in its row and is tried again the next time.
 */
#include <errno.h>
#include <string.h>

#include "lib/pci/ledger/ledger.h"

/* The line is masked first, so that no signal is lost between the hypervisor and VFIO (spec 5.4). */
static int line(struct lend_function *function)
{
	if (is_out(function, OUT_LINE_TRIGGER, 0)) /* it may have gone when the irqfd did not */
		line_mask(function);
	return take_line(function);
}

/* With its irqfd still on it a route stays, whatever the reason: the other order has crashed kernels. */
static int route(struct lend_function *function, unsigned number)
{
	if (!is_out(function, OUT_IRQFD, number))
		take_route(function, number);
	return 0;
}

static int vga(struct lend_function *function)
{
	return give_vga(function, false, false);
}

static int ack(struct lend_function *function, unsigned number)
{
	take_ack(function, number);
	return 0;
}

static int peer(struct lend_function *function, unsigned number)
{
	return take_peer(function, number / AREAS_ROOM, number % AREAS_ROOM);
}

static const struct row {
	/* One of these three. */
	int (*all)(struct lend_function *function); /* of a row whose things go together */
	int (*take)(struct lend_function *function, unsigned number);
	int (*watch)(struct lend_function *function, enum out row, unsigned number);
	/* Around a change of several things. */
	void (*begin)(struct lend_function *function);
	int (*commit)(struct lend_function *function);
	const char *name; /* "cannot take back …" */
} rows[OUT_COUNT] = {
	/* The unmask eventfd goes before the line's trigger: CVE-2024-26812. */
	[OUT_LINE_IRQFD] = {.all = line, .name = "the line's irqfd"},
	[OUT_LINE_UNMASK] = {.all = take_line_unmask, .name = "the line's unmask eventfd"},
	[OUT_LINE_WATCH] = {.watch = take_watch, .name = "the line's watch"},
	[OUT_IRQFD] = {.take = take_irqfd, .name = "the irqfd of vector"},
	[OUT_VECTOR_WATCH] = {.watch = take_watch, .name = "the watch of vector"},
	[OUT_LINE_TRIGGER] = {.all = take_line_trigger, .name = "the line's trigger"},
	[OUT_MESSAGES] = {.all = take_messages, .name = "its message interrupts' triggers"},
	[OUT_TRIGGER] = {.name = "the trigger of vector"}, /* goes with the row before */
	/* Routes go after the irqfds: the other order has crashed host kernels (AVIC). */
	[OUT_ROUTE] = {.take = route,
		       .begin = begin_routes,
		       .commit = commit_routes,
		       .name = "the route of vector"},
	[OUT_LINE_LEVEL] = {.all = take_line_level, .name = "the line's level"},
	[OUT_TIMER] = {.all = take_timer, .name = "its timer"},
	[OUT_VGA] = {.all = vga, .name = "its VGA ranges"},
	/* The one who signals goes before the one who reads, so that no acknowledgement is lost. */
	[OUT_IOEVENTFD] = {.take = take_ioeventfd, .name = "ioeventfd"},
	[OUT_ACK] = {.take = ack, .name = "the kernel's reader of ioeventfd"},
	[OUT_ACK_WATCH] = {.take = ack, .name = "the watch of ioeventfd"},
	[OUT_PEER] = {.take = peer, .name = "the peer-to-peer map"},
	[OUT_BAR] = {.take = take_bar, .begin = begin_places, .commit = commit_places, .name = "BAR"},
	[OUT_NOTICE] = {.take = take_notice, .name = "the kernel's notices of kind"},
	[OUT_NOTICE_WATCH] = {.watch = take_watch, .name = "the watch of notices of kind"},
};

static void say(struct lend_function *function, enum out row, int number, int code)
{
	function_log(function, LEND_LOG_ERROR, "cannot take back %s %d: %s", rows[row].name, number,
		     strerror(-code));
}

/* Whether an entry belongs to a BAR of the set. Entries of other rows belong to no BAR and always do. */
static bool is_of(struct lend_function *function, enum out row, unsigned number, unsigned bars)
{
	if (row == OUT_BAR)
		return bars & 1u << number;
	if (row == OUT_PEER)
		return bars & 1u << number / AREAS_ROOM;
	if (ROW(row) & ROWS_ACKS)
		return bars & 1u << ioeventfd_at(function, number)->bar;
	return true;
}

static int take_one(struct lend_function *function, enum out row, unsigned number)
{
	const struct row *how = &rows[row];

	if (how->all)
		return how->all(function);
	if (how->watch)
		return how->watch(function, row, number);
	return how->take ? how->take(function, number) : 0;
}

/* Takes back what is out in a row. One line of log for the first thing that stays. */
static int take_row(struct lend_function *function, enum out row, unsigned bars)
{
	const struct row *how = &rows[row];
	int first = 0, ret, which = 0;

	if (how->begin)
		how->begin(function);
	for (int n = -1; (n = next_out(function, row, (unsigned)(n + 1))) >= 0;) {
		ret = is_of(function, row, (unsigned)n, bars) ? take_one(function, row, (unsigned)n) : 0;
		which = ret && !first ? n : which;
		first = first ? first : ret;
	}
	ret = how->commit ? how->commit(function) : 0;
	first = first ? first : ret;
	if (first < 0)
		say(function, row, which, first);
	return first;
}

static int take_rows(struct lend_function *function, uint32_t set, unsigned bars)
{
	int ret = 0;

	for (enum out row = 0; row < OUT_COUNT; row++)
		if (set & ROW(row) && how_many_out(function, row))
			ret = take_row(function, row, bars);
	return ret;
}

int take_bars(struct lend_function *function, unsigned set)
{
	learning_restart(&function->quirks);
	return take_rows(function, ROWS_ACKS | ROW(OUT_PEER) | ROW(OUT_BAR), set);
}

int take_around_bars(struct lend_function *function, unsigned set)
{
	learning_restart(&function->quirks);
	return take_rows(function, ROWS_ACKS | ROW(OUT_PEER), set);
}

void take_back(struct lend_function *function, uint32_t set)
{
	if (set & ROW(OUT_BAR))
		learning_restart(&function->quirks);
	take_rows(function, set, ~0u);
	/* A monitor that refuses one BAR refuses the whole change: the rest is tried one by one. */
	for (unsigned i = 0; i < LEND_BARS && set & ROW(OUT_BAR); i++)
		if (is_out(function, OUT_BAR, i))
			take_row(function, OUT_BAR, 1u << i);
}

void ledger_close(struct lend_function *function)
{
	unsigned left = 0;
	const char *what = NULL;

	take_back(function, ROWS_ALL);
	for (enum out row = 0; row < OUT_COUNT; row++) {
		if (!what && how_many_out(function, row))
			what = rows[row].name;
		left += how_many_out(function, row);
	}
	if (!left)
		return;
	__atomic_fetch_add(&context_boards(function->context)->left, left, __ATOMIC_RELAXED);
	function_log(function, LEND_LOG_ERROR,
		     "%u things that it handed out could not be taken back (%s and others); its device is "
		     "to be closed, and not used any more by this process",
		     left, what);
}

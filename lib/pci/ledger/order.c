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
static int line(struct lend_function *function, unsigned number)
{
	(void)number;
	line_mask(function);
	return take_line(function);
}

static int line_unmask_fd(struct lend_function *function, unsigned number)
{
	(void)number;
	return take_line_unmask(function);
}

static int line_trigger(struct lend_function *function, unsigned number)
{
	(void)number;
	return take_line_trigger(function);
}

static int level(struct lend_function *function, unsigned number)
{
	(void)number;
	return take_line_level(function);
}

static int timer(struct lend_function *function, unsigned number)
{
	(void)number;
	return take_timer(function);
}

static int messages(struct lend_function *function, unsigned number)
{
	(void)number;
	return take_messages(function);
}

static int route(struct lend_function *function, unsigned number)
{
	take_route(function, number);
	return 0;
}

static int vga(struct lend_function *function, unsigned number)
{
	(void)number;
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

static int watch_of_line(struct lend_function *function, unsigned number)
{
	return take_watch(function, OUT_LINE_WATCH, number);
}

static int watch_of_vector(struct lend_function *function, unsigned number)
{
	return take_watch(function, OUT_VECTOR_WATCH, number);
}

static int watch_of_notice(struct lend_function *function, unsigned number)
{
	return take_watch(function, OUT_NOTICE_WATCH, number);
}

static const struct row {
	int (*take)(struct lend_function *function, unsigned number);
	void (*begin)(struct lend_function *function);
	int (*commit)(struct lend_function *function);
	const char *name; /* "cannot take back …" */
} rows[OUT_COUNT] = {
	/* The unmask eventfd goes before the line's trigger: CVE-2024-26812. */
	[OUT_LINE_IRQFD] = {line, NULL, NULL, "the line's irqfd"},
	[OUT_LINE_UNMASK] = {line_unmask_fd, NULL, NULL, "the line's unmask eventfd"},
	[OUT_LINE_WATCH] = {watch_of_line, NULL, NULL, "the line's watch"},
	[OUT_IRQFD] = {take_irqfd, NULL, NULL, "the irqfd of vector"},
	[OUT_VECTOR_WATCH] = {watch_of_vector, NULL, NULL, "the watch of vector"},
	[OUT_LINE_TRIGGER] = {line_trigger, NULL, NULL, "the line's trigger"},
	[OUT_MESSAGES] = {messages, NULL, NULL, "its message interrupts' triggers"},
	[OUT_TRIGGER] = {.name = "the trigger of vector"}, /* goes with the row before */
	/* Routes go after the irqfds: the other order has crashed host kernels (AVIC). */
	[OUT_ROUTE] = {route, begin_routes, commit_routes, "the route of vector"},
	[OUT_LINE_LEVEL] = {level, NULL, NULL, "the line's level"},
	[OUT_TIMER] = {timer, NULL, NULL, "its timer"},
	[OUT_VGA] = {vga, NULL, NULL, "its VGA ranges"},
	/* The one who signals goes before the one who reads, so that no acknowledgement is lost. */
	[OUT_IOEVENTFD] = {take_ioeventfd, NULL, NULL, "ioeventfd"},
	[OUT_ACK] = {ack, NULL, NULL, "the kernel's reader of ioeventfd"},
	[OUT_ACK_WATCH] = {ack, NULL, NULL, "the watch of ioeventfd"},
	[OUT_PEER] = {peer, NULL, NULL, "the peer-to-peer map"},
	[OUT_BAR] = {take_bar, begin_places, commit_places, "BAR"},
	[OUT_NOTICE] = {take_notice, NULL, NULL, "the kernel's notices of kind"},
	[OUT_NOTICE_WATCH] = {watch_of_notice, NULL, NULL, "the watch of notices of kind"},
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
		return bars & 1u << learned_at(&function->quirks, number)->bar;
	return true;
}

/* Takes back what is out in a row. One line of log for the first thing that stays. */
static int take_row(struct lend_function *function, enum out row, unsigned bars)
{
	const struct row *how = &rows[row];
	int first = 0, ret, which = 0;

	if (how->begin)
		how->begin(function);
	for (int n = -1; (n = next_out(function, row, (unsigned)(n + 1))) >= 0;) {
		ret = how->take && is_of(function, row, (unsigned)n, bars) ? how->take(function, (unsigned)n)
									   : 0;
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
	/* A monitor that refuses one BAR refuses the whole change, so those that stay are tried one by one. */
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

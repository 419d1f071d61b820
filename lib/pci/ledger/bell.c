/* SPDX-License-Identifier: MIT */
/*
 * Bells, and the boards that hold them. A board has the bells of one function at
 * a time. Boards are in a list of the context and are freed with it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/eventfd.h"
#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/lock.h"

/* A bell's address is a multiple of GENERATIONS; what is handed out has its generation in the low bits. */
enum { GENERATIONS = 16, BELLS_MIN = 64 };

struct bell {
	_Alignas(GENERATIONS) struct board *board;
	uint16_t number;     /* fixed */
	uint16_t generation; /* atomic */
	uint32_t count;      /* atomic: what was read of the eventfd while somebody had the lock */
};
_Static_assert(sizeof(struct bell) == GENERATIONS, "a bell's address has room for a generation");

/** The bells of one function at a time. */
struct board {
	struct board *next; /* in the context's list, whose lock guards this and the next two */
	bool taken;
	const struct lend_space *space; /* that of the function */
	unsigned room;                  /* bells; fixed */

	pthread_mutex_t lock; /* guards the next two; nothing else is taken with it held */
	pthread_cond_t idle;
	struct lend_function *function; /* NULL: none, callbacks do nothing */
	unsigned running;               /* callbacks that are in the function */

	uint64_t *marked; /* atomics, a bit a bell */
	struct bell bells[];
};

static unsigned words(unsigned bells)
{
	return (bells + 63) / 64;
}

static void board_free(struct board *board)
{
	pthread_cond_destroy(&board->idle);
	pthread_mutex_destroy(&board->lock);
	free(board->marked);
	free(board);
}

static void boards_free(struct board *first)
{
	while (first) {
		struct board *board = first;

		first = board->next;
		board_free(board);
	}
}

/* The size is a power of two, so that functions that come and go fit into boards that are there. */
static struct board *board_new(unsigned bells)
{
	unsigned room = BELLS_MIN;
	struct board *board;

	while (room < bells)
		room <<= 1;
	board = calloc(1, sizeof(*board) + room * sizeof(board->bells[0]));
	if (!board)
		return NULL;
	board->marked = calloc(words(room), sizeof(*board->marked));
	if (!board->marked) {
		free(board);
		return NULL;
	}
	board->room = room;
	pthread_mutex_init(&board->lock, NULL);
	pthread_cond_init(&board->idle, NULL);
	for (unsigned i = 0; i < room; i++) {
		board->bells[i].board = board;
		board->bells[i].number = (uint16_t)i;
	}
	return board;
}

/* Takes the first board that is free and large enough, or a new one. */
int bells_open(struct lend_function *function)
{
	struct context_boards *boards = context_boards(function->context);
	unsigned bells = BELL_VECTOR + function->messages.room;
	struct board *board;

	pthread_mutex_lock(&boards->lock);
	for (board = boards->first; board && (board->taken || board->room < bells);)
		board = board->next;
	if (!board && (board = board_new(bells))) {
		board->next = boards->first;
		__atomic_store_n(&boards->first, board, __ATOMIC_RELEASE);
		boards->free = boards_free;
	}
	if (board) {
		board->taken = true;
		board->space = function->device->space;
	}
	pthread_mutex_unlock(&boards->lock);
	if (!board)
		return -ENOMEM;
	for (unsigned i = 0; i < board->room; i++)
		__atomic_store_n(&board->bells[i].count, 0, __ATOMIC_RELAXED);
	memset(board->marked, 0, words(board->room) * sizeof(*board->marked));
	function->board = board;
	pthread_mutex_lock(&board->lock);
	board->function = function;
	pthread_mutex_unlock(&board->lock);
	return 0;
}

void bells_close(struct lend_function *function)
{
	struct context_boards *boards = context_boards(function->context);
	struct board *board = function->board;

	if (!board)
		return;
	pthread_mutex_lock(&board->lock);
	board->function = NULL;
	while (board->running)
		pthread_cond_wait(&board->idle, &board->lock);
	pthread_mutex_unlock(&board->lock);
	function->board = NULL;
	pthread_mutex_lock(&boards->lock);
	board->taken = false;
	pthread_mutex_unlock(&boards->lock);
}

/*
 * The board's function, which stays until leave(). NULL: there is none, or the
 * bell's generation is old. `bell` NULL: any generation.
 */
static struct lend_function *enter(struct board *board, const struct bell *bell, unsigned generation)
{
	struct lend_function *function = NULL;

	pthread_mutex_lock(&board->lock);
	if (!bell || __atomic_load_n(&bell->generation, __ATOMIC_RELAXED) % GENERATIONS == generation)
		function = board->function;
	board->running += function ? 1 : 0;
	pthread_mutex_unlock(&board->lock);
	return function;
}

static void leave(struct board *board)
{
	pthread_mutex_lock(&board->lock);
	if (!--board->running)
		pthread_cond_broadcast(&board->idle);
	pthread_mutex_unlock(&board->lock);
}

static struct bell *bell_at(const struct lend_function *function, unsigned bell)
{
	return &function->board->bells[bell];
}

void *bell_hand_out(struct lend_function *function, unsigned bell)
{
	struct bell *at = bell_at(function, bell);

	return (char *)at + __atomic_add_fetch(&at->generation, 1, __ATOMIC_RELAXED) % GENERATIONS;
}

void bell_silence(struct lend_function *function, unsigned bell)
{
	__atomic_fetch_add(&bell_at(function, bell)->generation, 1, __ATOMIC_RELAXED);
}

static uint64_t drain(int fd)
{
	return fd >= 0 ? eventfd_take(fd) : 0;
}

uint64_t bell_read_before(struct lend_function *function, unsigned bell)
{
	return __atomic_exchange_n(&bell_at(function, bell)->count, 0, __ATOMIC_ACQ_REL);
}

uint64_t bell_take(struct lend_function *function, unsigned bell, int fd)
{
	return bell_read_before(function, bell) + drain(fd);
}

static void ring(struct lend_function *function, unsigned bell)
{
	const struct rings *rings = function->rings;

	if (bell == BELL_LINE)
		rings->line(function);
	else if (bell == BELL_TIMER)
		rings->timer(function);
	else if (bell < BELL_ACK)
		rings->notice(function, bell - BELL_NOTICE);
	else if (bell < BELL_VECTOR)
		rings->ack(function, bell - BELL_ACK);
	else if (bell - BELL_VECTOR < function->messages.room)
		rings->vector(function, bell - BELL_VECTOR);
}

void bells_serve(struct lend_function *function)
{
	struct board *board = function->board;

	for (unsigned word = 0; word < words(board->room); word++) {
		uint64_t left = __atomic_exchange_n(&board->marked[word], 0, __ATOMIC_ACQ_REL);

		for (; left; left &= left - 1)
			ring(function, word * 64 + (unsigned)__builtin_ctzll(left));
	}
}

/*
 * Drains the eventfd into the bell and marks the bell. The watch is level-triggered
 * and would call again and again otherwise. The eventfd is not one that the
 * hypervisor has: that one was unwatched before, and a late call of its watch has
 * an old generation.
 */
static void mark(struct lend_function *function, struct bell *bell)
{
	uint64_t count = drain(bell_fd(function, bell->number));

	__atomic_fetch_add(&bell->count, count < UINT16_MAX ? (uint32_t)count : UINT16_MAX, __ATOMIC_ACQ_REL);
	__atomic_fetch_or(&bell->board->marked[bell->number / 64], UINT64_C(1) << bell->number % 64,
			  __ATOMIC_ACQ_REL);
}

void bell_rings(void *opaque)
{
	unsigned generation = (uintptr_t)opaque % GENERATIONS;
	struct bell *bell = (struct bell *)(void *)((char *)opaque - generation);
	struct lend_function *function = enter(bell->board, bell, generation);
	struct events events = {0};

	if (!function)
		return;
	if (!function_trylock(function)) {
		mark(function, bell);
		function_mark(function, MARK_BELLS, &events);
	} else {
		ring(function, bell->number);
		function_leave(function, &events);
	}
	leave(bell->board);
	events_send(&events);
}

bool has_company(struct lend_function *function)
{
	struct context_boards *boards = context_boards(function->context);
	unsigned count = 0;

	pthread_mutex_lock(&boards->lock);
	for (struct board *board = boards->first; board; board = board->next)
		count += board->taken && board->space == function->device->space;
	pthread_mutex_unlock(&boards->lock);
	return count > 1;
}

void company_changed(struct lend_context *context, const struct lend_space *space)
{
	struct context_boards *boards = context_boards(context);
	struct board *board = __atomic_load_n(&boards->first, __ATOMIC_ACQUIRE);

	for (; board; board = board->next) {
		struct lend_function *function = enter(board, NULL, 0);
		struct events events = {0};

		if (!function)
			continue;
		if (function->device->space == space)
			function_mark(function, MARK_COMPANY, &events);
		/* Sent before leave(): from then on the function, and the monitor's peer, may be freed. */
		events_send(&events);
		leave(board);
	}
}

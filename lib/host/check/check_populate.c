/* SPDX-License-Identifier: MIT */
/*
 * How long it takes until the guest's memory is there, which a start waits for: a small
 * piece of the same kind is populated here, and the rest is reckoned from it. The pages are given back
 * at once.
 */
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/host/check/check.h"

enum {
	PIECE = 32 << 20,
	HUGE_PAGE = 2 << 20, /* also of transparent huge pages */
	PAGE = 4096,
	THREADS_MAX = 8, /* of the machine (vmm/memory.c) */
};

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Of pages of 1 GiB no piece is small: a page of 2 MiB of those that clear as fast stands for them. */
static double populate_piece(bool huge)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB | 21 << MAP_HUGE_SHIFT : 0);
	uint8_t *area = mmap(NULL, PIECE + HUGE_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
	volatile uint8_t *at;
	double begun, took;

	if (area == MAP_FAILED)
		return 0;
	at = area + (HUGE_PAGE - (uintptr_t)area % HUGE_PAGE) % HUGE_PAGE;
	if (!huge)
		madvise(area, PIECE + HUGE_PAGE, MADV_HUGEPAGE);
	begun = now_s();
	for (size_t i = 0; i < PIECE; i += PAGE)
		at[i] = 1;
	took = now_s() - begun;
	munmap(area, PIECE + HUGE_PAGE);
	return took;
}

static unsigned threads(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 1 ? 1 : cpus > THREADS_MAX ? THREADS_MAX : (unsigned)cpus;
}

/* Where there is too little already, none of it is taken. */
static bool is_there(const struct lend_check *check)
{
	for (size_t i = 0; i < check->row_count; i++) {
		const struct lend_check_row *row = &check->rows[i];

		if (row->verdict == LEND_FAILED && has_word("memory hugepages numa", row->topic))
			return false;
	}
	return true;
}

void check_populate(struct lend_check *check)
{
	const double mib = (double)check->options.memory / (1 << 20);
	double took, all;

	if (!is_there(check))
		return;
	took = populate_piece(check->options.huge_page);
	/* There are huge pages of another size alone. */
	took = took > 0 ? took : populate_piece(false);
	if (took <= 0)
		return;
	all = took * (double)check->options.memory / PIECE / threads();
	check_row(check, "populate", NULL, LEND_PASSED,
		  "populating %.0f MiB takes about %.1f s: %d MiB took %.0f ms now, and %u threads share the "
		  "work",
		  mib, all < 0.1 ? 0.1 : all, PIECE >> 20, took * 1000, threads());
}

/* SPDX-License-Identifier: MIT */
/*
 * How fast the machine populates guest memory, to a memset of fresh memory of the same kind by as
 * many threads: one line of JSON, the speed of each turn to that of the memset before it.
 *
 *   populate [MIB [TURNS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/turns.h"
#include "lend/lend.h"
#include "vmm/memory.h"

enum { HUGE_PAGE = 2 << 20 };

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "populate: %s\n", what);
	exit(1);
}

/* us, and how many threads did it. */
static double populate(uint64_t size, unsigned *threads)
{
	const struct memory_kind kind = {.size = size};
	struct lend_error error = {""};
	struct memory memory = {0};
	double from = now(), took;

	if (memory_new(&memory, &kind, &error))
		fail(error.text);
	*threads = memory.filler_count;
	if (memory_wait(&memory, &error))
		fail(error.text);
	took = now() - from;
	memory_free(&memory);
	return took;
}

struct share {
	pthread_t thread;
	char *base;
	uint64_t length;
};

static void *clear(void *opaque)
{
	struct share *share = opaque;

	memset(share->base, 0, share->length);
	return NULL;
}

static double clear_all(uint64_t size, unsigned threads)
{
	struct share shares[MEMORY_THREADS_MAX];
	double from = now(), took;
	char *area = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *base = (char *)(((uintptr_t)area + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));

	if (area == MAP_FAILED || madvise(base, size, MADV_HUGEPAGE))
		fail("no memory");
	for (unsigned i = 0; i < threads; i++) {
		shares[i] = (struct share){.base = base + i * (size / threads), .length = size / threads};
		if (pthread_create(&shares[i].thread, NULL, clear, &shares[i]))
			fail("no thread");
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(shares[i].thread, NULL);
	took = now() - from;
	munmap(area, size + HUGE_PAGE);
	return took;
}

int main(int argc, char **argv)
{
	uint64_t size = (argc > 1 ? (uint64_t)atoi(argv[1]) : 512) << 20;
	unsigned turns = argc > 2 ? (unsigned)atoi(argv[2]) : 7, threads;

	populate(size, &threads);
	printf("{\"threads\": %u, \"speed\": [", threads);
	for (unsigned i = 0; i < turns; i++) {
		double bare = clear_all(size, threads);

		printf("%s%.3f", i ? ", " : "", bare / populate(size, &threads));
	}
	printf("]}\n");
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* What stacks of threads take: one that ends before the guest runs leaves none. */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/brief.h"
#include "vmm/worker.h"

enum { THREADS = 12, DEEP = 128 << 10 };

struct seen {
	uintptr_t stack;
	unsigned cpus;
};

static void *go_deep(void *opaque)
{
	volatile uint8_t frame[DEEP];
	struct seen *seen = opaque;
	cpu_set_t set;

	for (size_t i = 0; i < DEEP; i++)
		frame[i] = 1;
	seen->stack = (uintptr_t)frame;
	if (!pthread_getaffinity_np(pthread_self(), sizeof(set), &set))
		seen->cpus = (unsigned)CPU_COUNT(&set);
	return NULL;
}

static bool is_mapped(uintptr_t at)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	unsigned char in;

	return !mincore((void *)(at & ~(page - 1)), page, &in) || errno != ENOMEM;
}

static void their_stacks_go_with_them(void **state)
{
	struct brief briefs[THREADS];
	struct seen seen[THREADS] = {0};

	(void)state;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(brief_start(&briefs[i], NULL, go_deep, &seen[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		brief_join(&briefs[i]);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_true(seen[i].stack != 0);
		assert_false(is_mapped(seen[i].stack));
	}
}

/* Attributes serve several threads, each with a stack of its own. */
static void attributes_are_kept(void **state)
{
	struct brief briefs[THREADS];
	struct seen seen[THREADS] = {0};
	pthread_attr_t attributes;
	cpu_set_t all, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (unsigned i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	pthread_attr_init(&attributes);
	pthread_attr_setaffinity_np(&attributes, sizeof(one), &one);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(brief_start(&briefs[i], &attributes, go_deep, &seen[i]), 0);
	pthread_attr_destroy(&attributes);
	for (unsigned i = 0; i < THREADS; i++)
		brief_join(&briefs[i]);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(seen[i].cpus, 1);
		for (unsigned k = 0; k < i; k++)
			assert_true(seen[i].stack != seen[k].stack);
	}
}

static size_t stack_size;

static void note_stack(void *opaque)
{
	pthread_attr_t attributes;
	void *low;

	(void)opaque;
	if (pthread_getattr_np(pthread_self(), &attributes))
		return;
	pthread_attr_getstack(&attributes, &low, &stack_size);
	pthread_attr_destroy(&attributes);
}

static void *note_brief(void *opaque)
{
	note_stack(opaque);
	return NULL;
}

/* Else it takes 2 MiB where the host gives huge pages to all, if it happens to lie so. */
static void no_stack_has_room_for_a_huge_page(void **state)
{
	struct job job = {.run = note_stack};
	struct worker worker;
	struct brief brief;

	(void)state;
	worker_init(&worker);
	assert_int_equal(worker_start(&worker), 0);
	worker_give(&worker, &job);
	worker_settle(&worker);
	worker_end(&worker);
	assert_in_range(stack_size, 1, (2 << 20) - 1);
	stack_size = 0;
	assert_int_equal(brief_start(&brief, NULL, note_brief, NULL), 0);
	brief_join(&brief);
	assert_in_range(stack_size, 1, (2 << 20) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(their_stacks_go_with_them),
		cmocka_unit_test(attributes_are_kept),
		cmocka_unit_test(no_stack_has_room_for_a_huge_page),
	};

	return cmocka_run_group_tests_name("vmm_brief", tests, NULL, NULL);
}

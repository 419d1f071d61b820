/* SPDX-License-Identifier: MIT */
/* Guest memory of each kind: populated, private or shared, not inherited, given back. */
#include <fcntl.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/memory.h"

enum { SIZE = 8 << 20 };

/* Lines of smaps for the mapping at `address`: the value of `name` in KiB, or of VmFlags as text. */
static bool smaps(const void *address, const char *name, char *out, size_t room)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[512], start[32];
	bool inside = false, found = false;

	snprintf(start, sizeof(start), "%lx-", (unsigned long)(uintptr_t)address);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, start, strlen(start)))
			inside = true;
		else if (inside && !strncmp(line, name, strlen(name))) {
			snprintf(out, room, "%s", line + strlen(name) + 1);
			found = true;
			break;
		}
	}
	fclose(file);
	return found;
}

static void check_kind(const struct memory_kind *kind)
{
	struct memory memory = {0};
	struct lend_error error = {0};
	char text[256];

	assert_int_equal(memory_new(&memory, kind, &error), 0);
	assert_int_equal(memory_wait(&memory, &error), 0);
	assert_int_equal((uintptr_t)memory.base % (2 << 20), 0);
	assert_true(smaps(memory.base, "Rss", text, sizeof(text)));
	assert_int_equal(strtoul(text, NULL, 10), SIZE >> 10); /* all of it is there */
	assert_true(smaps(memory.base, "VmFlags", text, sizeof(text)));
	assert_non_null(strstr(text, " dc")); /* not inherited by a fork */
	assert_non_null(strstr(text, " dd")); /* not in a core file */
	if (!access("/sys/kernel/mm/transparent_hugepage", F_OK))
		assert_non_null(strstr(text, " hg")); /* in huge pages where there are some */
	assert_int_equal(memory.fd >= 0, kind->shared);
	/* A private map of a file has each page twice once it is pinned. */
	assert_int_equal(strstr(text, " sh ") != NULL, kind->shared);
	/* Who gets the descriptor cannot take pages away. */
	if (kind->shared)
		assert_int_equal(fcntl(memory.fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	memory.base[0] = memory.base[SIZE - 1] = 1;
	memory_free(&memory);
	assert_null(memory.base);
	memory_free(&memory); /* once more is nothing */
}

static void ch_4805_private_memory(void **state)
{
	(void)state;
	check_kind(&(struct memory_kind){.size = SIZE});
}

static void ch_4805_shared_memory(void **state)
{
	(void)state;
	check_kind(&(struct memory_kind){.size = SIZE, .shared = true});
}

/* What is told of the filling, whichever thread tells it. */
static struct {
	uint64_t most, sum;
	unsigned begun;
} told;

static void on_filled(void *opaque, uint64_t before, uint64_t now)
{
	uint64_t most = __atomic_load_n(&told.most, __ATOMIC_SEQ_CST);

	assert_ptr_equal(opaque, &told);
	if (!now)
		told.begun++;
	__atomic_add_fetch(&told.sum, now - before, __ATOMIC_SEQ_CST);
	while (now > most && !__atomic_compare_exchange_n(&told.most, &most, now, false, __ATOMIC_SEQ_CST,
							  __ATOMIC_SEQ_CST))
		;
}

static void filling_is_told(void **state)
{
	const struct memory_kind kind = {.size = SIZE, .filled = on_filled, .opaque = &told};
	struct memory memory = {0};
	struct lend_error error = {0};

	(void)state;
	assert_int_equal(memory_new(&memory, &kind, &error), 0);
	assert_int_equal(memory_wait(&memory, &error), 0);
	assert_int_equal(told.begun, 1);
	assert_int_equal(told.most, SIZE);
	assert_int_equal(told.sum, SIZE);
	memory_free(&memory);
}

/* Threads that fill, and whether the memory was gone while one did. */
static struct {
	bool gone, late;
	unsigned inside;
} ending;

/* It stays for a while, in which memory_free() can return if it does not wait. */
static void on_filled_slowly(void *opaque, uint64_t before, uint64_t now)
{
	(void)opaque;
	if (before == now)
		return;
	__atomic_add_fetch(&ending.inside, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < 1000 && !__atomic_load_n(&ending.gone, __ATOMIC_SEQ_CST); i++)
		sched_yield();
	if (__atomic_load_n(&ending.gone, __ATOMIC_SEQ_CST))
		__atomic_store_n(&ending.late, true, __ATOMIC_SEQ_CST);
	__atomic_sub_fetch(&ending.inside, 1, __ATOMIC_SEQ_CST);
}

/* A machine that cannot be built gives its memory back while threads fill it. */
static void it_goes_when_nobody_fills_it(void **state)
{
	const struct memory_kind kind = {.size = SIZE, .filled = on_filled_slowly};
	struct memory memory = {0};
	struct lend_error error = {0};

	(void)state;
	assert_int_equal(memory_new(&memory, &kind, &error), 0);
	while (!__atomic_load_n(&ending.inside, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&memory.filled, __ATOMIC_SEQ_CST) < SIZE)
		sched_yield();
	memory_free(&memory);
	__atomic_store_n(&ending.gone, true, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&ending.inside, __ATOMIC_SEQ_CST))
		sched_yield();
	assert_false(__atomic_load_n(&ending.late, __ATOMIC_SEQ_CST));
}

/* Bytes of address space that this process has. */
static uint64_t address_space(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* What alignment cost is given back at once, and the rest with the memory. */
static void no_address_space_is_kept(void **state)
{
	enum { ROUNDS = 16 };
	const struct memory_kind kind = {.size = SIZE};
	struct memory memory = {0};
	struct lend_error error = {0};
	uint64_t before = 0;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		assert_int_equal(memory_new(&memory, &kind, &error), 0);
		assert_int_equal(memory_wait(&memory, &error), 0);
		memory_free(&memory);
		if (i == 1) /* what the C library keeps for threads is there from now on */
			before = address_space();
	}
	assert_true(address_space() < before + (ROUNDS - 2) * (uint64_t)(1 << 20));
}

static void huge_pages_that_are_not_there_are_an_error_with_a_cure(void **state)
{
	/* More than any computer that runs this test has reserved. */
	const struct memory_kind kind = {.size = 1ULL << 38, .huge_page = 2 << 20};
	struct memory memory = {0};
	struct lend_error error = {0};

	(void)state;
	assert_int_equal(memory_new(&memory, &kind, &error), -ENOMEM);
	assert_non_null(strstr(error.text, "nr_hugepages"));
	assert_null(memory.base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ch_4805_private_memory),
		cmocka_unit_test(ch_4805_shared_memory),
		cmocka_unit_test(filling_is_told),
		cmocka_unit_test(it_goes_when_nobody_fills_it),
		cmocka_unit_test(no_address_space_is_kept),
		cmocka_unit_test(huge_pages_that_are_not_there_are_an_error_with_a_cure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

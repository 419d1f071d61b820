/* SPDX-License-Identifier: MIT */
/* From which node of the host guest memory comes, on hosts that are played. */
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/memory.h"
#include "vmm/node.h"

enum { SIZE = 8 << 20 };

/* The host: its nodes as bits, what goes wrong, and what it was told. */
static struct {
	unsigned long nodes;
	int no_nodes, refuses, no_pages; /* errno of get_mempolicy, mbind, populating; 0: it works */
	unsigned binds;
	int mode;
	unsigned long bound;
	const void *base;
	uint64_t size;
} host;

long __wrap_syscall(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
		    unsigned long e, unsigned long f);
int __wrap_madvise(void *address, size_t length, int advice);
int __real_madvise(void *address, size_t length, int advice);

static long answer(int code)
{
	errno = code;
	return code ? -1 : 0;
}

long __wrap_syscall(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
		    unsigned long e, unsigned long f)
{
	if (number == SYS_get_mempolicy) {
		assert_int_equal(e, MPOL_F_MEMS_ALLOWED);
		assert_int_equal(c, NODES_MAX);
		*(unsigned long *)b = host.nodes;
		return answer(host.no_nodes);
	}
	assert_int_equal(number, SYS_mbind);
	assert_int_equal(f, 0);
	host.binds++;
	host.mode = (int)c;
	host.bound = *(unsigned long *)d;
	host.base = (const void *)a;
	host.size = b;
	return answer(host.refuses);
}

int __wrap_madvise(void *address, size_t length, int advice)
{
	if (advice == MADV_POPULATE_WRITE && host.no_pages)
		return (int)answer(host.no_pages);
	return __real_madvise(address, length, advice);
}

static int two_nodes(void **state)
{
	(void)state;
	memset(&host, 0, sizeof(host));
	host.nodes = 3;
	return 0;
}

/* Makes memory, and gives it back; what was said, or an empty string. */
static const char *make(const struct memory_kind *kind, int expected)
{
	static struct lend_error error;
	struct memory memory = {0};
	int ret;

	error.text[0] = '\0';
	ret = memory_new(&memory, kind, &error);
	if (!ret && host.binds) {
		/* All of it, before it is populated. */
		assert_ptr_equal(host.base, memory.base);
		assert_int_equal(host.size, SIZE);
	}
	ret = ret ? ret : memory_wait(&memory, &error);
	assert_int_equal(ret, expected);
	memory_free(&memory);
	return error.text;
}

static void of_the_devices_it_is_preferred(void **state)
{
	(void)state;
	make(&(struct memory_kind){.size = SIZE, .has_node = true, .node = 1}, 0);
	assert_int_equal(host.binds, 1);
	assert_int_equal(host.mode, MPOL_PREFERRED);
	assert_int_equal(host.bound, 2);
}

static void of_the_user_it_is_the_only_one(void **state)
{
	(void)state;
	make(&(struct memory_kind){.size = SIZE, .has_node = true, .node_asked = true, .node = 1}, 0);
	assert_int_equal(host.binds, 1);
	assert_int_equal(host.mode, MPOL_BIND);
	assert_int_equal(host.bound, 2);
}

/* Nothing to choose: no call, whoever named the node. */
static void a_host_with_one_node_is_told_nothing(void **state)
{
	(void)state;
	host.nodes = 1;
	make(&(struct memory_kind){.size = SIZE, .has_node = true}, 0);
	make(&(struct memory_kind){.size = SIZE, .has_node = true, .node_asked = true}, 0);
	make(&(struct memory_kind){.size = SIZE}, 0);
	host.nodes = 3;
	make(&(struct memory_kind){.size = SIZE}, 0);
	assert_int_equal(host.binds, 0);
}

/* A node that nobody named is no reason to end: a cpuset may forbid it, the kernel may know none. */
static void a_node_that_there_is_not(void **state)
{
	struct memory_kind kind = {.size = SIZE, .has_node = true, .node = 5};

	(void)state;
	make(&kind, 0);
	assert_int_equal(host.binds, 0);
	kind.node_asked = true;
	assert_non_null(strstr(make(&kind, -EINVAL), "node=5: this computer's memory has no such node"));
	kind.node = NODES_MAX;
	make(&kind, -EINVAL);
	assert_int_equal(host.binds, 0);
	kind.node = 0;
	host.no_nodes = ENOSYS;
	assert_non_null(strstr(make(&kind, -ENOSYS), "/sys/devices/system/node"));
	kind.node_asked = false;
	make(&kind, 0);
}

static void a_kernel_that_refuses(void **state)
{
	struct memory_kind kind = {.size = SIZE, .has_node = true, .node = 1};

	(void)state;
	host.refuses = EPERM;
	make(&kind, 0);
	kind.node_asked = true;
	assert_non_null(strstr(make(&kind, -EPERM), "node=1"));
	assert_int_equal(host.binds, 2);
}

static void too_few_pages_on_the_node(void **state)
{
	struct memory_kind kind = {.size = SIZE, .has_node = true, .node_asked = true, .node = 1};

	(void)state;
	host.no_pages = EFAULT;
	assert_non_null(
		strstr(make(&kind, -EFAULT), "8 MiB of guest memory from node 1: too little is free there"));
	host.no_pages = ENOMEM;
	assert_non_null(strstr(make(&kind, -ENOMEM), "leave out node="));
	kind.node_asked = false;
	assert_null(strstr(make(&kind, -ENOMEM), "node"));
}

static void put(const char *root, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* The node has the last of the processors that this test may run on. */
static void threads_run_on_the_processors_of_the_node(void **state)
{
	static const char *const folders[] = {"devices", "devices/system", "devices/system/node",
					      "devices/system/node/node1"};
	char root[] = "/tmp/lend-node-XXXXXX", name[64];
	struct node_cpus mine, near;
	unsigned cpu = 0;

	(void)state;
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		put(root, folders[i]);
	assert_int_equal(sched_getaffinity(0, sizeof(mine.sets), mine.sets), 0);
	for (unsigned i = 0; i < NODE_CPUS_MAX; i++)
		cpu = CPU_ISSET_S(i, sizeof(mine.sets), mine.sets) ? i : cpu;
	assert_int_equal(node_find_cpus(root, 1, &near), 0);
	snprintf(name, sizeof(name), "devices/system/node/node1/cpu%u", cpu);
	put(root, name);
	/* One that this test may not run on. */
	put(root, "devices/system/node/node1/cpu8191");
	assert_int_equal(node_find_cpus(root, 1, &near), 1);
	assert_true(CPU_ISSET_S(cpu, sizeof(near.sets), near.sets));
	assert_int_equal(CPU_COUNT_S(sizeof(near.sets), near.sets), 1);
	assert_int_equal(node_find_cpus(root, 0, &near), 0);
	/* All of it is populated by them, and where there is none, by threads that run on any. */
	make(&(struct memory_kind){.size = SIZE, .has_node = true, .node = 1, .sysfs = root}, 0);
	make(&(struct memory_kind){.size = SIZE, .has_node = true, .node = 0, .sysfs = root}, 0);
	snprintf(name, sizeof(name), "rm -r %s", root);
	assert_int_equal(system(name), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, two_nodes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_the_devices_it_is_preferred),
		TEST(of_the_user_it_is_the_only_one),
		TEST(a_host_with_one_node_is_told_nothing),
		TEST(a_node_that_there_is_not),
		TEST(a_kernel_that_refuses),
		TEST(too_few_pages_on_the_node),
		TEST(threads_run_on_the_processors_of_the_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

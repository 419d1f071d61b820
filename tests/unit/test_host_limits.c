/* SPDX-License-Identifier: MIT */
/*
 * The sums of lend_check_limits(), against limits that are played: those of a
 * process by a child without privileges, those of the kernel by a tree.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lend/check.h"
#include "tests/unit/host_tree.h"

enum { NOBODY = 65534 };

static const rlim_t kib = 1 << 10, mib = 1 << 20;

/* One that fits everywhere. */
static struct lend_check_needs small(void)
{
	return (struct lend_check_needs){
		.size = sizeof(struct lend_check_needs), .processors = 1, .functions = 1, .vectors = 8};
}

static int plain(void **state)
{
	struct host_tree *tree = tree_new("plain");

	tree_put(tree, "proc/self/status", "Name:\tx\nCapEff:\t0000000000000000\n");
	chmod(tree->root, 0755);
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

/* The row of that topic has that verdict and says `text`; verdict passed: there is none, or one that passed.
 */
static void expect(struct host_tree *tree, const struct lend_check_needs *needs, const char *topic,
		   enum lend_verdict verdict, const char *text, const char *cure)
{
	const struct lend_check_row *row;
	struct lend_check *check;
	bool found = verdict == LEND_PASSED;

	assert_int_equal(lend_check_limits(tree->context, needs, &check, NULL), 0);
	for (size_t i = 0; (row = lend_check_at(check, i)); i++) {
		if (strcmp(row->topic, topic) != 0)
			continue;
		if (row->verdict != verdict || !strstr(row->text, text) ||
		    (!strstr(row->command, cure) && !strstr(row->advice, cure)))
			fail_msg("%s: %d '%s' '%s' '%s'", topic, row->verdict, row->text, row->command,
				 row->advice);
		found = true;
	}
	if (!found)
		fail_msg("there is no row of %s", topic);
	lend_check_free(check);
}

struct ask {
	struct host_tree *tree;
	struct lend_check_needs needs;
	const char *topic, *text, *cure;
	const char *without; /* what no row says; NULL: anything may be said */
	enum lend_verdict verdict;
};

static bool is_said(const struct ask *ask, const char *text)
{
	const struct lend_check_row *row;
	struct lend_check *check;
	bool found = false;

	assert_int_equal(lend_check_limits(ask->tree->context, &ask->needs, &check, NULL), 0);
	for (size_t i = 0; (row = lend_check_at(check, i)); i++)
		found |= strstr(row->text, text) != NULL;
	lend_check_free(check);
	return found;
}

/* In a process of its own, which is a user without privileges: limits are not given back. */
static void expect_with(int resource, rlim_t hard, const struct ask *ask)
{
	const struct rlimit limit = {.rlim_cur = hard, .rlim_max = hard};
	int status;
	pid_t pid = fork();

	if (!pid) {
		/* As nobody first: that user may have more threads already than the limit allows. */
		if ((!geteuid() && setuid(NOBODY)) || setrlimit((__rlimit_resource_t)resource, &limit))
			_exit(99);
		expect(ask->tree, &ask->needs, ask->topic, ask->verdict, ask->text, ask->cure);
		_exit(ask->without && is_said(ask, ask->without));
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* An eventfd a vector and one descriptor a processor, beside 28 a function and 64. */
static void descriptors(void **state)
{
	struct ask ask = {.tree = *state,
			  .needs = small(),
			  .topic = "files",
			  .verdict = LEND_FAILED,
			  .text = "300 files open at once, and the machine can need 2264",
			  .cure = "LimitNOFILE="};

	ask.needs.vectors = 2048 + 8;
	ask.needs.processors = 4;
	ask.needs.functions = 5;
	ask.needs.widest = "0000:05:00.0";
	ask.needs.widest_vectors = 2048;
	expect_with(RLIMIT_NOFILE, 300, &ask);
	ask.text = "2048 of them of 0000:05:00.0";
	ask.cure = "ulimit -n";
	expect_with(RLIMIT_NOFILE, 2263, &ask);
	ask.verdict = LEND_PASSED;
	ask.text = ask.cure = "";
	expect_with(RLIMIT_NOFILE, 2264, &ask);
}

/* A machine without devices needs some, too, and its sentence has no word of vectors. */
static void descriptors_without_devices(void **state)
{
	struct ask ask = {.tree = *state,
			  .needs = small(),
			  .topic = "files",
			  .verdict = LEND_FAILED,
			  .text = "64 files open at once, and the machine can need 65",
			  .cure = "ulimit -n",
			  .without = "interrupt vectors"};

	ask.needs.functions = ask.needs.vectors = 0;
	expect_with(RLIMIT_NOFILE, 64, &ask);
}

/* With iommufd the parts of BARs are descriptors, too. */
static void descriptors_of_areas(void **state)
{
	struct ask ask = {.tree = *state,
			  .needs = small(),
			  .topic = "files",
			  .verdict = LEND_FAILED,
			  .text = "107 files open at once, and the machine can need 108",
			  .cure = "ulimit -n"};

	ask.needs.areas = 7;
	ask.needs.iommufd = true;
	expect_with(RLIMIT_NOFILE, 107, &ask);
	ask.needs.iommufd = false;
	ask.verdict = LEND_PASSED;
	ask.text = ask.cure = "";
	expect_with(RLIMIT_NOFILE, 107, &ask);
}

/* A user who cannot read a device's capabilities hears of the most that it may need, and is not refused. */
static void descriptors_that_nobody_knows(void **state)
{
	struct ask ask = {.tree = *state,
			  .needs = small(),
			  .topic = "files",
			  .verdict = LEND_UNKNOWN,
			  .text = "can need 2149",
			  .cure = "nofile"};

	ask.needs.hidden = 1;
	expect_with(RLIMIT_NOFILE, 2148, &ask);
	ask.verdict = LEND_FAILED;
	ask.text = "can need 101";
	expect_with(RLIMIT_NOFILE, 100, &ask);
	ask.verdict = LEND_PASSED;
	ask.text = ask.cure = "";
	expect_with(RLIMIT_NOFILE, 2149, &ask);
}

static void watches(void **state)
{
	struct lend_check_needs needs = small();
	struct host_tree *tree = *state;

	tree_put(tree, "proc/sys/fs/epoll/max_user_watches", "24\n");
	expect(tree, &needs, "watches", LEND_PASSED, "", "");
	needs.vectors = 9;
	expect(tree, &needs, "watches", LEND_FAILED, "24 files (fs.epoll.max_user_watches)",
	       "sysctl -w fs.epoll.max_user_watches=50");
}

/* The threads of this user's processes count, those of others do not. */
static void threads(void **state)
{
	struct ask ask = {.tree = *state,
			  .needs = small(),
			  .topic = "threads",
			  .verdict = LEND_PASSED,
			  .text = "",
			  .cure = ""};
	struct host_tree *tree = *state;

	if (geteuid())
		skip();
	tree_put(tree, "proc/71/status", "Name:\ta\nUid:\t65534\t0\t0\t0\nThreads:\t10\n");
	tree_put(tree, "proc/72/status", "Name:\tb\nUid:\t65534\t65534\t65534\t65534\nThreads:\t5\n");
	tree_put(tree, "proc/73/status", "Name:\tc\nUid:\t0\t65534\t65534\t65534\nThreads:\t999\n");
	expect_with(RLIMIT_NPROC, 29, &ask);
	ask.verdict = LEND_FAILED;
	ask.text = "you may have 28 threads and have 15, and the machine needs 14";
	ask.cure = "LimitNPROC=";
	expect_with(RLIMIT_NPROC, 28, &ask);
}

/* The narrowest of the groups counts, in version 2 and in version 1. */
static void threads_of_the_control_group(void **state)
{
	struct lend_check_needs needs = small();
	struct host_tree *tree = *state;

	tree_put(tree, "proc/self/cgroup", "9:pids:/c\n0::/a/b\n");
	tree_put(tree, "sys/fs/cgroup/a/b/pids.max", "max\n");
	tree_put(tree, "sys/fs/cgroup/a/b/pids.current", "3\n");
	tree_put(tree, "sys/fs/cgroup/a/pids.max", "20\n");
	tree_put(tree, "sys/fs/cgroup/a/pids.current", "6\n");
	expect(tree, &needs, "threads", LEND_PASSED, "", "");
	tree_put(tree, "sys/fs/cgroup/a/pids.current", "7\n");
	expect(tree, &needs, "threads", LEND_FAILED, "13 threads more (pids.max), and the machine needs 14",
	       "TasksMax=");
	tree_put(tree, "sys/fs/cgroup/a/pids.current", "1\n");
	tree_put(tree, "sys/fs/cgroup/pids/c/pids.max", "12\n");
	tree_put(tree, "sys/fs/cgroup/pids/c/pids.current", "13\n");
	expect(tree, &needs, "threads", LEND_FAILED, "0 threads more", "");
}

static void maps(void **state)
{
	struct lend_check_needs needs = small();
	struct host_tree *tree = *state;

	needs.areas = 10;
	tree_put(tree, "proc/sys/vm/max_map_count", "524\n");
	tree_put(tree, "sys/module/vfio_iommu_type1/parameters/dma_entry_limit", "27\n");
	expect(tree, &needs, "maps", LEND_PASSED,
	       "524 maps (vm.max_map_count), and the machine has at most 524", "");
	expect(tree, &needs, "dma-maps", LEND_PASSED,
	       "27 DMA maps (dma_entry_limit), and the machine has at most 27", "");
	needs.areas = 11;
	expect(tree, &needs, "maps", LEND_FAILED, "524 maps", "vm.max_map_count=1050");
	expect(tree, &needs, "dma-maps", LEND_FAILED, "27 DMA maps",
	       "vfio_iommu_type1/parameters/dma_entry_limit");
	/* Of a module that is not loaded yet its own number counts. */
	tree_remove(tree, "sys/module/vfio_iommu_type1");
	tree_remove(tree, "proc/sys/vm/max_map_count");
	expect(tree, &needs, "dma-maps", LEND_PASSED, "65535 DMA maps", "");
	expect(tree, &needs, "maps", LEND_PASSED, "65530 maps", "");
	needs.iommufd = true; /* which has no such limit */
	expect(tree, &needs, "dma-maps", LEND_PASSED, "there is no such row", "");
}

/* Nothing raises KVM's limit, so that it is a note. */
static void routes(void **state)
{
	struct lend_check_needs needs = small();

	needs.vectors = 4072;
	expect(*state, &needs, "routes", LEND_PASSED, "", "");
	needs.vectors = 4073;
	expect(*state, &needs, "routes", LEND_NOTE, "4073 interrupt vectors, and KVM takes 4072", "queues");
	needs.routes = 8192;
	expect(*state, &needs, "routes", LEND_PASSED, "", "");
}

static void locked_memory(void **state)
{
	struct ask ask = {.tree = *state, .needs = small(), .topic = "memlock", .text = "", .cure = ""};
	struct host_tree *tree = *state;

	ask.needs.memory = 4 * mib;
	ask.text = "you may lock 5 MiB of memory, and the guest's 4 MiB are locked";
	expect_with(RLIMIT_MEMLOCK, 5 * mib, &ask);
	ask.verdict = LEND_FAILED;
	ask.text = "you may lock 64 KiB of memory, and the guest's 4096 KiB must be locked";
	ask.cure = "ulimit -l";
	expect_with(RLIMIT_MEMLOCK, 64 * kib, &ask);
	tree_put(tree, "proc/self/status", "Name:\tx\nCapEff:\t0000000000004000\n");
	ask.verdict = LEND_PASSED;
	ask.text = "you may lock as much memory as you want, and the guest's 4 MiB are locked";
	ask.cure = "";
	expect_with(RLIMIT_MEMLOCK, 64 * kib, &ask);
	/* With CAP_SYS_RESOURCE the monitor raises its own limit. */
	tree_put(tree, "proc/self/status", "Name:\tx\nCapEff:\t0000000001000000\n");
	expect_with(RLIMIT_MEMLOCK, 64 * kib, &ask);
}

/*
 * iommufd compares what all processes of the user have pinned with the limit of
 * this one. Who has CAP_IPC_LOCK (71 has) is not in that sum, nor is what type1
 * locked (VmLck).
 */
static void locked_memory_of_all_machines(void **state)
{
	struct ask ask = {.tree = *state, .needs = small(), .topic = "memlock", .text = "", .cure = ""};
	struct host_tree *tree = *state;

	if (geteuid())
		skip();
	tree_put(tree, "proc/71/status",
		 "Name:\ta\nUid:\t65534\t0\t0\t0\nVmPin:\t    9999 kB\nCapEff:\t000001ffffffffff\n");
	tree_put(tree, "proc/72/status",
		 "Name:\tb\nUid:\t65534\t0\t0\t0\nVmLck:\t    7777 kB\nVmPin:\t    2048 kB\n"
		 "CapEff:\t0000000000000000\n");
	tree_put(tree, "proc/73/status", "Name:\tc\nUid:\t1\t0\t0\t0\nVmPin:\t    5555 kB\n");
	ask.needs.memory = 4 * mib;
	expect_with(RLIMIT_MEMLOCK, 5 * mib, &ask);
	ask.needs.iommufd = true;
	ask.text = "the guest's 4 MiB are locked, beside 2 MiB of your other machines";
	expect_with(RLIMIT_MEMLOCK, 6 * mib, &ask);
	ask.verdict = LEND_FAILED;
	ask.text = "all machines of this user may lock 5120 KiB of memory, 2048 KiB are locked already, and "
		   "the guest's 4096 KiB must be locked";
	ask.cure = "LimitMEMLOCK=";
	expect_with(RLIMIT_MEMLOCK, 5 * mib, &ask);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plain, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(descriptors_without_devices),
		TEST(descriptors),
		TEST(descriptors_of_areas),
		TEST(descriptors_that_nobody_knows),
		TEST(watches),
		TEST(threads),
		TEST(threads_of_the_control_group),
		TEST(maps),
		TEST(routes),
		TEST(locked_memory),
		TEST(locked_memory_of_all_machines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

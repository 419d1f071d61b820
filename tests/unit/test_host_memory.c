/* SPDX-License-Identifier: MIT */
/* What memory a guest can have: of the computer, of control groups, in huge pages, of a node. */
#include <stdio.h>
#include <string.h>

#include "lend/check.h"
#include "lib/host/check/available.h"
#include "tests/unit/host_tree.h"

static const uint64_t mib = 1 << 20, gib = 1 << 30;

static int plain(void **state)
{
	struct host_tree *tree = tree_new("plain");

	tree_put(tree, "proc/meminfo",
		 "MemTotal:       8388608 kB\nMemFree: 1 kB\nMemAvailable:    4194304 kB\n");
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

static void assert_available(struct host_tree *tree, uint64_t bytes, const char *group)
{
	struct available there;

	available_memory(tree->context, &there);
	assert_int_equal(there.bytes, bytes);
	assert_string_equal(there.group, group);
}

static void the_computer_alone(void **state)
{
	struct host_tree *tree = *state;

	assert_available(tree, 4 * gib, "");
	tree_put(tree, "proc/self/cgroup", "0::/\n");
	assert_available(tree, 4 * gib, "");
	tree_put(tree, "proc/meminfo", "nonsense\nMemAvailable\nMemAvailable: many\n");
	assert_available(tree, UINT64_MAX, "");
	tree_put(tree, "proc/meminfo", "MemAvailable: 99999999999999999999999 kB\n");
	assert_available(tree, UINT64_MAX, "");
}

static void version_2_up_the_tree(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "proc/self/cgroup", "0::/user.slice/a.service/leaf\n");
	tree_put(tree, "sys/fs/cgroup/user.slice/a.service/leaf/memory.max", "max\n");
	tree_put(tree, "sys/fs/cgroup/user.slice/a.service/leaf/memory.high", "max\n");
	tree_put(tree, "sys/fs/cgroup/user.slice/a.service/leaf/memory.current", "1000\n");
	assert_available(tree, 4 * gib, "");
	tree_put(tree, "sys/fs/cgroup/user.slice/a.service/memory.max", "1000000\n");
	tree_put(tree, "sys/fs/cgroup/user.slice/a.service/memory.current", "400000\n");
	assert_available(tree, 600000, "/user.slice/a.service");
	/* The page cache gives way. */
	tree_put(tree, "sys/fs/cgroup/user.slice/a.service/memory.stat",
		 "anon 1\nfile 300000\ninactive_file 100000\nactive_file 50000\n");
	assert_available(tree, 750000, "/user.slice/a.service");
	/* What is above memory.high waits until it gives memory back. */
	tree_put(tree, "sys/fs/cgroup/user.slice/a.service/memory.high", "900000\n");
	assert_available(tree, 650000, "/user.slice/a.service");
	tree_put(tree, "sys/fs/cgroup/user.slice/memory.max", "500000\n");
	tree_put(tree, "sys/fs/cgroup/user.slice/memory.current", "500001\n");
	assert_available(tree, 0, "/user.slice");
	tree_put(tree, "sys/fs/cgroup/user.slice/memory.current", "100\n");
	tree_put(tree, "sys/fs/cgroup/memory.max", "30\n");
	tree_put(tree, "sys/fs/cgroup/memory.current", "10\n");
	assert_available(tree, 20, "/");
}

static void version_1_and_hybrid(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "proc/self/cgroup",
		 "9:name=systemd:/x\n5:cpu,cpuacct:/x\n4:cpu,memory:/docker/abc\n3:memoryless:/y\n0::/z\n");
	tree_put(tree, "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
	tree_put(tree, "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "400\n");
	assert_available(tree, 4 * gib, "");
	tree_put(tree, "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1000\n");
	tree_put(tree, "sys/fs/cgroup/memory/docker/abc/memory.stat",
		 "inactive_file 5\ntotal_inactive_file 30\n");
	assert_available(tree, 630, "/docker/abc");
	tree_put(tree, "sys/fs/cgroup/unified/z/memory.max", "77\n");
	tree_put(tree, "sys/fs/cgroup/unified/z/memory.current", "7\n");
	assert_available(tree, 70, "/z");
	tree_put(tree, "sys/fs/cgroup/memory/y/memory.limit_in_bytes", "1\n");
	tree_put(tree, "sys/fs/cgroup/memory/y/memory.usage_in_bytes", "1\n");
	assert_available(tree, 70, "/z");
}

static void odd_group_lines(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "proc/self/cgroup",
		 "\n:\n::\n0:\n0::\n0::relative\n0::/../elsewhere\n4:memory:\n4:,:/\n");
	assert_available(tree, 4 * gib, "");
}

/* The first row of the topic that failed or is a note; NULL: there is none. */
static const struct lend_check_row *find(struct host_tree *tree, const struct lend_check_options *options,
					 const char *topic)
{
	static struct lend_check_row found;
	const struct lend_check_row *row;
	struct lend_bdf bdf = tree_bdf("01:00.0");
	struct lend_check *check;
	bool any = false;

	assert_int_equal(lend_check_new(tree->context, &bdf, 1, options, &check, NULL), 0);
	for (size_t i = 0; !any && (row = lend_check_at(check, i)); i++)
		if (!strcmp(row->topic, topic) && row->verdict != LEND_PASSED) {
			found = *row;
			any = true;
		}
	lend_check_free(check);
	return any ? &found : NULL;
}

static void expect(struct host_tree *tree, const struct lend_check_options *options, const char *topic,
		   enum lend_verdict verdict, const char *text, const char *cure)
{
	const struct lend_check_row *row = find(tree, options, topic);

	if (!row)
		fail_msg("there is no row of %s", topic);
	if (row->verdict != verdict || !strstr(row->text, text) ||
	    (!strstr(row->command, cure) && !strstr(row->advice, cure)))
		fail_msg("%d '%s' '%s' '%s'", row->verdict, row->text, row->command, row->advice);
}

/* The guest's page tables and the monitor count. */
static void both_numbers_are_said(void **state)
{
	struct lend_check_options options = {.size = sizeof(options), .memory = 3 * gib};
	struct host_tree *tree = *state;

	assert_null(find(tree, &options, "memory"));
	options.memory = 4 * gib;
	expect(tree, &options, "memory", LEND_FAILED,
	       "a guest of 4096 MiB needs 4128 MiB of memory, but this computer has 4096 MiB", "-m");
	options.memory = UINT64_MAX - 4095;
	expect(tree, &options, "memory", LEND_FAILED, "this computer", "-m");
	tree_put(tree, "proc/self/cgroup", "0::/g\n");
	tree_put(tree, "sys/fs/cgroup/g/memory.max", "1073741824\n");
	tree_put(tree, "sys/fs/cgroup/g/memory.current", "0\n");
	options.memory = 2 * gib;
	expect(tree, &options, "memory", LEND_FAILED,
	       "the control group /g allows 1024 MiB more (memory.max)", "raise memory.max");
}

static void huge_pages_are_counted(void **state)
{
	struct lend_check_options options = {
		.size = sizeof(options), .memory = 8 * mib, .huge_page = 2 * mib};
	const char *dir = "sys/kernel/mm/hugepages/hugepages-2048kB";
	struct host_tree *tree = *state;
	char path[128];

	tree_remove(tree, dir);
	expect(tree, &options, "hugepages", LEND_FAILED, "no huge pages of 2 MiB", "leave hugetlb= away");
	snprintf(path, sizeof(path), "%s/free_hugepages", dir);
	tree_put(tree, path, "0\n");
	expect(tree, &options, "hugepages", LEND_FAILED, "4 huge pages of 2 MiB, but 0 are free",
	       "echo 4 > ");
	tree_put(tree, path, "5\n");
	assert_null(find(tree, &options, "hugepages"));
	/* Three of nine are in use, and two of the free ones are promised to somebody. */
	snprintf(path, sizeof(path), "%s/resv_hugepages", dir);
	tree_put(tree, path, "2\n");
	snprintf(path, sizeof(path), "%s/nr_hugepages", dir);
	tree_put(tree, path, "9\n");
	expect(tree, &options, "hugepages", LEND_FAILED, "but 3 are free", "echo 10 > ");
	expect(tree, &options, "hugepages", LEND_FAILED, "", "hugepages-2048kB/nr_hugepages");
	options.memory = 6 * mib;
	assert_null(find(tree, &options, "hugepages"));
	options.memory = 8 * mib;
	snprintf(path, sizeof(path), "%s/nr_overcommit_hugepages", dir);
	tree_put(tree, path, "3\n");
	assert_null(find(tree, &options, "hugepages"));
	snprintf(path, sizeof(path), "%s/surplus_hugepages", dir);
	tree_put(tree, path, "3\n");
	expect(tree, &options, "hugepages", LEND_FAILED, "but 3 are free", "");
}

static void huge_pages_of_a_control_group(void **state)
{
	static const struct {
		const char *groups, *most, *now;
		const char *text;
	} rows[] = {
		{"0::/g\n", "sys/fs/cgroup/g/hugetlb.2MB.max", "sys/fs/cgroup/g/hugetlb.2MB.current",
		 "/g allows 3 more (hugetlb.2MB.max)"},
		{"0::/h\n", "sys/fs/cgroup/h/hugetlb.2MB.rsvd.max",
		 "sys/fs/cgroup/h/hugetlb.2MB.rsvd.current", "/h allows 3 more (hugetlb.2MB.rsvd.max)"},
		{"7:hugetlb:/i/k\n", "sys/fs/cgroup/hugetlb/i/hugetlb.2MB.limit_in_bytes",
		 "sys/fs/cgroup/hugetlb/i/hugetlb.2MB.usage_in_bytes", "/i allows 3 more"},
	};
	struct lend_check_options options = {
		.size = sizeof(options), .memory = 8 * mib, .huge_page = 2 * mib};
	struct host_tree *tree = *state;

	tree_put(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "50\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tree_put(tree, "proc/self/cgroup", rows[i].groups);
		tree_put(tree, rows[i].most, "10485760\n");
		tree_put(tree, rows[i].now, "2097152\n");
		assert_null(find(tree, &options, "hugepages"));
		tree_put(tree, rows[i].now, "4194304\n");
		expect(tree, &options, "hugepages", LEND_FAILED, rows[i].text, "raise hugetlb.2MB");
	}
}

static void nodes_of_memory(void **state)
{
	struct lend_check_options options = {
		.size = sizeof(options), .memory = 512 * mib, .has_node = true, .node = 3};
	struct host_tree *tree = *state;

	tree_remove(tree, "sys/devices/system/node");
	expect(tree, &options, "numa", LEND_FAILED, "knows no nodes of memory", "leave out node=");
	tree_put(tree, "sys/devices/system/node/online", "0-3\n");
	tree_put(tree, "sys/devices/system/node/has_memory", "0-1,4\n");
	expect(tree, &options, "numa", LEND_FAILED,
	       "node=3: this computer has no memory of that node; those that have memory: 0-1,4",
	       "give another one");
	options.node = 1;
	assert_null(find(tree, &options, "numa"));
	tree_put(tree, "sys/devices/system/node/node1/meminfo",
		 "\nNode 1 MemTotal:       4194304 kB\nNode 1 MemFree:         102400 kB\n");
	expect(tree, &options, "numa", LEND_FAILED,
	       "node=1: a guest of 512 MiB needs 530 MiB of memory of that node, and 100 MiB of it are "
	       "available",
	       "leave out node=");
	/* What the kernel keeps of files gives way. */
	tree_put(tree, "sys/devices/system/node/node1/meminfo",
		 "Node 1 MemFree: 102400 kB\nNode 1 Active(file): 419840 kB\nNode 1 Inactive(file): 20480 "
		 "kB\n");
	assert_null(find(tree, &options, "numa"));
	tree_put(tree, "sys/devices/system/node/node1/meminfo",
		 "Node 1 MemFree: 102400 kB\nNode 1 Active(file): 18014398509481984 kB\n");
	assert_null(find(tree, &options, "numa"));
	tree_put(tree, "sys/devices/system/node/node1/meminfo", "Node 1 MemFree: 102400 kB\n");
	/* Of the whole computer's huge pages enough are free: the node's own count. */
	options.huge_page = 2 * mib;
	tree_put(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "256\n");
	tree_put(tree, "sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", "4\n");
	tree_put(tree, "sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "9\n");
	expect(tree, &options, "numa", LEND_FAILED,
	       "node=1: a guest of 512 MiB needs 256 huge pages of 2 MiB of that node, and 4 of it are free",
	       "/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages");
	expect(tree, &options, "numa", LEND_FAILED, "", "echo 261 > ");
	tree_put(tree, "sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", "256\n");
	assert_null(find(tree, &options, "numa"));
	options.huge_page = 0;
	tree_put(tree, "proc/self/status", "Name:\tx\nMems_allowed_list:\t0,4\n");
	expect(tree, &options, "numa", LEND_FAILED, "cpuset.mems", "another one");
	/* Of the devices' own node it is never more than a note. */
	options.has_node = false;
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/numa_node", "1\n");
	expect(tree, &options, "numa", LEND_NOTE,
	       "node 1, that of the devices, has 100 MiB available: the rest", "");
	tree_put(tree, "sys/devices/system/node/has_memory", "1\n");
	assert_null(find(tree, &options, "numa"));
}

/* What a kernel could write there but does not: no crash, and nothing is refused for it. */
static void lists_that_lie(void **state)
{
	static const char *const lists[] = {"", ",", "-", "3-1", "0-99999999999", "x", "0,,1", "1-", "-1"};
	struct host_tree *tree = *state;
	struct numa numa;

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		tree_put(tree, "sys/devices/system/node/has_memory", lists[i]);
		available_node(tree->context, 7, 0, &numa);
		assert_false(numa.has);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plain, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_computer_alone),
		TEST(version_2_up_the_tree),
		TEST(version_1_and_hybrid),
		TEST(odd_group_lines),
		TEST(both_numbers_are_said),
		TEST(huge_pages_are_counted),
		TEST(huge_pages_of_a_control_group),
		TEST(nodes_of_memory),
		TEST(lists_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

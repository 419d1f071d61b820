/* SPDX-License-Identifier: MIT */
/*
 * What memory there is, from trees that the test makes; and
 * whether KVM's node can be used.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool/run/kvm_node.c"
#include "tool/run/memory.c"
#include "tool/say.c"

struct tree {
	char root[64], proc[80], sys[80];
	struct memory_limit limit;
	struct lend_error error;
};

/* Writes root/path, making the folders above it. */
static void put(const struct tree *tree, const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *file;

	assert_true(snprintf(full, sizeof(full), "%s/%s", tree->root, path) < PATH_MAX);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	strcpy(tree->root, "/tmp/lend-test-mem-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	snprintf(tree->proc, sizeof(tree->proc), "%s/proc", tree->root);
	snprintf(tree->sys, sizeof(tree->sys), "%s/sys", tree->root);
	put(tree, "proc/meminfo", "MemTotal:       8388608 kB\nMemFree: 1 kB\nMemAvailable:    4194304 kB\n");
	*state = tree;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct tree *tree = *state;

	nftw(tree->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(tree);
	return 0;
}

static void assert_available(struct tree *tree, uint64_t available, const char *group)
{
	memory_available(tree->proc, tree->sys, &tree->limit);
	assert_int_equal(tree->limit.available, available);
	assert_string_equal(tree->limit.group, group);
}

static void the_computer_alone(void **state)
{
	struct tree *tree = *state;

	assert_available(tree, UINT64_C(4) << 30, "");
	put(tree, "proc/self/cgroup", "0::/\n");
	assert_available(tree, UINT64_C(4) << 30, "");
	put(tree, "proc/meminfo", "nonsense\n");
	assert_available(tree, UINT64_MAX, "");
}

static void version_2_up_the_tree(void **state)
{
	struct tree *tree = *state;

	put(tree, "proc/self/cgroup", "0::/user.slice/a.service/leaf\n");
	put(tree, "sys/fs/cgroup/user.slice/a.service/leaf/memory.max", "max\n");
	put(tree, "sys/fs/cgroup/user.slice/a.service/leaf/memory.current", "1000\n");
	assert_available(tree, UINT64_C(4) << 30, "");
	put(tree, "sys/fs/cgroup/user.slice/a.service/memory.max", "1000000\n");
	put(tree, "sys/fs/cgroup/user.slice/a.service/memory.current", "400000\n");
	assert_available(tree, 600000, "/user.slice/a.service");
	/* The page cache gives way. */
	put(tree, "sys/fs/cgroup/user.slice/a.service/memory.stat",
	    "anon 1\nfile 300000\ninactive_file 100000\nactive_file 50000\n");
	assert_available(tree, 750000, "/user.slice/a.service");
	put(tree, "sys/fs/cgroup/user.slice/memory.max", "500000\n");
	put(tree, "sys/fs/cgroup/user.slice/memory.current", "500001\n");
	assert_available(tree, 0, "/user.slice");
	put(tree, "sys/fs/cgroup/user.slice/memory.current", "100\n");
	put(tree, "sys/fs/cgroup/memory.max", "30\n");
	put(tree, "sys/fs/cgroup/memory.current", "10\n");
	assert_available(tree, 20, "/");
}

static void version_1_and_hybrid(void **state)
{
	struct tree *tree = *state;

	put(tree, "proc/self/cgroup",
	    "9:name=systemd:/x\n5:cpu,cpuacct:/x\n4:memory:/docker/abc\n3:memoryless:/y\n0::/z\n");
	put(tree, "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
	put(tree, "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "400\n");
	assert_available(tree, UINT64_C(4) << 30, "");
	put(tree, "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1000\n");
	put(tree, "sys/fs/cgroup/memory/docker/abc/memory.stat", "inactive_file 5\ntotal_inactive_file 30\n");
	assert_available(tree, 630, "/docker/abc");
	put(tree, "sys/fs/cgroup/unified/z/memory.max", "77\n");
	put(tree, "sys/fs/cgroup/unified/z/memory.current", "7\n");
	assert_available(tree, 70, "/z");
	put(tree, "sys/fs/cgroup/memory/y/memory.limit_in_bytes", "1\n");
	put(tree, "sys/fs/cgroup/memory/y/memory.usage_in_bytes", "1\n");
	assert_available(tree, 70, "/z");
}

static void odd_group_lines(void **state)
{
	struct tree *tree = *state;

	put(tree, "proc/self/cgroup", "\n:\n::\n0:\n0::\n0::relative\n0::/../elsewhere\n4:memory:\n");
	assert_available(tree, UINT64_C(4) << 30, "");
}

static void check_says_both_numbers(void **state)
{
	struct tree *tree = *state;

	assert_int_equal(memory_check(tree->proc, tree->sys, UINT64_C(3) << 30, 0, &tree->error), 0);
	/* What is available is not enough for its own page tables too. */
	assert_int_equal(memory_check(tree->proc, tree->sys, UINT64_C(4) << 30, 0, &tree->error), -ENOMEM);
	assert_non_null(strstr(tree->error.text, "4096 MiB"));
	assert_non_null(strstr(tree->error.text, "4128 MiB"));
	assert_non_null(strstr(tree->error.text, "this computer"));
	assert_int_equal(memory_check(tree->proc, tree->sys, UINT64_MAX - 4095, 0, &tree->error), -ENOMEM);
	put(tree, "proc/self/cgroup", "0::/g\n");
	put(tree, "sys/fs/cgroup/g/memory.max", "1073741824\n");
	put(tree, "sys/fs/cgroup/g/memory.current", "0\n");
	assert_int_equal(memory_check(tree->proc, tree->sys, UINT64_C(2) << 30, 0, &tree->error), -ENOMEM);
	assert_non_null(strstr(tree->error.text, "2048 MiB"));
	assert_non_null(strstr(tree->error.text, "1024 MiB"));
	assert_non_null(strstr(tree->error.text, "control group /g"));
}

static void huge_pages_are_counted(void **state)
{
	static const uint64_t mib = 1 << 20;
	struct tree *tree = *state;

	assert_int_equal(memory_check(tree->proc, tree->sys, 8 * mib, 2 * mib, &tree->error), -ENOMEM);
	assert_non_null(strstr(tree->error.text, "4 huge pages of 2 MiB, but 0 are free"));
	put(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "5\n");
	assert_int_equal(memory_check(tree->proc, tree->sys, 8 * mib, 2 * mib, &tree->error), 0);
	put(tree, "sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "2\n");
	assert_int_equal(memory_check(tree->proc, tree->sys, 8 * mib, 2 * mib, &tree->error), -ENOMEM);
	assert_non_null(strstr(tree->error.text, "3 are free"));
	assert_non_null(strstr(tree->error.text, "hugepages-2048kB/nr_hugepages"));
	assert_int_equal(memory_check(tree->proc, tree->sys, 6 * mib, 2 * mib, &tree->error), 0);
}

static void kvm_node(void **state)
{
	struct tree *tree = *state;
	struct lend_error *error = &tree->error;
	int status;
	pid_t pid;

	assert_int_equal(kvm_node_check(tree->root, error), -ENOENT);
	assert_non_null(strstr(error->text, "modprobe kvm"));
	put(tree, "kvm", "");
	assert_int_equal(kvm_node_check(tree->root, error), 0);
	if (geteuid())
		return;
	chmod(tree->root, 0755);
	pid = fork();
	if (!pid)
		_exit(setuid(65534) || kvm_node_check(tree->root, error) != -EACCES ||
		      !strstr(error->text, "group kvm"));
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_computer_alone), CASE(version_2_up_the_tree),   CASE(version_1_and_hybrid),
		CASE(odd_group_lines),    CASE(check_says_both_numbers),
		CASE(kvm_node),           CASE(huge_pages_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

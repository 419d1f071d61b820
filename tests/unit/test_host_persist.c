/* SPDX-License-Identifier: MIT */
/* Rules that survive a reboot, and helpers that are left behind. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lend/bind.h"
#include "lib/host/taking/write.h"
#include "tests/unit/host_tree.h"

static int plain(void **state)
{
	*state = tree_new("plain");
	return 0;
}

static int sriov(void **state)
{
	*state = tree_new("sriov");
	return 0;
}

static int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

static char notes[1024];

static void note(void *opaque, const char *line)
{
	size_t used = strlen(notes);

	(void)opaque;
	snprintf(notes + used, sizeof(notes) - used, "%s\n", line);
}

/* As lend bind --boot does it; what was in /run is gone. */
static int boot(struct host_tree *tree)
{
	struct lend_bind_options options = {.size = sizeof(options), .note = note};

	notes[0] = '\0';
	tree_remove(tree, "run/lend");
	return lend_bind_persistent(tree->context, &options, NULL);
}

static void persist(struct host_tree *tree, const char *address)
{
	tree_survey(tree);
	assert_int_equal(lend_persist(tree->context, tree_device(tree, address), NULL, NULL), 0);
}

static void no_rules(void **state)
{
	assert_int_equal(boot(*state), 0);
	assert_string_equal(notes, "");
}

static void the_same_device(void **state)
{
	struct host_tree *tree = *state;

	persist(tree, "01:00.0");
	assert_true(lend_is_persistent(tree->context, tree_device(tree, "01:00.0")));
	assert_false(lend_is_persistent(tree->context, tree_device(tree, "02:00.0")));
	assert_int_equal(boot(tree), 1);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "vfio-pci");
	/* Called again: it is there. */
	tree_bind(tree, "0000:01:00.0", "nvme");
	assert_int_equal(lend_forget(tree->context, tree_device(tree, "01:00.0"), NULL), 0);
	assert_int_equal(lend_forget(tree->context, tree_device(tree, "01:00.0"), NULL), -ENOENT);
	assert_int_equal(boot(tree), 0);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
}

/* Persisted while VFIO has it: the serial number is the one that was remembered. */
static void persisted_when_bound(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bdf bdf = tree_bdf("01:00.0");

	assert_int_equal(lend_bind(tree->context, &bdf, 1, NULL, NULL), 0);
	persist(tree, "01:00.0");
	assert_non_null(strstr(tree_get(tree, "etc/lend/bind.d/pci0000:00_10.0_00.0"), "1b36:0010/lend0"));
}

static void another_device_in_that_slot(void **state)
{
	struct host_tree *tree = *state;

	persist(tree, "01:00.0");
	tree_put(tree, "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/nvme/nvme0/serial", "other  \n");
	assert_int_equal(boot(tree), 0);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
	assert_non_null(strstr(notes, "left alone: 0000:01:00.0 has the serial number other and not lend0"));
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/device", "0x0011\n");
	assert_int_equal(boot(tree), 0);
	assert_non_null(strstr(notes, "1b36:0011 and not 1b36:0010"));
	tree_remove(tree, "sys/bus/pci/devices/0000:01:00.0");
	assert_int_equal(boot(tree), 0);
	assert_non_null(strstr(notes, "nothing is at pci0000:00/10.0/00.0"));
}

/* Buses were numbered anew: the slot counts, not the address. */
static void another_number(void **state)
{
	struct host_tree *tree = *state;
	char from[PATH_MAX], to[PATH_MAX];

	persist(tree, "01:00.0");
	snprintf(from, sizeof(from), "%s/devices/pci0000:00/0000:00:10.0/0000:01:00.0", tree->sys);
	snprintf(to, sizeof(to), "%s/devices/pci0000:00/0000:00:10.0/0000:07:00.0", tree->sys);
	assert_int_equal(rename(from, to), 0);
	tree_remove(tree, "sys/bus/pci/devices/0000:01:00.0");
	tree_link(tree, "sys/bus/pci/devices/0000:07:00.0",
		  "../../../devices/pci0000:00/0000:00:10.0/0000:07:00.0");
	assert_int_equal(boot(tree), 1);
	assert_string_equal(tree_driver(tree, "0000:07:00.0"), "vfio-pci");
}

static void a_failure_is_told(void **state)
{
	struct host_tree *tree = *state;

	persist(tree, "01:00.0");
	persist(tree, "00:09.0");
	tree_put(tree, "etc/lend/bind.d/rubbish", "what is this\n");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	assert_true(boot(tree) < 0);
	assert_non_null(strstr(notes, "rubbish is no rule"));
	assert_non_null(strstr(notes, "is in use"));
	assert_string_equal(tree_driver(tree, "0000:00:09.0"), "vfio-pci");
}

#define RULE "etc/lend/bind.d/pci0000:00_10.0_00.0"
#define SLOT "path pci0000:00/10.0/00.0"

/* Written by an editor of another system: the same rule, with nobody's nodes. */
static void other_line_ends(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, RULE, SLOT "\r\ndevice 1b36:0010/lend0 \r\nuser -\r\nsiblings yes\r\n");
	assert_int_equal(boot(tree), 1);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "vfio-pci");
	assert_non_null(strstr(tree_get(tree, "run/lend/0000:01:00.0"), "to-user 0\n"));
}

/* A user that is no number is not the first one. */
static void a_value_that_is_none(void **state)
{
	static const char *const values[] = {"user root", "user -1", "user 1000 1001", "user 4294967296"};
	struct host_tree *tree = *state;
	char text[160];

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		snprintf(text, sizeof(text), SLOT "\ndevice 1b36:0010/lend0\n%s\n", values[i]);
		tree_put(tree, RULE, text);
		assert_int_equal(boot(tree), -EINVAL);
		assert_non_null(strstr(notes, "pci0000:00_10.0_00.0 is no rule"));
		assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
	}
}

/* What an editor or a package leaves beside a rule is none. */
static void copies_of_a_rule(void **state)
{
	static const char *const copies[] = {RULE "~", RULE ".rpmsave", RULE ".functions~", RULE ".bak"};
	struct host_tree *tree = *state;

	for (size_t i = 0; i < sizeof(copies) / sizeof(*copies); i++) {
		tree_put(tree, copies[i], SLOT "\ndevice 1b36:0010/lend0\nfunctions 2\n");
		assert_int_equal(boot(tree), -EINVAL);
		assert_non_null(strstr(notes, "is no rule"));
		assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
		tree_remove(tree, copies[i]);
	}
}

#define NUMVFS "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"

/* A boot has no virtual functions to begin with. */
static int boot_without_functions(struct host_tree *tree)
{
	struct lend_bdf pf = tree_bdf("01:00.0");

	tree_remove(tree, "run/lend");
	tree->vfs_refuse = 0;
	assert_int_equal(lend_set_vfs(tree->context, &pf, 0, NULL, NULL), 0);
	return boot(tree);
}

/* The rule of a virtual function has how many there were, and holds. */
static void a_virtual_function(void **state)
{
	struct host_tree *tree = *state;

	persist(tree, "01:10.2");
	assert_int_equal(boot_without_functions(tree), 1);
	assert_string_equal(tree_get(tree, NUMVFS), "2");
	assert_string_equal(tree_driver(tree, "0000:01:10.2"), "vfio-pci");
	assert_string_equal(tree_driver(tree, "0000:01:10.0"), "igbvf");
	/* Followed once more: they are at work, and stay. */
	assert_int_equal(boot(tree), 1);
	assert_string_equal(tree_get(tree, NUMVFS), "2");
}

/* Several of one device: as many as the rule of the device says, else the most of theirs. */
static void how_many_functions(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bdf pf = tree_bdf("01:00.0");

	persist(tree, "01:10.2");
	assert_int_equal(lend_set_vfs(tree->context, &pf, 1, NULL, NULL), 0);
	persist(tree, "01:10.0");
	assert_int_equal(boot_without_functions(tree), 2);
	assert_string_equal(tree_get(tree, NUMVFS), "2");
	assert_int_equal(lend_persist_vfs(tree->context, tree_device(tree, "01:00.0"), 1, NULL), 0);
	assert_int_equal(lend_persistent_vfs(tree->context, tree_device(tree, "01:00.0")), 1);
	assert_int_equal(boot_without_functions(tree), -ENXIO);
	assert_string_equal(tree_get(tree, NUMVFS), "1");
	assert_non_null(strstr(notes, "has 1 virtual function, and none with the number 1"));
	assert_non_null(strstr(notes, "lend vf --persist 0000:01:00.0 2"));
	assert_string_equal(tree_driver(tree, "0000:01:10.0"), "vfio-pci");
	assert_int_equal(lend_persist_vfs(tree->context, tree_device(tree, "01:00.0"), 0, NULL), 0);
	assert_int_equal(lend_persistent_vfs(tree->context, tree_device(tree, "01:00.0")), 0);
	assert_int_equal(lend_persist_vfs(tree->context, tree_device(tree, "01:00.0"), 0, NULL), 0);
	assert_int_equal(lend_persist_vfs(tree->context, tree_device(tree, "01:00.0"), 8, NULL), -ERANGE);
	assert_int_equal(lend_persist_vfs(tree->context, tree_device(tree, "00:1f.2"), 1, NULL), -EOPNOTSUPP);
}

/* Of another device in that slot none are made. */
static void another_physical_function(void **state)
{
	struct host_tree *tree = *state;

	persist(tree, "01:10.0");
	assert_int_equal(lend_persist_vfs(tree->context, tree_device(tree, "01:00.0"), 2, NULL), 0);
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/device", "0x1521\n");
	boot_without_functions(tree);
	assert_string_equal(tree_get(tree, NUMVFS), "0");
	assert_non_null(strstr(notes, "8086:1521 and not 8086:10c9"));
}

/* A rule without a number, as an earlier version wrote it, and a driver that refuses: both are failures. */
static void functions_that_are_not_made(void **state)
{
	struct host_tree *tree = *state;
	char rule[64] = "etc/lend/bind.d/pci0000:00_10.0_00.0_vf0";

	tree_put(tree, rule, "path pci0000:00/10.0/00.0/vf0\ndevice 8086:10ca\nuser -\nsiblings no\n");
	assert_int_equal(boot_without_functions(tree), -ENXIO);
	assert_non_null(strstr(notes, "lend vf --persist 0000:01:00.0 1 makes them"));
	assert_int_equal(lend_persist_vfs(tree->context, tree_device(tree, "01:00.0"), 2, NULL), 0);
	tree->vfs_refuse = 2;
	assert_int_equal(boot(tree), -ENOSPC);
	assert_non_null(strstr(notes, "igb refuses"));
}

/* The helper: a pipe that nobody reads is an attribute that does not come back. */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void a_write_that_hangs(void **state)
{
	struct host_tree *tree = *state;
	struct lend_context_config config = {.size = sizeof(config)};
	struct lend_context *context;
	char path[PATH_MAX], text[8];
	double start = now();

	assert_int_equal(lend_context_new(&config, &context), 0);
	snprintf(path, sizeof(path), "%s", tree_path(tree, "pipe"));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(host_write(context, path, "x", 100), -ETIMEDOUT);
	/* Another pipe: the first one's helper would answer this one's. */
	assert_int_equal(mkfifo(tree_path(tree, "other"), 0600), 0);
	assert_int_equal(host_read(tree->root, "other", text, sizeof(text), 100), -ETIMEDOUT);
	assert_true(now() - start >= 0.2 && now() - start < 20);
	tree_put(tree, "file", "");
	snprintf(path, sizeof(path), "%s", tree_path(tree, "file"));
	assert_int_equal(host_write(context, path, "text\n", 30000), 0);
	assert_int_equal(host_read(tree->root, "file", text, sizeof(text), 30000), 4);
	assert_string_equal(text, "text");
	assert_int_equal(host_read(tree->root, "file", text, 4, 30000), -ENAMETOOLONG);
	assert_int_equal(host_write(context, tree_path(tree, "none/none"), "x", 30000), -ENOENT);
	lend_context_free(context);
}

/* A process that runs on does not collect what it left behind. */
static void a_helper_that_was_left_behind(void **state)
{
	struct host_tree *tree = *state;
	struct lend_context_config config = {.size = sizeof(config)};
	struct lend_context *context;
	double start = now();
	char path[PATH_MAX];
	siginfo_t child;

	assert_int_equal(lend_context_new(&config, &context), 0);
	snprintf(path, sizeof(path), "%s", tree_path(tree, "pipe"));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(host_write(context, path, "x", 100), -ETIMEDOUT);
	/* Nobody but the library waits for it here. */
	while (!waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) && now() - start < 60)
		poll(NULL, 0, 10);
	assert_int_equal(errno, ECHILD);
	lend_context_free(context);
}

/* What is left behind holds nothing of ours: a reader of our output sees its end. */
static void a_helper_keeps_no_descriptor(void **state)
{
	struct host_tree *tree = *state;
	struct lend_context_config config = {.size = sizeof(config)};
	struct lend_context *context;
	char path[PATH_MAX], byte;
	int ends[2];

	assert_int_equal(lend_context_new(&config, &context), 0);
	snprintf(path, sizeof(path), "%s", tree_path(tree, "pipe"));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(host_write(context, path, "x", 100), -ETIMEDOUT);
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	lend_context_free(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plain, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_rules),
		TEST(the_same_device),
		TEST(persisted_when_bound),
		TEST(another_device_in_that_slot),
		TEST(another_number),
		TEST(a_failure_is_told),
		TEST(other_line_ends),
		TEST(a_value_that_is_none),
		TEST(copies_of_a_rule),
		cmocka_unit_test_setup_teardown(a_virtual_function, sriov, teardown),
		cmocka_unit_test_setup_teardown(how_many_functions, sriov, teardown),
		cmocka_unit_test_setup_teardown(another_physical_function, sriov, teardown),
		cmocka_unit_test_setup_teardown(functions_that_are_not_made, sriov, teardown),
		TEST(a_write_that_hangs),
		TEST(a_helper_that_was_left_behind),
		TEST(a_helper_keeps_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

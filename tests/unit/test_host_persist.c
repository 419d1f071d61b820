/* SPDX-License-Identifier: MIT */
/* Rules that survive a reboot. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_taking.h"

static void persist(struct host_tree *tree, const char *address)
{
	assert_int_equal(persist_one(tree, address, NULL, NULL), 0);
}

static void no_rules(void **state)
{
	assert_int_equal(boot(*state, NULL), 0);
	assert_string_equal(notes, "");
}

static void the_same_device(void **state)
{
	struct host_tree *tree = *state;

	persist(tree, "01:00.0");
	assert_true(lend_is_persistent(tree->context, tree_device(tree, "01:00.0")));
	assert_false(lend_is_persistent(tree->context, tree_device(tree, "02:00.0")));
	assert_int_equal(boot(tree, NULL), 1);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "vfio-pci");
	/* Called again: it is there. */
	tree_bind(tree, "0000:01:00.0", "nvme");
	assert_int_equal(lend_forget(tree->context, tree_device(tree, "01:00.0"), NULL), 0);
	assert_int_equal(lend_forget(tree->context, tree_device(tree, "01:00.0"), NULL), -ENOENT);
	assert_int_equal(boot(tree, NULL), 0);
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
	assert_int_equal(boot(tree, NULL), 0);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
	assert_non_null(strstr(notes, "left alone: 0000:01:00.0 has the serial number other and not lend0"));
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/device", "0x0011\n");
	assert_int_equal(boot(tree, NULL), 0);
	assert_non_null(strstr(notes, "1b36:0011 and not 1b36:0010"));
	tree_remove(tree, "sys/bus/pci/devices/0000:01:00.0");
	assert_int_equal(boot(tree, NULL), 0);
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
	assert_int_equal(boot(tree, NULL), 1);
	assert_string_equal(tree_driver(tree, "0000:07:00.0"), "vfio-pci");
}

static void a_failure_is_told(void **state)
{
	struct host_tree *tree = *state;

	persist(tree, "01:00.0");
	persist(tree, "00:09.0");
	tree_put(tree, "etc/lend/bind.d/rubbish", "what is this\n");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	assert_true(boot(tree, NULL) < 0);
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
	assert_int_equal(boot(tree, NULL), 1);
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
		assert_int_equal(boot(tree, NULL), -EINVAL);
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
		assert_int_equal(boot(tree, NULL), -EINVAL);
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
	return boot(tree, NULL);
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
	assert_int_equal(boot(tree, NULL), 1);
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
	assert_int_equal(boot(tree, NULL), -ENOSPC);
	assert_non_null(strstr(notes, "igb refuses"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_rules, plain),
		TEST(the_same_device, plain),
		TEST(persisted_when_bound, plain),
		TEST(another_device_in_that_slot, plain),
		TEST(another_number, plain),
		TEST(a_failure_is_told, plain),
		TEST(other_line_ends, plain),
		TEST(a_value_that_is_none, plain),
		TEST(copies_of_a_rule, plain),
		TEST(a_virtual_function, sriov),
		TEST(how_many_functions, sriov),
		TEST(another_physical_function, sriov),
		TEST(functions_that_are_not_made, sriov),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

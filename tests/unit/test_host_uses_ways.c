/* SPDX-License-Identifier: MIT */
/* The table of the ways, and what is said where one could not be looked at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/survey/survey.h"
#include "tests/unit/host_uses.h"

static const char *unseen(struct host_tree *tree, const char *name)
{
	struct lend_way way;

	tree_survey(tree);
	for (size_t i = 0; lend_survey_way(tree->survey, i, &way); i++)
		if (!strcmp(way.name, name))
			return way.unseen;
	fail_msg("there is no way '%s'", name);
	return NULL;
}

/* What may not be listed is told: a file where a folder should be fails like one. */
static void what_cannot_be_looked_at(void **state)
{
	struct host_tree *tree = *state;

	assert_null(unseen(tree, "open"));
	assert_null(unseen(tree, "mount"));
	tree_put(tree, "proc/300/fd", "");
	assert_non_null(strstr(unseen(tree, "open"), "processes of other users (1); "));
	assert_non_null(unseen(tree, "lent"));
	assert_null(unseen(tree, "mount"));
	tree_put(tree, "proc/300/ns", "");
	assert_non_null(unseen(tree, "mount"));
	assert_null(unseen(tree, "swap"));
	tree_link(tree, "proc/self/ns/pid", "pid:[4026531836]");
	assert_non_null(strstr(unseen(tree, "open"), "processes of other users (1); "));
	tree_link(tree, "proc/self/ns/pid", "pid:[4026532000]");
	assert_string_equal(unseen(tree, "open"),
			    "processes outside this container; lend has to run outside");
}

/* What several ways lack is said once. */
static void what_is_said_once(void **state)
{
	struct host_tree *tree = *state;

	tree_survey(tree);
	assert_null(lend_survey_unseen(tree->survey, 0));
	tree_put(tree, "proc/300/fd", "");
	assert_non_null(unseen(tree, "open"));
	assert_non_null(unseen(tree, "lent"));
	assert_non_null(strstr(lend_survey_unseen(tree->survey, 0), "processes of other users (1)"));
	assert_null(lend_survey_unseen(tree->survey, 1));
	tree_remove(tree, "proc/swaps");
	tree_folder(tree, "proc/swaps");
	tree_survey(tree);
	assert_non_null(strstr(lend_survey_unseen(tree->survey, 0), "processes of other users (1)"));
	assert_non_null(strstr(lend_survey_unseen(tree->survey, 1), "proc/swaps"));
	assert_null(lend_survey_unseen(tree->survey, 2));
}

/* A table that cannot be read is no empty one. */
static void tables_that_cannot_be_read(void **state)
{
	struct host_tree *tree = *state;

	assert_null(unseen(tree, "mount"));
	assert_null(unseen(tree, "swap"));
	tree_remove(tree, "proc/self/mountinfo");
	tree_remove(tree, "proc/swaps");
	assert_non_null(unseen(tree, "mount"));
	assert_null(unseen(tree, "swap"));
	tree_folder(tree, "proc/swaps");
	assert_non_null(unseen(tree, "swap"));
}

/* An ordinary user of such a computer sees no process of another user at all. */
static void a_procfs_that_hides(void **state)
{
	static const char *const hiding[] = {"2", "invisible", "4", "ptraceable"}, *const showing[] = {
											   "0", "off", "1",
											   "noaccess"};
	struct host_tree *tree = *state;
	char line[96];

	for (size_t i = 0; i < 4; i++) {
		snprintf(line, sizeof(line), "16 23 0:15 / /proc rw - proc proc rw,gid=4,hidepid=%s\n",
			 showing[i]);
		tree_put(tree, "proc/self/mountinfo", line);
		assert_null(unseen(tree, "open"));
		snprintf(line, sizeof(line), "16 23 0:15 / /proc rw - proc proc rw,gid=4,hidepid=%s\n",
			 hiding[i]);
		tree_put(tree, "proc/self/mountinfo", line);
		assert_non_null(unseen(tree, "open"));
		assert_non_null(unseen(tree, "lent"));
		assert_non_null(unseen(tree, "mount"));
		/* Root sees them. */
		tree_folder(tree, "proc/1");
		assert_null(unseen(tree, "open"));
		tree_remove(tree, "proc/1");
	}
}

/* What the kernel would never write, in each file that a finder reads. */
static void files_with_rubbish(void **state)
{
	static const char *const files[] = {
		"proc/swaps",
		"proc/self/mountinfo",
		"proc/cmdline",
		"proc/net/route",
		"proc/net/ipv6_route",
		"proc/net/if_inet6",
		"proc/net/pppoe",
		"proc/net/packet",
		"proc/bus/input/devices",
		"proc/asound/card0/pcm0p/sub0/status",
		"proc/driver/nvidia/gpus/0000:03:00.0/information",
		"proc/70/cgroup",
		"proc/70/comm",
		"proc/70/fdinfo/9",
		"run/udev/data/b259:0",
		"sys/power/resume",
		"sys/module/zfs/version",
		"sys/module/pstore_blk/parameters/blkdev",
		"sys/module/kgdboc/parameters/kgdboc",
		"sys/class/tty/console/active",
		"sys/class/net/eth1/type",
		"sys/class/net/eth1/flags",
		"sys/class/net/eth1/ifindex",
		"sys/devices/virtual/block/loop0/loop/backing_file",
		"sys/devices/virtual/block/zram0/backing_dev",
		"sys/kernel/config/target/core/iblock_0/x/udev_path",
		"sys/kernel/config/target/core/iblock_0/x/info",
		"sys/kernel/config/nvmet/subsystems/x/namespaces/1/device_path",
		"sys/kernel/config/nvmet/subsystems/x/namespaces/1/enable",
		"sys/kernel/scst_tgt/devices/x/filename",
		"sys/kernel/config/usb_gadget/x/functions/mass_storage.x/lun.0/file",
		"sys/kernel/config/netconsole/x/enabled",
		"sys/kernel/config/netconsole/x/dev_name",
		"sys/fs/jbd2/x",
	};
	static const char bytes[] = "\xff\n/dev/\x80 \x01:\n\n/\n 0:0 : - - \n\t";
	const size_t size = 64 << 10;
	struct host_tree *tree = *state;
	char *text = malloc(size + 1);

	assert_non_null(text);
	tree_process(tree, 70, "x", "anon_inode:[vfio-device]");
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		tree_put(tree, files[i], "");
		tree_survey(tree);
		memset(text, '7', size);
		text[size] = '\0';
		tree_put(tree, files[i], text);
		tree_survey(tree);
		for (size_t at = 0; at < size; at++)
			text[at] = bytes[at % (sizeof(bytes) - 1)];
		tree_put(tree, files[i], text);
		tree_survey(tree);
		assert_string_equal(tree_device(tree, "02:00.0")->word, "bindable");
	}
	free(text);
}

/* Names that only somebody who means harm gives: they end no sentence and no command early. */
static void names_with_rubbish(void **state)
{
	struct host_tree *tree = *state;
	const struct lend_use *use;

	tree_append(tree, "proc/self/mountinfo",
		    "40 23 259:0 / /a\\040$(reboot)\\047;x rw - ext4 /dev/nvme0n1 rw\n");
	use = tree_find_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /a $(reboot)';x");
	assert_string_equal(use->cure, "");
	tree_put(tree, "sys/kernel/config/target/core/iblock_0/a;reboot/udev_path", "/dev/nvme0n1\n");
	use = tree_find_use(tree, "01:00.0", LEND_USE_TARGET,
			    "/dev/nvme0n1 is served as the SCSI target a;reboot");
	assert_string_equal(use->cure, "");
	tree_process(tree, 71, "a\nb", "/dev/nvme0n1");
	tree_put(tree, "proc/71/cgroup", "0::/system.slice/a$(reboot).service\n");
	use = tree_find_use(tree, "01:00.0", LEND_USE_OPEN, "process 71 (a\nb) has /dev/nvme0n1 open");
	assert_string_equal(use->cure, "systemctl stop 'a$(reboot).service'");
}

/* How many kinds of use the public header has. */
static size_t public_kinds(void)
{
	FILE *header = fopen("include/lend/survey.h", "r");
	char line[256];
	size_t count = 0;

	assert_non_null(header);
	while (fgets(line, sizeof(line), header))
		count += !strncmp(line, "\tLEND_USE_", 10);
	fclose(header);
	return count;
}

/* Each kind of the public header has one row, and one word. */
static void the_table_is_whole(void **state)
{
	const size_t kinds = public_kinds();
	struct host_tree *tree = *state;
	uint64_t seen = 0;
	struct lend_way way;
	size_t count = 0;

	assert_in_range(kinds, 2, USE_KINDS_MAX);
	tree_survey(tree);
	for (; lend_survey_way(tree->survey, count, &way); count++) {
		assert_in_range(way.kind, 0, kinds - 1);
		assert_int_equal(seen >> way.kind & 1, 0);
		seen |= LOOK_KIND(way.kind);
		assert_string_equal(lend_use_name(way.kind), way.name);
	}
	assert_int_equal(count, kinds);
	assert_string_equal(lend_use_name((enum lend_use_kind)kinds), "other");
	assert_string_equal(lend_use_name((enum lend_use_kind)1000), "other");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_plain, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_cannot_be_looked_at), TEST(what_is_said_once),  TEST(tables_that_cannot_be_read),
		TEST(a_procfs_that_hides),      TEST(files_with_rubbish), TEST(names_with_rubbish),
		TEST(the_table_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

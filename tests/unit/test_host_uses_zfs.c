/* SPDX-License-Identifier: MIT */
/* Members of a pool of ZFS, by what udev noted and by the label on the disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/host_uses.h"

#define TEXT "/dev/nvme0n1 belongs to a pool of ZFS"

enum { ACTIVE = 0, EXPORTED = 1, SPARE = 3 };

static void put_label(struct host_tree *tree, const char *path, const char *pool, char state)
{
	const size_t offset = 16 << 10, size = 256 << 10;
	char *disk = calloc(1, size), *at = disk + offset;
	FILE *file;

	assert_non_null(disk);
#define ADD(bytes) memcpy(at, bytes, sizeof(bytes) - 1), at += sizeof(bytes) - 1
	ADD("\1\1\0\0\0\0\0\0\0\0\0\1");
	ADD("\0\0\0\44\0\0\0\40\0\0\0\7version\0\0\0\0\10\0\0\0\1\0\0\0\0\0\0\023\210");
	if (pool) {
		ADD("\0\0\0\44\0\0\0\40\0\0\0\4name\0\0\0\11\0\0\0\1\0\0\0");
		*at++ = (char)strlen(pool);
		strcpy(at, pool);
		at += (strlen(pool) + 3) & ~3ul;
	}
	ADD("\0\0\0\44\0\0\0\40\0\0\0\5state\0\0\0\0\0\0\10\0\0\0\1\0\0\0\0\0\0\0");
	*at++ = state;
	ADD("\0\0\0\50\0\0\0\50\0\0\0\11pool_guid\0\0\0\0\0\0\10\0\0\0\1\1\2\3\4\5\6\7\10");
#undef ADD
	tree_put(tree, path, "");
	file = fopen(tree_path(tree, path), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(disk, 1, size, file), size);
	fclose(file);
	free(disk);
}

static void by_what_udev_noted(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "run/udev/data/b259:0", "E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=tank\n");
	tree_expect_free(tree, "01:00.0");
	tree_append(tree, "proc/self/mountinfo", "40 16 0:45 / /tank rw - zfs tank rw\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_POOL, TEXT, "");
	tree_folder(tree, "proc/spl/kstat/zfs/dock");
	tree_expect_use(tree, "01:00.0", LEND_USE_POOL, TEXT, "");
	tree_folder(tree, "proc/spl/kstat/zfs/tank");
	tree_expect_use(tree, "01:00.0", LEND_USE_POOL, TEXT, "zpool export tank");
	tree_put(tree, "run/udev/data/b259:0", "E:ID_FS_TYPE=ext4\n");
	tree_expect_free(tree, "01:00.0");
}

/* A pool that is imported, and has nothing mounted. */
static void nothing_is_mounted(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "run/udev/data/b259:0", "E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=tank\n");
	tree_put(tree, "proc/spl/kstat/zfs/arcstats", "");
	tree_expect_free(tree, "01:00.0");
	tree_folder(tree, "sys/module/zfs");
	tree_expect_free(tree, "01:00.0");
	tree_folder(tree, "proc/spl/kstat/zfs/tank");
	tree_expect_use(tree, "01:00.0", LEND_USE_POOL, TEXT, "zpool export tank");
	/* A kernel that does not tell which pools there are. */
	tree_remove(tree, "proc/spl");
	tree_expect_use(tree, "01:00.0", LEND_USE_POOL, TEXT, "");
}

/* Without a record of udev the label on the disk tells. */
static void by_the_label(void **state)
{
	struct host_tree *tree = *state;

	put_label(tree, "dev/nvme0n1", "tank", ACTIVE);
	tree_expect_free(tree, "01:00.0");
	tree_folder(tree, "sys/module/zfs");
	tree_folder(tree, "proc/spl/kstat/zfs/tank");
	tree_expect_use(tree, "01:00.0", LEND_USE_POOL, TEXT, "zpool export tank");
	put_label(tree, "dev/nvme0n1", "tank", EXPORTED);
	tree_expect_free(tree, "01:00.0");
	put_label(tree, "dev/nvme0n1", NULL, SPARE);
	tree_expect_use(tree, "01:00.0", LEND_USE_POOL, TEXT, "");
	tree_put(tree, "dev/nvme0n1", "");
	tree_expect_free(tree, "01:00.0");
	/* The label knows better than a record that was made before the export. */
	tree_put(tree, "run/udev/data/b259:0", "E:ID_FS_TYPE=zfs_member\n");
	put_label(tree, "dev/nvme0n1", "tank", EXPORTED);
	tree_expect_free(tree, "01:00.0");
	put_label(tree, "dev/nvme0n1", "tank", ACTIVE);
	tree_find_use(tree, "01:00.0", LEND_USE_POOL, TEXT);
	/* A record of another kind of disk is believed: the disk is left alone. */
	tree_put(tree, "run/udev/data/b259:0", "E:ID_FS_TYPE=ext4\n");
	tree_expect_free(tree, "01:00.0");
}

/* A label that ends too early, at each length. */
static void a_label_that_is_cut(void **state)
{
	struct host_tree *tree = *state;
	const long offset = 16 << 10;

	tree_folder(tree, "sys/module/zfs");
	tree_folder(tree, "proc/spl/kstat/zfs/tank");
	for (long length = 0; length < 200; length++) {
		put_label(tree, "dev/nvme0n1", "tank", ACTIVE);
		assert_int_equal(truncate(tree_path(tree, "dev/nvme0n1"), offset + length), 0);
		tree_survey(tree);
		assert_true(tree_device(tree, "01:00.0")->use_count <= 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_plain, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_what_udev_noted),
		TEST(nothing_is_mounted),
		TEST(by_the_label),
		TEST(a_label_that_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

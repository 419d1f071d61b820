/* SPDX-License-Identifier: MIT */
/* What uses a disk: each way on a recorded host that was edited for it, and its opposite. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/host_uses.h"

#define NVME "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/nvme/nvme0/nvme0n1"

static void add_loop(struct host_tree *tree, const char *file)
{
	tree_link(tree, "sys/dev/block/7:0", "../../devices/virtual/block/loop0");
	tree_put(tree, "sys/devices/virtual/block/loop0/loop/backing_file", file);
}

static void a_loop_on_a_disk(void **state)
{
	struct host_tree *tree = *state;

	add_loop(tree, "/dev/sda\n");
	tree_expect_free(tree, "01:00.0");
	add_loop(tree, "/dev/nvme0n1\n");
	tree_append(tree, "proc/self/mountinfo", "40 23 7:0 / /run/m rw - ext4 /dev/loop0 rw\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_LOOP, "/dev/nvme0n1 is behind /dev/loop0",
			"losetup -d /dev/loop0");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/loop0 is mounted at /run/m", "umount /run/m");
	/* What is on top is told first. */
	assert_int_equal(tree_device(tree, "01:00.0")->uses[0].kind, LEND_USE_MOUNT);
}

/* What is mounted of a loop device's partition is to be ended before the loop device. */
static void a_partition_of_a_loop(void **state)
{
	struct host_tree *tree = *state;

	add_loop(tree, "/dev/nvme0n1\n");
	tree_link(tree, "sys/dev/block/259:7", "../../devices/virtual/block/loop0/loop0p1");
	tree_put(tree, "sys/devices/virtual/block/loop0/loop0p1/partition", "1\n");
	tree_find_use(tree, "01:00.0", LEND_USE_LOOP, "/dev/nvme0n1 is behind /dev/loop0");
	assert_int_equal(tree_device(tree, "01:00.0")->use_count, 1);
	tree_append(tree, "proc/self/mountinfo", "40 23 259:7 / /run/m rw - ext4 /dev/loop0p1 rw\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/loop0p1 is mounted at /run/m",
			"umount /run/m");
	assert_int_equal(tree_device(tree, "01:00.0")->use_count, 2);
	assert_int_equal(tree_device(tree, "01:00.0")->uses[1].kind, LEND_USE_LOOP);
}

static void a_loop_on_a_file(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/self/mountinfo",
		    "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n"
		    "41 40 8:1 / /data/other rw - ext4 /dev/sda1 rw\n");
	add_loop(tree, "/data/other/x.img\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /data", "umount /data");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT,
			"a file system is mounted at /data/other, on top of that of /dev/nvme0n1",
			"umount /data/other");
	assert_int_equal(tree_device(tree, "01:00.0")->use_count, 2);
	add_loop(tree, "/database/x.img\n");
	tree_survey(tree);
	assert_int_equal(tree_device(tree, "01:00.0")->use_count, 2);
	add_loop(tree, "/data/x.img\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_LOOP,
			"/dev/nvme0n1 has the file /data/x.img, which is behind /dev/loop0",
			"losetup -d /dev/loop0");
}

static void swap_in_a_file(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	tree_append(tree, "proc/swaps", "/data/swap\\040file file 1000 0 -2\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_SWAP,
			"/dev/nvme0n1 has the file /data/swap file, which is swap space", "");
	tree_append(tree, "proc/swaps", "/data/swapfile file 1000 0 -2\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_SWAP,
			"/dev/nvme0n1 has the file /data/swapfile, which is swap space",
			"swapoff /data/swapfile");
}

static void hibernation(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "sys/power/resume", "0:0\n");
	tree_expect_free(tree, "01:00.0");
	tree_put(tree, "sys/power/resume", "8:1\n");
	tree_expect_free(tree, "01:00.0");
	tree_put(tree, "sys/power/resume", "259:0\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_HIBERNATION,
			"/dev/nvme0n1 is where this computer hibernates to",
			"sh -c 'echo 0:0 >/sys/power/resume'");
	/* A kernel that refuses the number. */
	tree_put(tree, "proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_HIBERNATION,
			"/dev/nvme0n1 is where this computer hibernates to", "");
	tree_put(tree, "proc/sys/kernel/osrelease", "6.12.117\n");
	/* The kernel takes it from there again as soon as the number is written. */
	tree_put(tree, "proc/cmdline", "quiet resume=/dev/nvme0n1\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_HIBERNATION,
			"/dev/nvme0n1 is where this computer hibernates to", "");
}

static void journals_on_another_disk(void **state)
{
	struct host_tree *tree = *state;

	tree_folder(tree, "proc/fs/jbd2/sda1-8");
	tree_folder(tree, "proc/fs/jbd2/nvme0n1-8");
	tree_append(tree, "proc/self/mountinfo", "40 23 8:1 / /x rw - xfs /dev/sda1 rw,logdev=/dev/sdb\n");
	tree_expect_free(tree, "01:00.0");
	tree_folder(tree, "proc/fs/jbd2/nvme0n1");
	tree_expect_use(tree, "01:00.0", LEND_USE_JOURNAL,
			"/dev/nvme0n1 is the journal of a mounted file system", "");
	tree_remove(tree, "proc/fs/jbd2/nvme0n1");
	tree_append(tree, "proc/self/mountinfo",
		    "40 23 8:1 / /y rw - xfs /dev/sda1 rw,logdev=/dev/nvme0n1,noquota\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_JOURNAL, "/dev/nvme0n1 is a part of the file system at /y",
			"umount /y");
}

static void a_pool_of_bcachefs(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/self/mountinfo", "40 16 0:46 / /data rw - bcachefs /dev/sda:/dev/sdb rw\n");
	tree_expect_free(tree, "01:00.0");
	tree_append(tree, "proc/self/mountinfo",
		    "40 16 0:46 / /data rw - bcachefs /dev/sdb:/dev/nvme0n1 rw\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /data", "umount /data");
	tree_put(tree, "proc/self/mountinfo", "");
	tree_link(tree, "sys/fs/bcachefs/0a1b/dev-0/block", "../../../../block/sda");
	tree_expect_free(tree, "01:00.0");
	tree_link(tree, "sys/fs/bcachefs/0a1b/dev-1/block", "../../../../block/nvme0n1");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 belongs to a mounted bcachefs", "");
}

/* A mount names one disk of several: what ends the use of each is known by it. */
static void a_member_of_btrfs(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/self/mountinfo", "40 23 0:44 / /data rw - btrfs /dev/sda rw\n");
	tree_link(tree, "sys/fs/btrfs/0a1b/devices/sda", "../../../../block/sda");
	tree_expect_free(tree, "01:00.0");
	tree_link(tree, "sys/fs/btrfs/0a1b/devices/nvme0n1", "../../../../block/nvme0n1");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 belongs to a mounted btrfs",
			"umount /data");
	/* Said once of the disk that the mount names. */
	tree_append(tree, "proc/self/mountinfo", "40 23 0:44 / /data rw - btrfs /dev/nvme0n1 rw\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /data", "umount /data");
	assert_int_equal(tree_device(tree, "01:00.0")->use_count, 1);
}

/* Mounted in a namespace without a process, or unmounted while a file of it is open. */
static void a_file_system_that_is_alive(void **state)
{
	static const struct {
		const char *folder, *type;
	} rows[] = {
		{"sys/fs/ext4", "ext4"},     {"sys/fs/xfs", "xfs"},     {"sys/fs/f2fs", "f2fs"},
		{"sys/fs/nilfs2", "nilfs2"}, {"sys/fs/erofs", "erofs"}, {"proc/fs/ntfs3", "ntfs3"},
	};
	struct host_tree *tree = *state;
	char path[64], text[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(path, sizeof(path), "%s/features", rows[i].folder);
		tree_folder(tree, path);
		snprintf(path, sizeof(path), "%s/nvme0n1p1", rows[i].folder);
		tree_folder(tree, path);
		tree_expect_free(tree, "01:00.0");
		snprintf(path, sizeof(path), "%s/nvme0n1", rows[i].folder);
		tree_folder(tree, path);
		snprintf(text, sizeof(text),
			 "/dev/nvme0n1 has a file system (%s) that is mounted where it is not seen",
			 rows[i].type);
		tree_find_use(tree, "01:00.0", LEND_USE_MOUNT, text);
		tree_remove(tree, path);
	}
	tree_folder(tree, "sys/fs/ext4/nvme0n1");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /data", "umount /data");
	assert_int_equal(tree_device(tree, "01:00.0")->use_count, 1);
}

/* As many as a host of containers has, each in a namespace of its own. */
static void many_mounts_and_namespaces(void **state)
{
	struct host_tree *tree = *state;
	const size_t count = 20000, room = 160;
	char path[64], link[64], *table = malloc(count * room);
	size_t used = 0;

	assert_non_null(table);
	for (unsigned i = 0; i < count; i++)
		used += (size_t)snprintf(table + used, room,
					 "%u 23 0:%u / /run/containers/storage/of/one/%u rw - tmpfs tmpfs "
					 "rw,size=65536k,mode=755\n",
					 100 + i, i, i);
	assert_true(used > 1 << 20);
	tree_put(tree, "proc/self/mountinfo", table);
	free(table);
	for (int pid = 1000; pid < 1300; pid++) {
		snprintf(path, sizeof(path), "proc/%d/mountinfo", pid);
		tree_put(tree, path, "40 23 8:1 / /srv rw - xfs /dev/sda1 rw\n");
		snprintf(path, sizeof(path), "mnt:[%d]", pid);
		snprintf(link, sizeof(link), "proc/%d/ns/mnt", pid);
		tree_link(tree, link, path);
	}
	tree_expect_free(tree, "01:00.0");
	tree_put(tree, "proc/1299/mountinfo", "40 23 259:0 / /srv rw - xfs /dev/nvme0n1 rw\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT,
			"/dev/nvme0n1 is mounted at /srv, in the mount namespace of process 1299 (?)",
			"nsenter -m -t 1299 umount /srv");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - xfs /dev/nvme0n1 rw\n");
	tree_find_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /data");
}

/* One process of a namespace is just ending; another shows the same mounts. */
static void a_process_that_ends(void **state)
{
	struct host_tree *tree = *state;

	for (int pid = 900; pid < 904; pid++) {
		char path[64];

		snprintf(path, sizeof(path), "proc/%d/ns/mnt", pid);
		tree_link(tree, path, "mnt:[4026532001]");
	}
	tree_expect_free(tree, "01:00.0");
	for (int pid = 900; pid < 904; pid++) {
		char path[128];

		snprintf(path, sizeof(path), "proc/%d/mountinfo", pid);
		tree_put(tree, path, "40 23 259:0 / /srv rw - xfs /dev/nvme0n1 rw\n");
		snprintf(path, sizeof(path),
			 "/dev/nvme0n1 is mounted at /srv, in the mount namespace of process %d (?)", pid);
		tree_find_use(tree, "01:00.0", LEND_USE_MOUNT, path);
		snprintf(path, sizeof(path), "proc/%d/mountinfo", pid);
		tree_remove(tree, path);
	}
}

/* Lines without an end and without sense do not hide those beside them. */
static void a_table_of_mounts_with_rubbish(void **state)
{
	struct host_tree *tree = *state;
	const size_t length = 200000;
	char *line = malloc(length + 2);

	assert_non_null(line);
	memset(line, 'x', length);
	strcpy(line + length, "\n");
	tree_put(tree, "proc/self/mountinfo", line);
	tree_append(tree, "proc/self/mountinfo",
		    "\n - \n1 2 3 - \n\xff \x80 - \xfe x y\n40 23 259:0 / / - x\n");
	tree_expect_free(tree, "01:00.0");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /a\\012b\xff rw - ext4 /dev/nvme0n1 rw");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /a\nb\xff",
			"umount '/a\nb\xff'");
	free(line);
}

static void caches(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/fs/bcache/0a1b/cache0", "../../../block/sda/bcache");
	tree_put(tree, "sys/devices/virtual/block/zram0/backing_dev", "none\n");
	tree_expect_free(tree, "01:00.0");
	tree_link(tree, "sys/fs/bcache/0a1b/cache0", "../../../devices/x/block/nvme0n1/bcache");
	tree_expect_use(tree, "01:00.0", LEND_USE_CACHE, "/dev/nvme0n1 is a cache of bcache",
			"sh -c 'echo 1 >/sys/fs/bcache/0a1b/stop'");
	tree_remove(tree, "sys/fs/bcache");
	tree_put(tree, "sys/devices/virtual/block/zram0/backing_dev", "/dev/nvme0n1\n");
	tree_link(tree, "sys/dev/block/252:0", "../../devices/virtual/block/zram0");
	tree_append(tree, "proc/swaps", "/dev/zram0 partition 1000 0 100\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_CACHE, "/dev/nvme0n1 is what /dev/zram0 writes back to",
			"zramctl -r /dev/zram0");
	/* What uses that is to be ended first. */
	assert_string_equal(tree_device(tree, "01:00.0")->uses[0].cure, "swapoff /dev/zram0");
}

static void a_holder_without_a_node(void **state)
{
	struct host_tree *tree = *state;

	tree_folder(tree, NVME "/holders");
	tree_expect_free(tree, "01:00.0");
	tree_link(tree, NVME "/holders/drbd0", "../../../../../../../virtual/block/drbd0");
	tree_find_use(tree, "01:00.0", LEND_USE_VOLUME, "/dev/nvme0n1 is held by drbd0");
}

static void commands_of_holders(void **state)
{
	static const struct {
		const char *holder, *cure;
	} rows[] = {
		{"drbd3", "drbdsetup detach 3"},
		{"bcache0", "sh -c 'echo 1 >/sys/block/bcache0/bcache/stop'"},
		{"drbdx", ""},
		{"scini0", ""},
	};
	struct host_tree *tree = *state;
	char path[160], text[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(path, sizeof(path), NVME "/holders/%s", rows[i].holder);
		tree_link(tree, path, "../x");
		snprintf(text, sizeof(text), "/dev/nvme0n1 is held by %s", rows[i].holder);
		tree_expect_use(tree, "01:00.0", LEND_USE_VOLUME, text, rows[i].cure);
		tree_remove(tree, path);
	}
	tree_link(tree, "sys/dev/block/147:3", "../../devices/virtual/block/drbd3");
	tree_folder(tree, "sys/devices/virtual/block/drbd3");
	tree_link(tree, NVME "/holders/drbd3", "../x");
	tree_expect_use(tree, "01:00.0", LEND_USE_VOLUME, "/dev/nvme0n1 holds /dev/drbd3",
			"drbdsetup detach 3");
}

/* A cluster's nodes write to a disk all the time, also while nothing is mounted. */
static void a_heartbeat(void **state)
{
	struct host_tree *tree = *state;
	const char *dev = "sys/kernel/config/cluster/c1/heartbeat/0A1B/dev";

	tree_put(tree, "sys/kernel/config/cluster/c1/heartbeat/dead_threshold", "31\n");
	tree_put(tree, dev, "sda\n");
	tree_expect_free(tree, "01:00.0");
	tree_put(tree, dev, "nvme0n1\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_JOURNAL,
			"/dev/nvme0n1 carries the heartbeat of the cluster c1 (OCFS2)",
			"rmdir /sys/kernel/config/cluster/c1/heartbeat/0A1B");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ocfs2 /dev/nvme0n1 rw\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /data", "umount /data");
	assert_int_equal(tree_device(tree, "01:00.0")->use_count, 1);
}

static void where_crashes_are_recorded(void **state)
{
	struct host_tree *tree = *state;
	const char *parameter = "sys/module/pstore_blk/parameters/blkdev";

	tree_put(tree, parameter, "\n");
	tree_expect_free(tree, "01:00.0");
	tree_put(tree, parameter, "(null)\n");
	tree_expect_free(tree, "01:00.0");
	tree_put(tree, parameter, "259:0\n");
	tree_find_use(tree, "01:00.0", LEND_USE_CRASH, "/dev/nvme0n1 is where the kernel records crashes");
	tree_put(tree, parameter, "/dev/nvme0n1\n");
	tree_find_use(tree, "01:00.0", LEND_USE_CRASH, "/dev/nvme0n1 is where the kernel records crashes");
}

/* File systems of virtio have no disk: a mount names the tag of the device. */
static void shares(void **state)
{
	static const char device[] = "sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0/virtio7";
	struct host_tree *tree = *state;
	char path[128];

	tree_link(tree, "sys/bus/virtio/devices/virtio7",
		  "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/virtio7");
	snprintf(path, sizeof(path), "%s/mount_tag", device);
	tree_put(tree, path, "data\n");
	snprintf(path, sizeof(path), "%s/driver", device);
	tree_link(tree, path, "../../../../../bus/virtio/drivers/9pnet_virtio");
	tree_append(tree, "proc/self/mountinfo",
		    "40 23 0:77 / /other rw - 9p other rw\n41 23 0:78 / /fs rw - virtiofs data rw\n");
	tree_expect_free(tree, "03:00.0");
	tree_append(tree, "proc/self/mountinfo", "42 23 0:79 / /data rw - 9p data rw,trans=virtio\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_MOUNT, "its share data is mounted at /data",
			"umount /data");
	tree_remove(tree, path);
	tree_link(tree, path, "../../../../../bus/virtio/drivers/virtiofs");
	tree_expect_use(tree, "03:00.0", LEND_USE_MOUNT, "a share of virtiofs is mounted at /fs",
			"umount /fs");
	tree_put(tree, "sys/fs/virtiofs/2/tag", "none\n");
	tree_link(tree, "sys/fs/virtiofs/2/device",
		  "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/virtio7");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, "sys/fs/virtiofs/2/tag", "data\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_MOUNT, "its share data is mounted at /fs", "umount /fs");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_plain, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shares),
		TEST(a_loop_on_a_disk),
		TEST(a_partition_of_a_loop),
		TEST(a_loop_on_a_file),
		TEST(swap_in_a_file),
		TEST(hibernation),
		TEST(where_crashes_are_recorded),
		TEST(journals_on_another_disk),
		TEST(a_pool_of_bcachefs),
		TEST(a_member_of_btrfs),
		TEST(a_file_system_that_is_alive),
		TEST(many_mounts_and_namespaces),
		TEST(a_process_that_ends),
		TEST(a_table_of_mounts_with_rubbish),
		TEST(caches),
		TEST(a_holder_without_a_node),
		TEST(commands_of_holders),
		TEST(a_heartbeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

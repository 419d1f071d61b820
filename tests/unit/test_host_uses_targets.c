/* SPDX-License-Identifier: MIT */
/* Disks that the kernel serves to others. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_uses.h"

static void a_disk_that_is_served(void **state)
{
	struct host_tree *tree = *state;
	const char *lio = "sys/kernel/config/target/core/iblock_0/store/udev_path";

	tree_put(tree, lio, "/dev/sda\n");
	tree_expect_free(tree, "01:00.0");
	tree_link(tree, "dev/disk/by-id/nvme-1", "../../nvme0n1");
	tree_put(tree, lio, "/dev/disk/by-id/nvme-1\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_TARGET, "/dev/nvme0n1 is served as the SCSI target store",
			"targetcli /backstores/block delete store");
	tree_remove(tree, "sys/kernel/config/target");
	tree_put(tree, "sys/kernel/scst_tgt/devices/d1/filename", "/dev/nvme0n1\n[key]\n");
	tree_find_use(tree, "01:00.0", LEND_USE_TARGET, "/dev/nvme0n1 is served as the SCSI target d1");
}

static void a_disk_that_is_served_as_nvme(void **state)
{
	struct host_tree *tree = *state;
	const char *enable = "sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/enable";

	tree_put(tree, "sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/device_path", "/dev/nvme0n1\n");
	tree_put(tree, enable, "0\n");
	tree_expect_free(tree, "01:00.0");
	tree_put(tree, enable, "1\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_TARGET,
			"/dev/nvme0n1 is served as namespaces/1 of the NVMe target nqn.x",
			"sh -c 'echo 0 >/sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/enable'");
}

/* The state of one that was made without a tool tells its disk. */
static void a_target_made_by_hand(void **state)
{
	struct host_tree *tree = *state;
	const char *info = "sys/kernel/config/target/core/iblock_0/d1/info";

	tree_put(tree, "sys/kernel/config/target/core/iblock_0/d1/udev_path", "\n");
	tree_put(tree, info,
		 "Status: ACTIVATED\n        iBlock device: sda  Major: 8 Minor: 0  CLAIMED: IBLOCK\n");
	tree_expect_free(tree, "01:00.0");
	tree_put(tree, info,
		 "Status: ACTIVATED\n        iBlock device: x  Major: 259 Minor: 0  CLAIMED: IBLOCK\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_TARGET, "/dev/nvme0n1 is served as the SCSI target d1",
			"targetcli /backstores/block delete d1");
	tree_remove(tree, "sys/kernel/config/target");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	tree_put(tree, "sys/kernel/config/target/core/fileio_1/d2/info",
		 "Status: ACTIVATED\n        TCM FILEIO ID: 0        File: /data/x.img  Size: 1048576\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_TARGET,
			"/dev/nvme0n1 has the file /data/x.img, which is served as the SCSI target d2",
			"targetcli /backstores/fileio delete d2");
}

/* As a whole, by the node of the controller. */
static void a_controller_that_is_served(void **state)
{
	struct host_tree *tree = *state;
	const char *passthru = "sys/kernel/config/nvmet/subsystems/nqn.x/passthru";
	char path[96];

	snprintf(path, sizeof(path), "%s/device_path", passthru);
	tree_put(tree, path, "/dev/nvme0\n");
	snprintf(path, sizeof(path), "%s/enable", passthru);
	tree_put(tree, path, "0\n");
	tree_expect_free(tree, "01:00.0");
	tree_put(tree, path, "1\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_TARGET,
			"/dev/nvme0 is served as passthru of the NVMe target nqn.x",
			"sh -c 'echo 0 >/sys/kernel/config/nvmet/subsystems/nqn.x/passthru/enable'");
}

static void a_disk_that_is_served_otherwise(void **state)
{
	struct host_tree *tree = *state;
	const char *file = "sys/kernel/config/usb_gadget/g1/functions/mass_storage.0/lun.0/file";

	tree_put(tree, file, "/dev/sda\n");
	tree_put(tree, "sys/kernel/config/usb_gadget/g1/functions/ecm.0/lun.0/file", "/dev/nvme0n1\n");
	tree_expect_free(tree, "01:00.0");
	tree_put(tree, file, "/dev/nvme0n1\n");
	tree_find_use(tree, "01:00.0", LEND_USE_TARGET, "/dev/nvme0n1 is served as a disk on USB (g1)");
	tree_remove(tree, "sys/kernel/config/usb_gadget");
	tree_link(tree, "sys/class/rnbd-server/ctl/devices/sda/block_dev", "../../../../../block/sda");
	tree_expect_free(tree, "01:00.0");
	tree_link(tree, "sys/class/rnbd-server/ctl/devices/x/block_dev", "../../../../../block/nvme0n1");
	tree_find_use(tree, "01:00.0", LEND_USE_TARGET, "/dev/nvme0n1 is served to others by RNBD");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_plain, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_disk_that_is_served),           TEST(a_disk_that_is_served_as_nvme),
		TEST(a_target_made_by_hand),           TEST(a_controller_that_is_served),
		TEST(a_disk_that_is_served_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

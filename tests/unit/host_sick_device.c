/* SPDX-License-Identifier: MIT */
/* Devices that are in use, share their group, or are not to be lent. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_cures.h"

#define NVME "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/nvme/nvme0/nvme0n1"

static void put(struct person *person, const char *path, const char *text)
{
	tree_put(person->tree, path, text);
}

static void nothing(struct person *person)
{
	(void)person;
}

static void mounted(struct person *person)
{
	tree_append(person->tree, "proc/self/mountinfo",
		    "40 23 259:0 / /my\\040data rw - ext4 /dev/nvme0n1 rw\n");
	tree_append(person->tree, "proc/swaps", "/dev/nvme0n1 partition 1000 0 -2\n");
}

static void opened(struct person *person)
{
	tree_process(person->tree, 55, "dd", "/dev/nvme0n1");
}

static void no_reset(struct person *person)
{
	tree_remove(person->tree, "sys/bus/pci/devices/0000:01:00.0/reset_method");
	tree_remove(person->tree, "sys/bus/pci/devices/0000:01:00.0/reset");
}

static void resets_with_an_idle_sibling(struct person *person)
{
	no_reset(person);
	tree_bind(person->tree, "0000:01:00.1", NULL);
}

static void firmware_memory(struct person *person)
{
	char path[80];

	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/reserved_regions",
		 tree_device(person->tree, "01:00.0")->is.group);
	put(person, path, "0x7b000000 0x7bffffff direct\n");
}

static void sibling_mounted(struct person *person)
{
	tree_append(person->tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme1n1 rw\n");
}

static void computers_bridge(struct person *person)
{
	tree_bind(person->tree, "0000:00:1f.0", "lpc_ich");
}

static void behind_vmd(struct person *person)
{
	tree_vmd(person->tree);
}

static void mounts(struct person *person, const char *lines)
{
	tree_append(person->tree, "proc/self/mountinfo", lines);
}

/* Below one mount another of the disk, one without a disk, and two more upon each other. */
static void nested(struct person *person)
{
	mounts(person, "40 23 259:0 / /run/n rw - ext4 /dev/nvme0n1 rw\n"
		       "41 40 0:50 / /run/n/sub rw - tmpfs tmpfs rw\n"
		       "42 41 0:51 / /run/n/sub/deep\\040er rw - proc proc rw\n"
		       "43 40 259:0 /x /run/n/again rw - ext4 /dev/nvme0n1 rw\n"
		       "44 40 0:52 / /run/n rw - overlay overlay rw\n"
		       "45 44 259:0 /y /run/n rw - ext4 /dev/nvme0n1 rw\n"
		       "46 23 0:53 / /run/nobody rw - tmpfs tmpfs rw\n");
}

static void root(struct person *person)
{
	mounts(person, "23 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n"
		       "40 23 259:0 /b /boot rw - ext4 /dev/nvme0n1 rw\n"
		       "41 23 0:50 / /tmp rw - tmpfs tmpfs rw\n");
	tree_append(person->tree, "proc/swaps", "/dev/nvme0n1 partition 1000 0 -2\n");
}

static void root_of_btrfs(struct person *person)
{
	mounts(person, "40 23 0:30 /home /home rw - btrfs /dev/sdz rw\n"
		       "41 23 0:30 /@ / rw - btrfs /dev/sdz rw\n");
	tree_folder(person->tree, "sys/fs/btrfs/1234/devices");
	tree_link(person->tree, "sys/fs/btrfs/1234/devices/sdz", "../../../../sdz");
	tree_link(person->tree, "sys/fs/btrfs/1234/devices/nvme0n1", "../../../../nvme0n1");
}

static void root_of_zfs(struct person *person)
{
	mounts(person, "40 23 0:30 / / rw - zfs rpool/ROOT/debian rw\n");
	tree_folder(person->tree, "proc/spl/kstat/zfs/rpool");
	put(person, "run/udev/data/b259:0", "E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=rpool\n");
}

/* A volume in a RAID, with the root on it. */
static void stacked(struct person *person, const char *point)
{
	char line[128];

	tree_link(person->tree, NVME "/holders/md0", "../../../../../../../virtual/block/md0");
	tree_link(person->tree, "sys/dev/block/9:0", "../../devices/virtual/block/md0");
	put(person, "sys/devices/virtual/block/md0/md/level", "raid1\n");
	tree_link(person->tree, "sys/devices/virtual/block/md0/holders/dm-0", "../../dm-0");
	tree_link(person->tree, "sys/dev/block/253:0", "../../devices/virtual/block/dm-0");
	put(person, "sys/devices/virtual/block/dm-0/dm/name", "vault\n");
	snprintf(line, sizeof(line), "40 23 253:0 / %s rw - ext4 /dev/mapper/vault rw\n", point);
	mounts(person, line);
}

static void stacked_data(struct person *person)
{
	stacked(person, "/data");
}

static void stacked_root(struct person *person)
{
	stacked(person, "/");
}

static void behind_loop(struct person *person)
{
	tree_link(person->tree, "sys/dev/block/7:0", "../../devices/virtual/block/loop0");
	put(person, "sys/devices/virtual/block/loop0/loop/backing_file", "/dev/nvme0n1\n");
	mounts(person, "40 23 7:0 / /run/m rw - ext4 /dev/loop0 rw\n");
}

static void in_namespace(struct person *person, int pid, const char *lines)
{
	char path[64], target[32];

	tree_process(person->tree, pid, "sleep", "/tmp/x");
	snprintf(path, sizeof(path), "proc/%d/ns/mnt", pid);
	snprintf(target, sizeof(target), "mnt:[%d]", 4026500 + pid);
	tree_link(person->tree, path, target);
	snprintf(path, sizeof(path), "proc/%d/mountinfo", pid);
	put(person, path, lines);
}

/* Namespaces that were made from ours keep what we unmount; one has more below it. */
static void namespaces(struct person *person)
{
	mounts(person, "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	in_namespace(person, 60, "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	in_namespace(person, 61,
		     "50 1 0:40 / / rw - overlay overlay rw\n51 50 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n"
		     "52 51 0:41 / /data/x rw - tmpfs tmpfs rw\n");
}

static void root_of_a_container(struct person *person)
{
	in_namespace(person, 60, "40 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
}

static void opened_by_service(struct person *person)
{
	tree_process(person->tree, 55, "smartd", "/dev/nvme0n1");
	put(person, "proc/55/cgroup", "0::/system.slice/smartd.service\n");
}

static void below_vlan(struct person *person)
{
	tree_link(person->tree, "sys/class/net/eth0.5", "../../devices/virtual/net/eth0.5");
	tree_link(person->tree, "sys/class/net/eth0/upper_eth0.5", "../../../../virtual/net/eth0.5");
	tree_append(person->tree, "proc/net/route",
		    "eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
}

static void vf_lent(struct person *person)
{
	tree_process(person->tree, 55, "dd", "/dev/vfio/99");
	tree_link(person->tree, "sys/bus/pci/devices/0000:01:10.0/iommu_group",
		  "../../../kernel/iommu_groups/99");
	tree_bind(person->tree, "0000:01:10.0", "vfio-pci");
}

static void dead(struct person *person)
{
	tree_kill(person->tree, "0000:01:00.0");
}

static void dead_sibling(struct person *person)
{
	tree_kill(person->tree, "0000:01:00.1");
}

static const char another[] = "take another device";

const struct sick_host sick_devices[] = {
	{"plain", {"01:00.0"}, mounted, "umount '/my data'", NULL, {0}},
	{"plain", {"01:00.0"}, opened, NULL, "end that first", {0}},
	{"plain", {"01:00.0"}, no_reset, NULL, "give it to guests", {0}},
	{"plain", {"01:00.0"}, firmware_memory, NULL, "switch off what uses it", {0}},
	{"plain", {"01:00.0"}, nested, "umount '/run/n/sub/deep er'", NULL, {0}},
	{"plain", {"01:00.0"}, root, NULL, another, {0}},
	{"plain", {"01:00.0"}, root_of_btrfs, NULL, another, {0}},
	{"plain", {"01:00.0"}, root_of_zfs, NULL, another, {0}},
	{"plain", {"01:00.0"}, stacked_root, NULL, another, {0}},
	{"plain", {"01:00.0"}, stacked_data, "mdadm --stop /dev/md0", NULL, {0}},
	{"plain", {"01:00.0"}, behind_loop, "losetup -d /dev/loop0", NULL, {0}},
	{"plain", {"01:00.0"}, namespaces, "nsenter -m -t 61 umount /data/x", NULL, {0}},
	{"plain", {"01:00.0"}, root_of_a_container, NULL, "end that first", {0}},
	{"plain", {"01:00.0"}, opened_by_service, "systemctl stop smartd.service", NULL, {0}},
	{"sriov", {"01:00.0"}, below_vlan, "ip link delete eth0.5", NULL, {0}},
	{"sriov", {"01:00.0"}, vf_lent, NULL, "end what has the virtual function", {0}},
	{"plain", {"00:10.0"}, nothing, NULL, "choose another device", {0}},
	{"plain", {"00:1f.2"}, computers_bridge, NULL, "choose another device, or another slot", {0}},
	{"plain", {"00:1f.3"}, computers_bridge, NULL, "choose another device, or another slot", {0}},
	{"plain", {"10000:e1:00.0"}, behind_vmd, NULL, "lend 0000:03:00.0, with all that", {0}},
	{"plain", {"03:00.0"}, behind_vmd, "lend bind --user ann 0000:03:00.0", NULL, {0}},
	{"multifunction", {"01:00.0"}, sibling_mounted, "umount /data", NULL, {0}},
	{"multifunction", {"01:00.0"}, nothing, "lend bind --siblings", NULL, {0}},
	{"multifunction",
	 {"01:00.0", "01:00.1"},
	 nothing,
	 "lend bind --user ann 0000:01:00.0 0000:01:00.1",
	 NULL,
	 {0}},
	{"plain", {"01:00.0"}, dead, NULL, "switch the computer off and on", {0}},
	{"multifunction",
	 {"01:00.0"},
	 resets_with_an_idle_sibling,
	 "lend bind --user ann 0000:01:00.1",
	 NULL,
	 {0}},
	{"multifunction", {"01:00.0"}, dead_sibling, "lend bind --siblings", NULL, {0}},
	{"sriov", {"01:00.0"}, nothing, "lend vf 0000:01:00.0 0", NULL, {0}},
	{0},
};

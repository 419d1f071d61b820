/* SPDX-License-Identifier: MIT */
/* What a survey says of recorded hosts, as they were and edited for each thing that may use a device. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/host_uses.h"

#define NVME "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/nvme/nvme0/nvme0n1"

static void expect(struct host_tree *tree, const char *address, const char *word, const char *why)
{
	const struct lend_survey_device *device;

	tree_survey(tree);
	device = tree_device(tree, address);
	assert_string_equal(device->word, word);
	if (!strstr(device->why, why))
		fail_msg("'%s' does not say '%s'", device->why, why);
}

static void a_plain_host(void **state)
{
	struct host_tree *tree = *state;
	const struct lend_survey_device *nvme = tree_device(tree, "01:00.0");

	assert_string_equal(nvme->path, "pci0000:00/10.0/00.0");
	assert_string_equal(nvme->parent, "0000:00:10.0");
	assert_string_equal(nvme->serial, "lend0");
	assert_string_equal(nvme->interfaces, "nvme0n1");
	assert_string_equal(nvme->word, "bindable");
	assert_int_equal(nvme->use_count, 0);
	assert_string_equal(tree_device(tree, "02:00.0")->interfaces, "eth0");
	assert_int_equal(strlen(tree_device(tree, "02:00.0")->dsn), strlen("52-54-00-ff-ff-12-34-56"));
	assert_string_equal(tree_device(tree, "00:00.0")->word, "bridge");
	assert_string_equal(tree_device(tree, "00:10.0")->word, "bridge");
	assert_string_equal(tree_device(tree, "00:08.0")->word, "bindable");
	assert_null(lend_survey_at(tree->survey, lend_survey_count(tree->survey)));
}

static void words_of_profiles(void **state)
{
	static const struct {
		const char *tree, *address, *word, *why;
	} rows[] = {
		{"multifunction", "01:00.0", "shared", "0000:01:00.1 (nvme)"},
		{"multifunction", "01:00.1", "shared", "0000:01:00.0 (nvme)"},
		{"conventional", "02:01.0", "shared", "0000:02:02.0 (e1000)"},
		{"conventional", "01:00.0", "bridge", ""},
		{"sriov", "01:00.0", "busy", "2 virtual functions"},
		{"sriov", "01:10.0", "bindable", ""},
		{"no-iommu", "01:00.0", "no-iommu", "no IOMMU"},
		{"virtio-iommu", "01:00.0", "bindable", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct host_tree *tree = tree_new(rows[i].tree);

		expect(tree, rows[i].address, rows[i].word, rows[i].why);
		tree_free(tree);
	}
}

static void virtual_functions(void **state)
{
	struct host_tree *tree = tree_new("sriov");

	(void)state;
	assert_int_equal(tree_device(tree, "01:00.0")->vfs, 2);
	assert_int_equal(tree_device(tree, "01:00.0")->vfs_max, 7);
	assert_string_equal(tree_device(tree, "01:10.2")->physfn, "0000:01:00.0");
	assert_string_equal(tree_device(tree, "01:10.2")->path, "pci0000:00/10.0/00.0/vf1");
	tree_free(tree);
}

static void ready_and_lent(void **state)
{
	struct host_tree *tree = *state;
	char node[32], text[96];

	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	expect(tree, "01:00.0", "ready", "");
	snprintf(node, sizeof(node), "/dev/vfio/%d", tree_device(tree, "01:00.0")->is.group);
	tree_process(tree, 4711, "qemu-system-x86", node);
	snprintf(text, sizeof(text), "process 4711 (qemu-system-x86) has it through %s", node);
	tree_find_use(tree, "01:00.0", LEND_USE_LENT, text);
}

/* Bound to VFIO, a member whose sibling the host works with is not ready. */
static void half_a_group(void **state)
{
	struct host_tree *tree = tree_new("multifunction");

	(void)state;
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	expect(tree, "01:00.0", "shared", "0000:01:00.1 (nvme)");
	tree_bind(tree, "0000:01:00.1", NULL);
	expect(tree, "01:00.0", "ready", "");
	tree_bind(tree, "0000:01:00.1", "pci-stub");
	expect(tree, "01:00.0", "ready", "");
	tree_bind(tree, "0000:01:00.1", "nvme");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme1n1 rw\n");
	expect(tree, "01:00.0", "busy",
	       "0000:01:00.1, of its IOMMU group, is in use: /dev/nvme1n1 is mounted");
	tree_free(tree);
}

static void mounted(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /my\\040data rw - ext4 /dev/nvme0n1 rw\n");
	tree_find_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /my data");
}

static void a_partition_mounted_in_a_container(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/dev/block/259:1",
		  "../../devices/pci0000:00/0000:00:10.0/0000:01:00.0/nvme/nvme0/"
		  "nvme0n1/nvme0n1p1");
	tree_put(tree, NVME "/nvme0n1p1/partition", "1\n");
	tree_put(tree, NVME "/nvme0n1p1/uevent", "DEVNAME=nvme0n1p1\nDEVTYPE=partition\n");
	tree_put(tree, "proc/900/mountinfo", "40 23 259:1 / /srv rw - xfs /dev/nvme0n1p1 rw\n");
	tree_link(tree, "proc/900/ns/mnt", "mnt:[4026532001]");
	tree_find_use(tree, "01:00.0", LEND_USE_MOUNT,
		      "/dev/nvme0n1p1 is mounted at /srv, in the mount namespace of process 900 (?)");
	assert_string_equal(tree_device(tree, "01:00.0")->interfaces, "nvme0n1");
}

static void btrfs(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/self/mountinfo", "40 23 0:44 / /data rw - btrfs /dev/nvme0n1 rw\n");
	tree_find_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /data");
	tree_put(tree, "proc/self/mountinfo", "40 23 0:44 / /data rw - btrfs /dev/sda rw\n");
	tree_link(tree, "sys/fs/btrfs/0a1b/devices/nvme0n1", "../../../../block/nvme0n1");
	tree_find_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 belongs to a mounted btrfs");
}

static void swap(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/swaps", "/dev/nvme0n1 partition 1000 0 -2\n");
	tree_find_use(tree, "01:00.0", LEND_USE_SWAP, "/dev/nvme0n1 is swap space");
}

/* A disk in a RAID, with an encrypted volume on it, mounted by its name in /dev/mapper. */
static void stacked(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, NVME "/holders/md0", "../../../../../../../virtual/block/md0");
	tree_link(tree, "sys/dev/block/9:0", "../../devices/virtual/block/md0");
	tree_put(tree, "sys/devices/virtual/block/md0/md/level", "raid1\n");
	tree_link(tree, "sys/devices/virtual/block/md0/holders/dm-0", "../../dm-0");
	tree_link(tree, "sys/dev/block/253:0", "../../devices/virtual/block/dm-0");
	tree_put(tree, "sys/devices/virtual/block/dm-0/dm/name", "vault\n");
	tree_append(tree, "proc/self/mountinfo", "40 23 253:0 / /vault rw - ext4 /dev/mapper/vault rw\n");
	tree_append(tree, "proc/swaps", "/dev/mapper/vault partition 1000 0 -2\n");
	tree_find_use(tree, "01:00.0", LEND_USE_RAID, "/dev/nvme0n1 is a member of /dev/md0 (raid1)");
	tree_find_use(tree, "01:00.0", LEND_USE_VOLUME, "/dev/md0 holds the volume vault");
	tree_find_use(tree, "01:00.0", LEND_USE_MOUNT, "the volume vault is mounted at /vault");
	tree_find_use(tree, "01:00.0", LEND_USE_SWAP, "the volume vault is swap space");
}

/* Holders that hold each other are not followed for ever. */
static void a_loop_of_holders(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, NVME "/holders/md0", "../md0");
	tree_link(tree, "sys/dev/block/9:0", "../../devices/virtual/block/md0");
	tree_link(tree, "sys/devices/virtual/block/md0/holders/md0", "../../md0");
	expect(tree, "01:00.0", "busy", "holds /dev/md0");
}

/* Nor are those whose partitions are held again: each is a way up of its own. */
static void a_tangle_of_holders(void **state)
{
	struct host_tree *tree = *state;
	char path[128], target[128];

	tree_link(tree, NVME "/holders/md0", "../md0");
	tree_link(tree, "sys/dev/block/9:0", "../../devices/virtual/block/md0");
	for (int i = 1; i <= 16; i++) {
		snprintf(path, sizeof(path), "sys/dev/block/259:%d", 100 + i);
		snprintf(target, sizeof(target), "../../devices/virtual/block/md0/md0p%d", i);
		tree_link(tree, path, target);
		snprintf(path, sizeof(path), "sys/devices/virtual/block/md0/md0p%d/partition", i);
		tree_put(tree, path, "1\n");
		snprintf(path, sizeof(path), "sys/devices/virtual/block/md0/md0p%d/holders/md0", i);
		tree_link(tree, path, "../../../md0");
	}
	expect(tree, "01:00.0", "busy", "holds /dev/md0");
	assert_in_range(tree_device(tree, "01:00.0")->use_count, 1, 100);
}

static void multipath(void **state)
{
	struct host_tree *tree = *state;

	tree_remove(tree, "sys/dev/block/259:0");
	tree_link(tree, "sys/dev/block/259:5", "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
	tree_folder(tree, "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
	tree_link(tree, "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0",
		  "../../../pci0000:00/0000:00:10.0/0000:01:00.0/nvme/nvme0");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:5 / /data rw - ext4 /dev/nvme0n1 rw\n");
	tree_find_use(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /data");
}

static void opened(void **state)
{
	struct host_tree *tree = *state;

	tree_process(tree, 55, "dd", "/dev/nvme0n1");
	tree_process(tree, 56, "(udev-worker)", "/dev/nvme0n1");
	tree_find_use(tree, "01:00.0", LEND_USE_OPEN, "process 55 (dd) has /dev/nvme0n1 open");
	assert_int_equal(tree_device(tree, "01:00.0")->use_count, 1);
}

static void addresses(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/net/route", "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n");
	tree_find_use(tree, "02:00.0", LEND_USE_ADDRESS, "eth0 has a route to 10.0.2.0/24");
	tree_append(tree, "proc/net/route", "eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
	tree_find_use(tree, "02:00.0", LEND_USE_ROUTE, "the default route goes through eth0");
	tree_append(tree, "proc/net/if_inet6", "fe800000000000000000000000000001 03 40 20 80     eth1\n");
	expect(tree, "03:00.0", "bindable", "");
	tree_append(tree, "proc/net/if_inet6", "fd000000000000000000000000000001 03 40 00 80     eth1\n");
	tree_find_use(tree, "03:00.0", LEND_USE_ADDRESS, "eth1 has the address fd00::1/64");
}

static void bridged_bonded_and_below(void **state)
{
	struct host_tree *tree = *state;
	const char *master = "sys/devices/pci0000:00/0000:00:11.0/0000:02:00.0/net/eth0/master";

	tree_link(tree, master, "../../../../../virtual/net/br0");
	tree_put(tree, "sys/class/net/br0/bridge/bridge_id", "8000.525400123456\n");
	tree_find_use(tree, "02:00.0", LEND_USE_BRIDGED, "eth0 is a port of the bridge br0");
	tree_link(tree, master, "../../../../../virtual/net/bond0");
	tree_put(tree, "sys/class/net/bond0/bonding/mode", "802.3ad 4\n");
	tree_find_use(tree, "02:00.0", LEND_USE_BRIDGED, "eth0 is in the bond bond0");
	tree_remove(tree, master);
	tree_link(tree, "sys/devices/pci0000:00/0000:00:11.0/0000:02:00.0/net/eth0/upper_eth0.10",
		  "../../../../../virtual/net/eth0.10");
	tree_find_use(tree, "02:00.0", LEND_USE_BRIDGED, "eth0 is below eth0.10");
}

static void console_and_sound(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "sys/bus/pci/devices/0000:00:08.0/boot_vga", "1\n");
	tree_find_use(tree, "00:08.0", LEND_USE_CONSOLE, "the console of this computer is on it");
	tree_put(tree, "proc/asound/card0/pcm0p/sub0/status", "closed\n");
	expect(tree, "00:09.0", "bindable", "");
	tree_put(tree, "proc/asound/card0/pcm0p/sub0/status", "state: RUNNING\n");
	tree_find_use(tree, "00:09.0", LEND_USE_SOUND, "the sound of card0 is in use");
	tree_put(tree, "proc/asound/card0/pcm0p/sub0/status", "closed\n");
	tree_process(tree, 77, "pipewire", "/dev/snd/controlC0");
	tree_find_use(tree, "00:09.0", LEND_USE_OPEN, "process 77 (pipewire) has /dev/snd/controlC0 open");
}

/* Groups that VFIO makes without an IOMMU keep nothing apart. */
/* A survey of names finds devices, and says of none that it is free. */
static void names_alone(void **state)
{
	struct host_tree *tree = *state;
	const struct lend_survey_device *device, *whole;
	struct lend_survey *names;
	struct lend_error error;
	struct lend_way way;

	tree_survey(tree);
	assert_int_equal(lend_survey_names(tree->context, &names), 0);
	assert_int_equal(lend_survey_count(names), lend_survey_count(tree->survey));
	for (size_t i = 0; (device = lend_survey_at(names, i)); i++) {
		whole = lend_survey_at(tree->survey, i);
		assert_string_equal(device->is.name, whole->is.name);
		assert_string_equal(device->path, whole->path);
		assert_string_equal(device->interfaces, whole->interfaces);
		assert_int_equal(device->use_count, 0);
		if (whole->state == LEND_STATE_UNFIT || whole->state == LEND_STATE_BLOCKED) {
			assert_string_equal(device->word, whole->word);
			continue;
		}
		assert_int_equal(device->state, LEND_STATE_BUSY);
		assert_string_equal(device->word, "unknown");
		assert_string_equal(device->why, "what uses it was not looked for");
	}
	assert_int_equal(lend_survey_resolve(names, "nvme0n1", &device, &error), 0);
	assert_string_equal(device->is.name, "0000:01:00.0");
	for (size_t i = 0; lend_survey_way(names, i, &way); i++)
		assert_non_null(way.unseen);
	lend_survey_free(names);
}

static void groups_without_an_iommu(void **state)
{
	struct host_tree *tree = *state;
	char path[80];

	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/name",
		 tree_device(tree, "01:00.0")->is.group);
	tree_put(tree, path, "vfio-noiommu\n");
	expect(tree, "01:00.0", "no-iommu", "");
}

static void an_empty_host(void **state)
{
	struct host_tree *tree = *state;

	tree_remove(tree, "sys");
	tree_remove(tree, "proc");
	assert_int_equal(lend_survey_count(tree_survey(tree)), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_plain, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plain_host),
		cmocka_unit_test(words_of_profiles),
		cmocka_unit_test(virtual_functions),
		TEST(ready_and_lent),
		cmocka_unit_test(half_a_group),
		TEST(mounted),
		TEST(a_partition_mounted_in_a_container),
		TEST(btrfs),
		TEST(swap),
		TEST(stacked),
		TEST(a_loop_of_holders),
		TEST(a_tangle_of_holders),
		TEST(multipath),
		TEST(opened),
		TEST(addresses),
		TEST(bridged_bonded_and_below),
		TEST(console_and_sound),
		TEST(names_alone),
		TEST(groups_without_an_iommu),
		TEST(an_empty_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

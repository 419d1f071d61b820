/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a device can be in use, each on a recorded host that was
 * edited for it, and each with its opposite: what looks like it and is no use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/host_tree.h"

#define NVME_DEVICE "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0"
#define NVME        NVME_DEVICE "/nvme/nvme0/nvme0n1"
#define CARD        "sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0"

static int plain(void **state)
{
	*state = tree_new("plain");
	return 0;
}

static int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

static const struct lend_use *find(struct host_tree *tree, const char *address, enum lend_use_kind kind,
				   const char *text)
{
	const struct lend_survey_device *device;

	tree_survey(tree);
	device = tree_device(tree, address);
	assert_string_equal(device->word, "busy");
	for (size_t i = 0; i < device->use_count; i++)
		if (device->uses[i].kind == kind && !strcmp(device->uses[i].text, text))
			return &device->uses[i];
	for (size_t i = 0; i < device->use_count; i++)
		print_error("%d %s\n", device->uses[i].kind, device->uses[i].text);
	fail_msg("none of these uses is %d '%s'", kind, text);
	return NULL;
}

static void expect(struct host_tree *tree, const char *address, enum lend_use_kind kind, const char *text,
		   const char *cure)
{
	assert_string_equal(find(tree, address, kind, text)->cure, cure);
}

static void expect_free(struct host_tree *tree, const char *address)
{
	const struct lend_survey_device *device;

	tree_survey(tree);
	device = tree_device(tree, address);
	if (device->use_count)
		fail_msg("%s is in use: %s", address, device->uses[0].text);
	assert_string_equal(device->word, "bindable");
}

static void add_loop(struct host_tree *tree, const char *file)
{
	tree_link(tree, "sys/dev/block/7:0", "../../devices/virtual/block/loop0");
	tree_put(tree, "sys/devices/virtual/block/loop0/loop/backing_file", file);
}

static void a_loop_on_a_disk(void **state)
{
	struct host_tree *tree = *state;

	add_loop(tree, "/dev/sda\n");
	expect_free(tree, "01:00.0");
	add_loop(tree, "/dev/nvme0n1\n");
	tree_append(tree, "proc/self/mountinfo", "40 23 7:0 / /run/m rw - ext4 /dev/loop0 rw\n");
	expect(tree, "01:00.0", LEND_USE_LOOP, "/dev/nvme0n1 is behind /dev/loop0", "losetup -d /dev/loop0");
	expect(tree, "01:00.0", LEND_USE_MOUNT, "/dev/loop0 is mounted at /run/m", "umount /run/m");
	/* What is on top is told first. */
	assert_int_equal(tree_device(tree, "01:00.0")->uses[0].kind, LEND_USE_MOUNT);
}

static void a_loop_on_a_file(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/self/mountinfo",
		    "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n"
		    "41 40 8:1 / /data/other rw - ext4 /dev/sda1 rw\n");
	add_loop(tree, "/data/other/x.img\n");
	expect(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /data", "umount /data");
	assert_int_equal(tree_device(tree, "01:00.0")->use_count, 1);
	add_loop(tree, "/database/x.img\n");
	tree_survey(tree);
	assert_int_equal(tree_device(tree, "01:00.0")->use_count, 1);
	add_loop(tree, "/data/x.img\n");
	expect(tree, "01:00.0", LEND_USE_LOOP,
	       "/dev/nvme0n1 has the file /data/x.img, which is behind /dev/loop0", "losetup -d /dev/loop0");
}

static void swap_in_a_file(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	tree_append(tree, "proc/swaps", "/data/swap\\040file file 1000 0 -2\n");
	expect(tree, "01:00.0", LEND_USE_SWAP,
	       "/dev/nvme0n1 has the file /data/swap file, which is swap space", "");
	tree_append(tree, "proc/swaps", "/data/swapfile file 1000 0 -2\n");
	expect(tree, "01:00.0", LEND_USE_SWAP,
	       "/dev/nvme0n1 has the file /data/swapfile, which is swap space", "swapoff /data/swapfile");
}

static void hibernation(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "sys/power/resume", "0:0\n");
	expect_free(tree, "01:00.0");
	tree_put(tree, "sys/power/resume", "8:1\n");
	expect_free(tree, "01:00.0");
	tree_put(tree, "sys/power/resume", "259:0\n");
	expect(tree, "01:00.0", LEND_USE_HIBERNATION, "/dev/nvme0n1 is where this computer hibernates to",
	       "sh -c 'echo 0:0 >/sys/power/resume'");
}

static void journals_on_another_disk(void **state)
{
	struct host_tree *tree = *state;

	tree_folder(tree, "proc/fs/jbd2/sda1-8");
	tree_append(tree, "proc/self/mountinfo", "40 23 8:1 / /x rw - xfs /dev/sda1 rw,logdev=/dev/sdb\n");
	expect_free(tree, "01:00.0");
	tree_folder(tree, "proc/fs/jbd2/nvme0n1");
	expect(tree, "01:00.0", LEND_USE_JOURNAL, "/dev/nvme0n1 is the journal of a mounted file system", "");
	tree_remove(tree, "proc/fs/jbd2/nvme0n1");
	tree_append(tree, "proc/self/mountinfo",
		    "40 23 8:1 / /y rw - xfs /dev/sda1 rw,logdev=/dev/nvme0n1,noquota\n");
	expect(tree, "01:00.0", LEND_USE_JOURNAL, "/dev/nvme0n1 is a part of the file system at /y",
	       "umount /y");
}

static void a_pool_of_zfs(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "run/udev/data/b259:0", "E:ID_FS_TYPE=zfs_member\n");
	expect_free(tree, "01:00.0");
	tree_append(tree, "proc/self/mountinfo", "40 16 0:45 / /tank rw - zfs tank rw\n");
	expect(tree, "01:00.0", LEND_USE_POOL, "/dev/nvme0n1 belongs to a pool of ZFS", "zpool export -a");
	tree_put(tree, "run/udev/data/b259:0", "E:ID_FS_TYPE=ext4\n");
	expect_free(tree, "01:00.0");
	/* A pool that is imported, and has nothing mounted. */
	tree_put(tree, "run/udev/data/b259:0", "E:ID_FS_TYPE=zfs_member\n");
	tree_put(tree, "proc/self/mountinfo", "");
	expect_free(tree, "01:00.0");
	tree_folder(tree, "sys/module/zfs");
	find(tree, "01:00.0", LEND_USE_POOL, "/dev/nvme0n1 belongs to a pool of ZFS");
}

static void a_pool_of_bcachefs(void **state)
{
	struct host_tree *tree = *state;

	tree_append(tree, "proc/self/mountinfo", "40 16 0:46 / /data rw - bcachefs /dev/sda:/dev/sdb rw\n");
	expect_free(tree, "01:00.0");
	tree_append(tree, "proc/self/mountinfo",
		    "40 16 0:46 / /data rw - bcachefs /dev/sdb:/dev/nvme0n1 rw\n");
	expect(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 is mounted at /data", "umount /data");
	tree_put(tree, "proc/self/mountinfo", "");
	tree_link(tree, "sys/fs/bcachefs/0a1b/dev-0/block", "../../../../block/sda");
	expect_free(tree, "01:00.0");
	tree_link(tree, "sys/fs/bcachefs/0a1b/dev-1/block", "../../../../block/nvme0n1");
	expect(tree, "01:00.0", LEND_USE_MOUNT, "/dev/nvme0n1 belongs to a mounted bcachefs", "");
}

static void caches(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/fs/bcache/0a1b/cache0", "../../../block/sda/bcache");
	tree_put(tree, "sys/devices/virtual/block/zram0/backing_dev", "none\n");
	expect_free(tree, "01:00.0");
	tree_link(tree, "sys/fs/bcache/0a1b/cache0", "../../../devices/x/block/nvme0n1/bcache");
	expect(tree, "01:00.0", LEND_USE_CACHE, "/dev/nvme0n1 is a cache of bcache",
	       "sh -c 'echo 1 >/sys/fs/bcache/0a1b/stop'");
	tree_remove(tree, "sys/fs/bcache");
	tree_put(tree, "sys/devices/virtual/block/zram0/backing_dev", "/dev/nvme0n1\n");
	expect(tree, "01:00.0", LEND_USE_CACHE, "/dev/nvme0n1 is what /dev/zram0 writes back to",
	       "zramctl -r /dev/zram0");
}

static void a_disk_that_is_served(void **state)
{
	struct host_tree *tree = *state;
	const char *lio = "sys/kernel/config/target/core/iblock_0/store/udev_path";

	tree_put(tree, lio, "/dev/sda\n");
	expect_free(tree, "01:00.0");
	tree_link(tree, "dev/disk/by-id/nvme-1", "../../nvme0n1");
	tree_put(tree, lio, "/dev/disk/by-id/nvme-1\n");
	expect(tree, "01:00.0", LEND_USE_TARGET, "/dev/nvme0n1 is served as the SCSI target store",
	       "targetcli /backstores/block delete store");
	tree_remove(tree, "sys/kernel/config/target");
	tree_put(tree, "sys/kernel/scst_tgt/devices/d1/filename", "/dev/nvme0n1\n[key]\n");
	find(tree, "01:00.0", LEND_USE_TARGET, "/dev/nvme0n1 is served as the SCSI target d1");
}

static void a_disk_that_is_served_as_nvme(void **state)
{
	struct host_tree *tree = *state;
	const char *enable = "sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/enable";

	tree_put(tree, "sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/device_path", "/dev/nvme0n1\n");
	tree_put(tree, enable, "0\n");
	expect_free(tree, "01:00.0");
	tree_put(tree, enable, "1\n");
	expect(tree, "01:00.0", LEND_USE_TARGET,
	       "/dev/nvme0n1 is served as namespaces/1 of the NVMe target nqn.x",
	       "sh -c 'echo 0 >/sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/enable'");
}

static void a_holder_without_a_node(void **state)
{
	struct host_tree *tree = *state;

	tree_folder(tree, NVME "/holders");
	expect_free(tree, "01:00.0");
	tree_link(tree, NVME "/holders/drbd0", "../../../../../../../virtual/block/drbd0");
	find(tree, "01:00.0", LEND_USE_VOLUME, "/dev/nvme0n1 is held by drbd0");
}

/* Names that begin like one that every process has open. */
static void a_serial_port_of_a_card(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/dev/char/4:68",
		  "../../"
		  "devices/pci0000:00/0000:00:12.0/0000:03:00.0/tty/ttyS4");
	tree_put(tree, CARD "/tty/ttyS4/uevent", "MAJOR=4\nDEVNAME=ttyS4\n");
	tree_process(tree, 80, "getty", "/dev/tty4");
	tree_process(tree, 81, "minicom", "/dev/ttyS0");
	expect_free(tree, "03:00.0");
	tree_process(tree, 81, "minicom", "/dev/ttyS4");
	expect(tree, "03:00.0", LEND_USE_OPEN, "process 81 (minicom) has /dev/ttyS4 open", "");
	/* A container sees its own root; a node may be removed while it is open. */
	tree_process(tree, 81, "minicom", "/var/lib/box/dev/ttyS4 (deleted)");
	find(tree, "03:00.0", LEND_USE_OPEN, "process 81 (minicom) has /dev/ttyS4 open");
}

/* What has the node open is started again unless its service is stopped. */
static void what_stops_a_process(void **state)
{
	static const struct {
		const char *group, *cure;
	} rows[] = {
		{"0::/system.slice/a.service\n", "systemctl stop a.service"},
		{"0::/system.slice/system-getty.slice/getty@tty1.service\n",
		 "systemctl stop 'getty@tty1.service'"},
		{"12:pids:/x\n1:name=systemd:/system.slice/a.service/b\n", "systemctl stop a.service"},
		{"0::/system.slice/docker-0123456789abcdef0123.scope\n", "docker stop 0123456789ab"},
		{"0::/machine.slice/libpod-0123456789abcdef0123.scope/container\n",
		 "podman stop 0123456789ab"},
		{"0::/lxc.payload.box/system.slice/b.service\n", "lxc-stop -n box"},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/b.service\n", ""},
		{"0::/user.slice/user-1000.slice/session-2.scope\n", ""},
		{"0::/system.slice/systemd-logind.service\n", ""},
		{"0::/.service\n", ""},
		{"0::/\n", ""},
		{"\n:\n::", ""},
	};
	struct host_tree *tree = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		tree_process(tree, 55, "b", "/dev/nvme0n1");
		tree_put(tree, "proc/55/cgroup", rows[i].group);
		expect(tree, "01:00.0", LEND_USE_OPEN, "process 55 (b) has /dev/nvme0n1 open", rows[i].cure);
	}
}

/* A device far below a controller: each has nodes of its own. */
static void devices_below_a_controller(void **state)
{
	static const struct {
		const char *number, *folder, *node;
	} rows[] = {
		{"189:1", "usb1/1-1", "bus/usb/001/002"},
		{"246:7", "usb1/1-1/1-1:1.0/0003:1050:0407.0001/hidraw/hidraw7", "hidraw7"},
		{"13:67", "usb1/1-1/1-1:1.0/input/input5/event3", "input/event3"},
		{"81:0", "usb1/1-1/1-1:1.0/video4linux/video0", "video0"},
		{"188:0", "usb1/1-1/1-1:1.0/ttyUSB0/tty/ttyUSB0", "ttyUSB0"},
		{"166:0", "usb1/1-1/1-1:1.0/tty/ttyACM0", "ttyACM0"},
		{"21:0", "usb1/1-1/1-1:1.0/host9/target9:0:0/9:0:0:0/scsi_generic/sg0", "sg0"},
		{"226:128", "drm/renderD128", "dri/renderD128"},
		{"10:99", "mei/mei0", "mei0"},
	};
	struct host_tree *tree = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char path[256], text[512];

		snprintf(path, sizeof(path), "sys/dev/char/%s", rows[i].number);
		snprintf(text, sizeof(text), "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/%s",
			 rows[i].folder);
		tree_link(tree, path, text);
		snprintf(path, sizeof(path), CARD "/%s/uevent", rows[i].folder);
		snprintf(text, sizeof(text), "DEVNAME=%s\n", rows[i].node);
		tree_put(tree, path, text);
		snprintf(path, sizeof(path), "/dev/%sx", rows[i].node);
		tree_process(tree, 90, "user", path);
		expect_free(tree, "03:00.0");
		snprintf(path, sizeof(path), "/dev/%s", rows[i].node);
		tree_process(tree, 90, "user", path);
		snprintf(text, sizeof(text), "process 90 (user) has %s open", path);
		expect(tree, "03:00.0", LEND_USE_OPEN, text, "");
	}
}

static void a_stick_below_a_controller(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/dev/block/8:16",
		  "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/usb1/1-2/1-2:1.0/host8/target8:0:0/"
		  "8:0:0:0/block/sdb");
	tree_folder(tree, CARD "/usb1/1-2/1-2:1.0/host8/target8:0:0/8:0:0:0/block/sdb");
	expect_free(tree, "03:00.0");
	tree_append(tree, "proc/self/mountinfo", "40 23 8:16 / /stick rw - vfat /dev/sdb rw\n");
	expect(tree, "03:00.0", LEND_USE_MOUNT, "/dev/sdb is mounted at /stick", "umount /stick");
}

static void nodes_of_vendors(void **state)
{
	struct host_tree *tree = *state;

	tree_bind(tree, "0000:03:00.0", "nvidia");
	tree_put(tree, "proc/driver/nvidia/gpus/0000:03:00.0/information",
		 "Model: \t\t X\nDevice Minor: \t 1\nGPU Excluded:\t No\n");
	tree_process(tree, 1234, "nvidia-persiste", "/dev/nvidia0");
	expect_free(tree, "03:00.0");
	tree_process(tree, 1234, "nvidia-persiste", "/dev/nvidiactl");
	expect_free(tree, "03:00.0");
	tree_process(tree, 1234, "nvidia-persiste", "/dev/nvidia1");
	expect(tree, "03:00.0", LEND_USE_OPEN, "process 1234 (nvidia-persiste) has /dev/nvidia1 open", "");
	/* The number of the card's node is not known: it may be this one. */
	tree_remove(tree, "proc/driver");
	find(tree, "03:00.0", LEND_USE_OPEN, "process 1234 (nvidia-persiste) has /dev/nvidia1 open");
	tree_process(tree, 1234, "rocm", "/dev/kfd");
	expect_free(tree, "03:00.0");
	tree_bind(tree, "0000:03:00.0", "amdgpu");
	expect(tree, "03:00.0", LEND_USE_OPEN, "process 1234 (rocm) has /dev/kfd open", "");
}

static void an_interface_in_another_namespace(void **state)
{
	struct host_tree *tree = *state;

	expect_free(tree, "03:00.0");
	tree_remove(tree, "sys/class/net/eth1");
	tree_remove(tree, CARD "/net/eth1");
	tree_folder(tree, CARD "/net");
	expect(tree, "03:00.0", LEND_USE_NAMESPACE, "its network interface is in another network namespace",
	       "lsns --type net");
	/* The driver made none, or lost it. */
	tree_remove(tree, CARD "/net");
	expect_free(tree, "03:00.0");
	tree_folder(tree, CARD "/virtio9/net");
	find(tree, "03:00.0", LEND_USE_NAMESPACE, "its network interface is in another network namespace");
	/* Without a driver there is no interface, whatever a folder says. */
	tree_bind(tree, "0000:03:00.0", NULL);
	expect_free(tree, "03:00.0");
}

static void routes_of_ipv6(void **state)
{
	struct host_tree *tree = *state;
	const char *file = "proc/net/ipv6_route";

#define ZERO "00000000000000000000000000000000"
	tree_put(tree, file,
		 "fe800000000000000000000000000000 40 " ZERO " 00 " ZERO
		 " 00000100 00000001 00000000 00000001     eth1\n"
		 "ff000000000000000000000000000000 08 " ZERO " 00 " ZERO
		 " 00000100 00000001 00000000 00000001     eth1\n"
		 "fd000000000000000000000000000001 80 " ZERO " 00 " ZERO
		 " 00000000 00000001 00000000 80200001     eth1\n" ZERO " 00 " ZERO " 00 " ZERO
		 " ffffffff 00000001 00000000 00200200       lo\n");
	expect_free(tree, "03:00.0");
	tree_append(tree, file,
		    "fd000000000000000000000000000000 40 " ZERO " 00 " ZERO
		    " 00000100 00000001 00000000 00000001     eth1\n");
	expect(tree, "03:00.0", LEND_USE_ADDRESS, "eth1 has a route to fd00::/64",
	       "ip -6 route flush dev eth1");
	tree_put(tree, file,
		 ZERO " 00 " ZERO
		      " 00 fe800000000000000000000000000002 00000400 00000001 00000000 00450003     "
		      "eth1\n");
	expect(tree, "03:00.0", LEND_USE_ROUTE, "the default route of IPv6 goes through eth1",
	       "ip -6 route flush dev eth1");
#undef ZERO
}

static void tunnels(void **state)
{
	struct host_tree *tree = *state;
	const char *type = "sys/devices/virtual/net/gre1/type";

	tree_put(tree, CARD "/net/eth1/ifindex", "3\n");
	tree_link(tree, "sys/class/net/gre1", "../../devices/virtual/net/gre1");
	tree_put(tree, type, "778\n");
	tree_put(tree, "sys/devices/virtual/net/gre1/ifindex", "9\n");
	tree_put(tree, "sys/devices/virtual/net/gre1/iflink", "4\n");
	expect_free(tree, "03:00.0");
	tree_put(tree, "sys/devices/virtual/net/gre1/iflink", "3\n");
	expect(tree, "03:00.0", LEND_USE_TUNNEL, "eth1 carries the tunnel gre1", "ip link delete gre1");
	/* The other end of a pair may have that number in another namespace. */
	tree_put(tree, type, "1\n");
	expect_free(tree, "03:00.0");
}

static void consoles(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/dev/char/4:68", "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/tty/ttyS4");
	tree_put(tree, CARD "/tty/ttyS4/uevent", "DEVNAME=ttyS4\n");
	tree_put(tree, "sys/class/tty/console/active", "tty0 ttyS0\n");
	expect_free(tree, "03:00.0");
	tree_put(tree, "sys/class/tty/console/active", "tty0 ttyS4\n");
	find(tree, "03:00.0", LEND_USE_CONSOLE, "the console of this computer is on its /dev/ttyS4");
	tree_remove(tree, "sys/class/tty/console");
	tree_link(tree, "sys/dev/char/29:0",
		  "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/simple-framebuffer.0/graphics/fb0");
	find(tree, "03:00.0", LEND_USE_CONSOLE, "the console of this computer is on its /dev/fb0");
}

static void a_keyboard(void **state)
{
	struct host_tree *tree = *state;

#define DEVICE(handlers)                                                                                     \
	"I: Bus=0003\nN: Name=\"A B\"\nS: "                                                                  \
	"Sysfs=/devices/pci0000:00/0000:00:12.0/0000:03:00.0/usb1/1-1/1-1:1.0/input/input5\n"                \
	"H: Handlers=" handlers "\n\n"
	tree_put(tree, "proc/bus/input/devices", DEVICE("mouse0 kbd event3"));
	expect_free(tree, "03:00.0");
	tree_append(tree, "proc/bus/input/devices", DEVICE("sysrq kbd leds event4"));
	find(tree, "03:00.0", LEND_USE_KEYBOARD, "the keyboard \"A B\" of this computer is connected to it");
#undef DEVICE
}

static void bluetooth_and_usbip(void **state)
{
	static const char usb[] = "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/usb1/1-3";
	struct host_tree *tree = *state;
	char target[160];

	snprintf(target, sizeof(target), "%s/1-3:1.0/bluetooth/hci0", usb);
	tree_link(tree, "sys/class/bluetooth/hci0", target);
	expect_free(tree, "03:00.0");
	strcat(target, "/hci0:12");
	tree_link(tree, "sys/class/bluetooth/hci0:12", target);
	expect(tree, "03:00.0", LEND_USE_BLUETOOTH,
	       "something is connected through its Bluetooth adapter (hci0:12)", "bluetoothctl disconnect");
	tree_remove(tree, "sys/class/bluetooth");
	tree_link(tree, "sys/bus/usb/drivers/usb/1-3", usb);
	expect_free(tree, "03:00.0");
	tree_link(tree, "sys/bus/usb/drivers/usbip-host/1-3", usb);
	expect(tree, "03:00.0", LEND_USE_EXPORT, "usbip serves its device 1-3 to others",
	       "usbip unbind -b 1-3");
}

static void mediated_devices_and_dma(void **state)
{
	static const char device[] = "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0";
	struct host_tree *tree = *state;
	char target[160];

	snprintf(target, sizeof(target), "%s/dma/dma0chan0", device + 3);
	tree_link(tree, "sys/class/dma/dma0chan0", target);
	tree_put(tree, CARD "/dma/dma0chan0/in_use", "0\n");
	expect_free(tree, "03:00.0");
	tree_put(tree, CARD "/dma/dma0chan0/in_use", "1\n");
	find(tree, "03:00.0", LEND_USE_DMA, "the kernel copies with its channel dma0chan0");
	tree_remove(tree, "sys/class/dma");
	snprintf(target, sizeof(target), "%s/0a-1b", device);
	tree_link(tree, "sys/bus/mdev/devices/0a-1b", target);
	expect(tree, "03:00.0", LEND_USE_MEDIATED, "the mediated device 0a-1b is made of it",
	       "sh -c 'echo 1 >/sys/bus/mdev/devices/0a-1b/remove'");
}

/* A controller that is no bridge, with a disk on a domain of its own below it. */
static void a_disk_behind_a_controller(void **state)
{
	static const char vmd[] =
		"sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0/pci10000:e0/10000:e0:06.0/"
		"10000:e1:00.0";
	struct host_tree *tree = *state;
	char path[256];

	for (int depth = 0; depth < 2; depth++) {
		const char *name = depth ? "10000:e1:00.0" : "10000:e0:06.0";

		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s", name);
		tree_link(tree, path,
			  depth ? "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/pci10000:e0/"
				  "10000:e0:06.0/10000:e1:00.0"
				: "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/pci10000:e0/"
				  "10000:e0:06.0");
	}
	snprintf(path, sizeof(path), "%s/class", vmd);
	tree_put(tree, path, "0x010802\n");
	snprintf(path, sizeof(path), "%s/vendor", vmd);
	tree_put(tree, path, "0x8086\n");
	snprintf(path, sizeof(path), "%s/../class", vmd);
	tree_put(tree, path, "0x060400\n");
	tree_link(
		tree, "sys/dev/block/259:9",
		"../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0/"
		"nvme/nvme9/nvme9n1");
	expect_free(tree, "03:00.0");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:9 / /deep rw - ext4 /dev/nvme9n1 rw\n");
	expect(tree, "03:00.0", LEND_USE_PARENT,
	       "10000:e1:00.0, which is below it, is in use: /dev/nvme9n1 is mounted at /deep",
	       "umount /deep");
}

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
	assert_string_equal(unseen(tree, "open"), "1 processes of other users; root can look at them");
	assert_non_null(unseen(tree, "lent"));
	assert_null(unseen(tree, "mount"));
	tree_put(tree, "proc/300/ns", "");
	assert_non_null(unseen(tree, "mount"));
	assert_null(unseen(tree, "swap"));
	tree_link(tree, "proc/self/ns/pid", "pid:[4026531836]");
	assert_string_equal(unseen(tree, "open"), "1 processes of other users; root can look at them");
	tree_link(tree, "proc/self/ns/pid", "pid:[4026532000]");
	assert_string_equal(unseen(tree, "open"),
			    "processes outside this container; lend has to run outside");
}

/* Each kind has one row, and one word. */
static void the_table_is_whole(void **state)
{
	struct host_tree *tree = *state;
	unsigned long seen = 0;
	struct lend_way way;
	size_t count = 0;

	tree_survey(tree);
	for (; lend_survey_way(tree->survey, count, &way); count++) {
		assert_int_equal(seen >> way.kind & 1, 0);
		seen |= 1UL << way.kind;
		assert_string_equal(lend_use_name(way.kind), way.name);
	}
	assert_int_equal(count, LEND_USE_PARENT + 1);
	assert_string_equal(lend_use_name((enum lend_use_kind)1000), "other");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plain, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_loop_on_a_disk),
		TEST(a_loop_on_a_file),
		TEST(swap_in_a_file),
		TEST(hibernation),
		TEST(journals_on_another_disk),
		TEST(a_pool_of_zfs),
		TEST(a_pool_of_bcachefs),
		TEST(caches),
		TEST(a_disk_that_is_served),
		TEST(a_disk_that_is_served_as_nvme),
		TEST(a_holder_without_a_node),
		TEST(a_serial_port_of_a_card),
		TEST(what_stops_a_process),
		TEST(devices_below_a_controller),
		TEST(a_stick_below_a_controller),
		TEST(nodes_of_vendors),
		TEST(an_interface_in_another_namespace),
		TEST(routes_of_ipv6),
		TEST(tunnels),
		TEST(consoles),
		TEST(a_keyboard),
		TEST(bluetooth_and_usbip),
		TEST(mediated_devices_and_dma),
		TEST(a_disk_behind_a_controller),
		TEST(what_cannot_be_looked_at),
		TEST(the_table_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

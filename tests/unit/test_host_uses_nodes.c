/* SPDX-License-Identifier: MIT */
/* Who has nodes of a device open, and what is used of devices below a controller; each with its opposite. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_uses.h"

#define CARD "sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0"

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
	tree_expect_free(tree, "03:00.0");
	tree_process(tree, 81, "minicom", "/dev/ttyS4");
	tree_expect_use(tree, "03:00.0", LEND_USE_OPEN, "process 81 (minicom) has /dev/ttyS4 open", "");
	/* A container sees its own root; a node may be removed while it is open. */
	tree_process(tree, 81, "minicom", "/var/lib/box/dev/ttyS4 (deleted)");
	tree_find_use(tree, "03:00.0", LEND_USE_OPEN, "process 81 (minicom) has /dev/ttyS4 open");
}

/* What has the node open is started again unless its service is stopped. */
static void what_stops_a_process(void **state)
{
	static const struct {
		const char *group, *cure;
	} rows[] = {
		{"0::/system.slice/a.service\n", "systemctl stop a.service"},
		{"0::/system.slice/system-getty.slice/getty@tty1.service\n",
		 "systemctl stop getty@tty1.service"},
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
		tree_expect_use(tree, "01:00.0", LEND_USE_OPEN, "process 55 (b) has /dev/nvme0n1 open",
				rows[i].cure);
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
		tree_expect_free(tree, "03:00.0");
		snprintf(path, sizeof(path), "/dev/%s", rows[i].node);
		tree_process(tree, 90, "user", path);
		snprintf(text, sizeof(text), "process 90 (user) has %s open", path);
		tree_expect_use(tree, "03:00.0", LEND_USE_OPEN, text, "");
	}
}

static void a_stick_below_a_controller(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/dev/block/8:16",
		  "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/usb1/1-2/1-2:1.0/host8/target8:0:0/"
		  "8:0:0:0/block/sdb");
	tree_folder(tree, CARD "/usb1/1-2/1-2:1.0/host8/target8:0:0/8:0:0:0/block/sdb");
	tree_expect_free(tree, "03:00.0");
	tree_append(tree, "proc/self/mountinfo", "40 23 8:16 / /stick rw - vfat /dev/sdb rw\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_MOUNT, "/dev/sdb is mounted at /stick", "umount /stick");
}

static void nodes_of_vendors(void **state)
{
	struct host_tree *tree = *state;

	tree_bind(tree, "0000:03:00.0", "nvidia");
	tree_put(tree, "proc/driver/nvidia/gpus/0000:03:00.0/information",
		 "Model: \t\t X\nDevice Minor: \t 1\nGPU Excluded:\t No\n");
	tree_process(tree, 1234, "nvidia-persiste", "/dev/nvidia0");
	tree_expect_free(tree, "03:00.0");
	tree_process(tree, 1234, "nvidia-persiste", "/dev/nvidiactl");
	tree_expect_free(tree, "03:00.0");
	tree_process(tree, 1234, "nvidia-persiste", "/dev/nvidia1");
	tree_expect_use(tree, "03:00.0", LEND_USE_OPEN,
			"process 1234 (nvidia-persiste) has /dev/nvidia1 open", "");
	/* The number of the card's node is not known: it may be this one. */
	tree_remove(tree, "proc/driver");
	tree_find_use(tree, "03:00.0", LEND_USE_OPEN, "process 1234 (nvidia-persiste) has /dev/nvidia1 open");
	tree_process(tree, 1234, "rocm", "/dev/kfd");
	tree_expect_free(tree, "03:00.0");
	tree_bind(tree, "0000:03:00.0", "amdgpu");
	tree_expect_use(tree, "03:00.0", LEND_USE_OPEN, "process 1234 (rocm) has /dev/kfd open", "");
}

static void consoles(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/dev/char/4:68", "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/tty/ttyS4");
	tree_put(tree, CARD "/tty/ttyS4/uevent", "DEVNAME=ttyS4\n");
	tree_put(tree, "sys/class/tty/console/active", "tty0 ttyS0\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, "sys/class/tty/console/active", "tty0 ttyS4\n");
	tree_find_use(tree, "03:00.0", LEND_USE_CONSOLE, "the console of this computer is on its /dev/ttyS4");
	tree_remove(tree, "sys/class/tty/console");
	tree_link(tree, "sys/dev/char/29:0",
		  "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/simple-framebuffer.0/graphics/fb0");
	tree_find_use(tree, "03:00.0", LEND_USE_CONSOLE, "the console of this computer is on its /dev/fb0");
}

static void the_debugger_of_the_kernel(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/dev/char/4:68", "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/tty/ttyS4");
	tree_put(tree, CARD "/tty/ttyS4/uevent", "DEVNAME=ttyS4\n");
	tree_put(tree, "sys/module/kgdboc/parameters/kgdboc", "\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, "sys/module/kgdboc/parameters/kgdboc", "ttyS0,115200\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, "sys/module/kgdboc/parameters/kgdboc", "ttyS4,115200\n");
	tree_find_use(tree, "03:00.0", LEND_USE_CONSOLE, "the debugger of the kernel is on its /dev/ttyS4");
}

/* Whoever has another keyboard can go on without it. */
static void a_keyboard(void **state)
{
	struct host_tree *tree = *state;

#define DEVICE(handlers)                                                                                     \
	"I: Bus=0003\nN: Name=\"A B\"\nS: "                                                                  \
	"Sysfs=/devices/pci0000:00/0000:00:12.0/0000:03:00.0/usb1/1-1/1-1:1.0/input/input5\n"                \
	"H: Handlers=" handlers "\n\n"
	tree_put(tree, "proc/bus/input/devices", DEVICE("mouse0 kbd event3"));
	tree_expect_free(tree, "03:00.0");
	tree_append(tree, "proc/bus/input/devices", DEVICE("sysrq kbd leds event4"));
	tree_find_use(tree, "03:00.0", LEND_USE_KEYBOARD,
		      "the keyboard \"A B\" of this computer is connected to it");
	tree_append(tree, "proc/bus/input/devices",
		    "N: Name=\"AT\"\nS: Sysfs=/devices/platform/i8042/serio0/input/input0\n"
		    "H: Handlers=sysrq kbd leds event0\n\n");
	tree_expect_free(tree, "03:00.0");
#undef DEVICE
}

static void bluetooth_and_usbip(void **state)
{
	static const char usb[] = "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/usb1/1-3";
	struct host_tree *tree = *state;
	char target[160];

	snprintf(target, sizeof(target), "%s/1-3:1.0/bluetooth/hci0", usb);
	tree_link(tree, "sys/class/bluetooth/hci0", target);
	tree_expect_free(tree, "03:00.0");
	strcat(target, "/hci0:12");
	tree_link(tree, "sys/class/bluetooth/hci0:12", target);
	tree_expect_use(tree, "03:00.0", LEND_USE_BLUETOOTH,
			"something is connected through its Bluetooth adapter (hci0:12)",
			"bluetoothctl disconnect");
	tree_remove(tree, "sys/class/bluetooth");
	tree_link(tree, "sys/bus/usb/drivers/usb/1-3", usb);
	tree_expect_free(tree, "03:00.0");
	tree_link(tree, "sys/bus/usb/drivers/usbip-host/1-3", usb);
	tree_expect_use(tree, "03:00.0", LEND_USE_EXPORT, "usbip serves its device 1-3 to others",
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
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, CARD "/dma/dma0chan0/in_use", "1\n");
	tree_find_use(tree, "03:00.0", LEND_USE_DMA, "the kernel copies with its channel dma0chan0");
	tree_remove(tree, "sys/class/dma");
	snprintf(target, sizeof(target), "%s/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", device);
	tree_link(tree, "sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", target);
	tree_expect_use(tree, "03:00.0", LEND_USE_MEDIATED,
			"the mediated device 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 is made of it",
			"sh -c 'echo 1 >/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001/remove'");
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
	tree_expect_free(tree, "03:00.0");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:9 / /deep rw - ext4 /dev/nvme9n1 rw\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_PARENT,
			"10000:e1:00.0, which is below it, is in use: /dev/nvme9n1 is mounted at /deep",
			"umount /deep");
}

/* A node under a name of somebody's own, known by its number: here that of /dev/null, by another path. */
static void a_node_of_another_name(void **state)
{
	struct host_tree *tree = *state;
	const char *node = CARD "/hidraw/hidraw0/uevent";

	tree_link(tree, "sys/dev/char/1:5",
		  "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/hidraw/hidraw0");
	tree_put(tree, node, "DEVNAME=hidraw0\n");
	tree_process(tree, 80, "own", "/dev/../dev/null");
	tree_expect_free(tree, "03:00.0");
	tree_link(tree, "sys/dev/char/1:3",
		  "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/hidraw/hidraw1");
	tree_find_use(tree, "03:00.0", LEND_USE_OPEN, "process 80 (own) has /dev/../dev/null open");
	/* A disk of the same number is another one. */
	tree_remove(tree, "sys/dev/char");
	tree_link(tree, "sys/dev/block/1:3", "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/block/x0");
	tree_expect_free(tree, "03:00.0");
}

/* A driver in user space that maps the registers. */
static void registers_of_a_device(void **state)
{
	struct host_tree *tree = *state;

	tree_process(tree, 81, "testpmd", "/sys/devices/pci0000:00/0000:00:12.0/0000:03:00.1/resource0");
	tree_expect_free(tree, "03:00.0");
	tree_process(tree, 81, "lspci", "/sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0/config");
	tree_expect_free(tree, "03:00.0");
	tree_process(tree, 81, "testpmd", "/sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0/resource0");
	tree_find_use(tree, "03:00.0", LEND_USE_OPEN, "process 81 (testpmd) has 0000:03:00.0/resource0 open");
}

/* A device that was handed on without its node, which newer kernels tell. */
static void a_device_of_vfio_without_a_node(void **state)
{
	struct host_tree *tree = *state;
	const char *info = "proc/82/fdinfo/9";
	char node[32];

	tree_bind(tree, "0000:03:00.0", "vfio-pci");
	tree_process(tree, 82, "vmm", "anon_inode:[vfio-device]");
	tree_survey(tree);
	assert_string_equal(tree_device(tree, "03:00.0")->word, "ready");
	tree_put(tree, info, "pos:\t0\nvfio-device-syspath: /sys/devices/pci0000:00/0000:01:00.0\n");
	tree_survey(tree);
	assert_string_equal(tree_device(tree, "03:00.0")->word, "ready");
	tree_put(tree, info,
		 "pos:\t0\nvfio-device-syspath: /sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0\n");
	tree_find_use(tree, "03:00.0", LEND_USE_LENT, "process 82 (vmm) has it through VFIO");
	/* Said once of one that has the node as well. */
	snprintf(node, sizeof(node), "/dev/vfio/%d", tree_device(tree, "03:00.0")->is.group);
	tree_link(tree, "proc/82/fd/3", node);
	tree_survey(tree);
	assert_int_equal(tree_device(tree, "03:00.0")->use_count, 1);
}

static void watchdogs(void **state)
{
	static const char device[] = "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/watchdog/watchdog0";
	struct host_tree *tree = *state;

	tree_link(tree, "sys/class/watchdog/watchdog0", device);
	tree_put(tree, CARD "/watchdog/watchdog0/state", "inactive\n");
	tree_link(tree, "sys/dev/char/251:0", device);
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, CARD "/watchdog/watchdog0/state", "active\n");
	tree_find_use(tree, "03:00.0", LEND_USE_WATCHDOG, "the watchdog watchdog0 runs on it");
	tree_remove(tree, "sys/class/watchdog");
	tree_process(tree, 83, "watchdog", "/dev/watchdog1");
	tree_expect_free(tree, "03:00.0");
	/* The older name of the first one. */
	tree_process(tree, 83, "watchdog", "/dev/watchdog");
	tree_find_use(tree, "03:00.0", LEND_USE_OPEN, "process 83 (watchdog) has /dev/watchdog0 open");
}

static void what_thunderbolt_connects(void **state)
{
	static const char *const none[] = {"0-0", "domain0", "0-1.1", "0-0:1.1", "usb4_port1"};
	struct host_tree *tree = *state;
	char link[96], target[160];

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		snprintf(link, sizeof(link), "sys/bus/thunderbolt/devices/%s", none[i]);
		snprintf(target, sizeof(target),
			 "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/domain0/%s", none[i]);
		tree_link(tree, link, target);
	}
	tree_expect_free(tree, "03:00.0");
	tree_link(tree, "sys/bus/thunderbolt/devices/0-1",
		  "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/domain0/0-0/0-1");
	tree_put(tree, CARD "/domain0/0-0/0-1/device_name", "Dock\n");
	tree_put(tree, CARD "/domain0/0-0/0-1/authorized", "0\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, CARD "/domain0/0-0/0-1/authorized", "1\n");
	tree_find_use(tree, "03:00.0", LEND_USE_PARENT, "Dock (0-1) is connected to it by Thunderbolt");
}

static void memory_of_a_device(void **state)
{
	struct host_tree *tree = *state;
	const char *endpoint = "sys/devices/platform/ACPI0017:00/root0/port1/endpoint2";
	char path[160];

	tree_link(tree, "sys/bus/cxl/devices/endpoint2",
		  "../../../devices/platform/ACPI0017:00/root0/port1/endpoint2");
	snprintf(path, sizeof(path), "%s/uport", endpoint);
	tree_link(tree, path, "../../../../../pci0000:00/0000:00:12.0/0000:03:00.0/mem0");
	snprintf(path, sizeof(path), "%s/decoder2.0/region", endpoint);
	tree_put(tree, path, "\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, path, "region0\n");
	tree_find_use(tree, "03:00.0", LEND_USE_MEMORY, "its memory is a part of the region0 of CXL");
	tree_remove(tree, "sys/bus/cxl");
	tree_put(tree, CARD "/p2pmem/size", "65536\n");
	tree_put(tree, CARD "/p2pmem/available", "65536\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, CARD "/p2pmem/available", "61440\n");
	tree_find_use(tree, "03:00.0", LEND_USE_MEMORY, "others work in its memory (4096 bytes)");
}

/* A disk with several controllers, which is below none of them: its node for commands is there, too. */
/* The computer's own memory may be a device's. */
static void memory_of_the_computer(void **state)
{
	static const char at[] = "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/";
	struct host_tree *tree = *state;
	char target[128];

	snprintf(target, sizeof(target), "%sdax0.0", at);
	tree_link(tree, "sys/bus/dax/devices/dax0.0", target);
	tree_link(tree, CARD "/dax0.0/driver", "../../../../../bus/dax/drivers/device_dax");
	tree_expect_free(tree, "03:00.0");
	tree_remove(tree, CARD "/dax0.0/driver");
	tree_link(tree, CARD "/dax0.0/driver", "../../../../../bus/dax/drivers/kmem");
	tree_expect_use(tree, "03:00.0", LEND_USE_MEMORY, "its memory is a part of the computer's (dax0.0)",
			"daxctl reconfigure-device -f -m devdax dax0.0");
	tree_remove(tree, "sys/bus/dax");
	snprintf(target, sizeof(target), "%svirtio7", at);
	tree_link(tree, "sys/bus/virtio/devices/virtio7", target);
	tree_expect_free(tree, "03:00.0");
	tree_link(tree, CARD "/virtio7/driver", "../../../../../bus/virtio/drivers/virtio_mem");
	tree_expect_use(tree, "03:00.0", LEND_USE_MEMORY, "its memory is a part of the computer's (virtio7)",
			"");
}

static void commands_for_a_multipath_disk(void **state)
{
	struct host_tree *tree = *state;
	const char *folder = "sys/devices/virtual/nvme-subsystem/nvme-subsys5";
	char path[128];

	tree_link(tree, "sys/dev/char/241:5", "../../devices/virtual/nvme-subsystem/nvme-subsys5/ng5n1");
	snprintf(path, sizeof(path), "%s/ng5n1", folder);
	tree_folder(tree, path);
	snprintf(path, sizeof(path), "%s/nvme5", folder);
	tree_link(tree, path, "../../../pci0000:00/0000:00:12.0/0000:03:00.0/nvme/nvme5");
	tree_process(tree, 90, "target", "/dev/ng6n1");
	tree_expect_free(tree, "03:00.0");
	tree_process(tree, 90, "target", "/dev/ng5n1");
	tree_expect_use(tree, "03:00.0", LEND_USE_OPEN, "process 90 (target) has /dev/ng5n1 open", "");
}

/* NVMe by Fibre Channel: the disks are not below the adapter, which is known by its port's name. */
static void disks_by_fibre_channel(void **state)
{
	struct host_tree *tree = *state;
	const char *controller = "sys/devices/virtual/nvme-fabrics/ctl/nvme7";
	const char *subsystem = "sys/devices/virtual/nvme-subsystem/nvme-subsys7";
	char path[128];

	tree_put(tree, CARD "/host4/fc_host/host4/port_name", "0x10000090FA942779\n");
	tree_link(tree, "sys/class/fc_host/host4",
		  "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/host4/fc_host/host4");
	tree_link(tree, "sys/dev/block/259:7", "../../devices/virtual/nvme-fabrics/ctl/nvme7/nvme7n1");
	snprintf(path, sizeof(path), "%s/nvme7n1", controller);
	tree_folder(tree, path);
	tree_link(tree, "sys/dev/block/259:8", "../../devices/virtual/nvme-subsystem/nvme-subsys7/nvme8n1");
	snprintf(path, sizeof(path), "%s/nvme8n1", subsystem);
	tree_folder(tree, path);
	snprintf(path, sizeof(path), "%s/nvme7", subsystem);
	tree_link(tree, path, "../../nvme-fabrics/ctl/nvme7");
	snprintf(path, sizeof(path), "%s/transport", controller);
	tree_put(tree, path, "fc\n");
	snprintf(path, sizeof(path), "%s/address", controller);
	tree_put(tree, path,
		 "traddr=nn-0x1:pn-0x10000090fa942779,host_traddr=nn-0x1:pn-0x10000090fa94277a\n");
	tree_append(tree, "proc/self/mountinfo", "40 23 259:7 / /san rw - ext4 /dev/nvme7n1 rw\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, path,
		 "traddr=nn-0x1:pn-0x1,host_traddr=nn-0x20000090fa942779:pn-0x10000090fa942779\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_MOUNT, "/dev/nvme7n1 is mounted at /san", "umount /san");
	tree_append(tree, "proc/self/mountinfo", "41 23 259:8 / /paths rw - ext4 /dev/nvme8n1 rw\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_MOUNT, "/dev/nvme8n1 is mounted at /paths",
			"umount /paths");
	snprintf(path, sizeof(path), "%s/transport", controller);
	tree_put(tree, path, "tcp\n");
	tree_expect_free(tree, "03:00.0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_plain, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_serial_port_of_a_card),
		TEST(what_stops_a_process),
		TEST(devices_below_a_controller),
		TEST(commands_for_a_multipath_disk),
		TEST(disks_by_fibre_channel),
		TEST(a_stick_below_a_controller),
		TEST(nodes_of_vendors),
		TEST(a_node_of_another_name),
		TEST(registers_of_a_device),
		TEST(a_device_of_vfio_without_a_node),
		TEST(watchdogs),
		TEST(what_thunderbolt_connects),
		TEST(memory_of_a_device),
		TEST(memory_of_the_computer),
		TEST(consoles),
		TEST(the_debugger_of_the_kernel),
		TEST(a_keyboard),
		TEST(bluetooth_and_usbip),
		TEST(mediated_devices_and_dma),
		TEST(a_disk_behind_a_controller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* A host with something of each way; see host_many.h. */
#include "tests/unit/host_many.h"

#define DISK  "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0"
#define CARD  "sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0"
#define SOUND "sys/devices/pci0000:00/0000:00:09.0"
#define ZERO  "00000000000000000000000000000000"

/* Files have a text, links a target, folders neither. */
static const struct {
	const char *path, *text, *target;
} entries[] = {
	{"proc/self/mountinfo",
	 "40 23 253:0 / /data rw - ext4 /dev/mapper/v0 rw\n41 40 0:44 / /data/b rw - btrfs /dev/nvme0n1 rw\n"
	 "42 23 0:79 / /share rw - 9p data rw\n",
	 NULL},
	{"proc/self/ns/pid", NULL, "pid:[4026531836]"},
	{"proc/swaps", "Filename Type\n/dev/zram0 partition 1000 0 100\n", NULL},
	{"proc/cmdline", "quiet netconsole=@10.0.0.1/eth1,@10.0.0.2/\n", NULL},
	{"proc/net/pppoe", "Id Address Device\n00000002 52:54:00:12:34:56 eth1\n", NULL},
	{"proc/net/packet", "sk\n0000000000000000 3 3 0003 3 1 0 0 103\n", NULL},
	{"proc/net/ptype", "Type\n8906 eth1     fcoe_rcv [fcoe]\n", NULL},
	{"proc/net/if_inet6", "fd000000000000000000000000000001 03 40 00 80     eth1\n", NULL},
	{"proc/net/ipv6_route",
	 ZERO " 00 " ZERO " 00 fe800000000000000000000000000002 00000400 1 0 00450003 eth1\n", NULL},
	{"proc/bus/input/devices",
	 "N: Name=\"k\"\nS: Sysfs=/devices/pci0000:00/0000:00:09.0/usb1/input\nH: Handlers=sysrq kbd\n",
	 NULL},
	{"proc/asound/card0/pcm0p/sub0/status", "state: RUNNING\n", NULL},
	{"proc/fs/jbd2/nvme0n1-8", NULL, NULL},
	{"proc/fs/ntfs3/sda", NULL, NULL},
	{"proc/70/ns/mnt", NULL, "mnt:[4026532001]"},
	{"proc/70/mountinfo", "40 23 259:0 / /srv rw - xfs /dev/nvme0n1 rw\n", NULL},
	{"proc/70/comm", "x\n", NULL},
	{"proc/70/cgroup", "0::/system.slice/x.service\n", NULL},
	{"proc/70/fd/4", NULL, "/dev/nvme0n1"},
	{"proc/70/fd/5", NULL, "socket:[103]"},
	{"proc/70/fd/6", NULL, "anon_inode:[vfio-device]"},
	{"proc/70/fdinfo/6", "vfio-device-syspath: /sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0\n",
	 NULL},
	{"dev/disk/by-id/nvme-1", NULL, "../../nvme0n1"},
	{"run/udev/data/b259:0", "E:ID_FS_TYPE=ext4\n", NULL},
	/* Disks that are made of the disk. */
	{"sys/dev/block/253:0", NULL, "../../devices/virtual/block/dm-0"},
	{"sys/devices/virtual/block/dm-0/dm/name", "v0\n", NULL},
	{"sys/devices/virtual/block/dm-0/uevent", "DEVNAME=dm-0\n", NULL},
	{"sys/dev/block/9:0", NULL, "../../devices/virtual/block/md0"},
	{"sys/devices/virtual/block/md0/md/level", "raid1\n", NULL},
	{DISK "/nvme/nvme0/nvme0n1/holders/dm-0", NULL, "x"},
	{DISK "/nvme/nvme0/nvme0n1/holders/md0", NULL, "x"},
	{"sys/dev/block/7:0", NULL, "../../devices/virtual/block/loop0"},
	{"sys/devices/virtual/block/loop0/loop/backing_file", "/data/x.img\n", NULL},
	{"sys/dev/block/252:0", NULL, "../../devices/virtual/block/zram0"},
	{"sys/devices/virtual/block/zram0/backing_dev", "/dev/nvme0n1\n", NULL},
	{"sys/devices/virtual/block/etherd!e0.1/netif", "eth1\n", NULL},
	{"sys/fs/ext4/dm-0", NULL, NULL},
	{"sys/fs/btrfs/0a1b/devices/nvme0n1", NULL, "../../../../block/nvme0n1"},
	{"sys/fs/bcachefs/0a1b/dev-0/block", NULL, "../../../../block/nvme0n1"},
	{"sys/fs/bcache/0a1b/cache0", NULL, "../../../devices/x/block/nvme0n1/bcache"},
	{"sys/fs/virtiofs/2/tag", "data\n", NULL},
	{"sys/fs/virtiofs/2/device", NULL, "../../../devices/x/virtio8"},
	{"sys/module/zfs/version", "2\n", NULL},
	{"proc/spl/kstat/zfs/tank/state", "ONLINE\n", NULL},
	{"sys/power/resume", "259:0\n", NULL},
	{"sys/module/pstore_blk/parameters/blkdev", "259:0\n", NULL},
	{"sys/module/kgdboc/parameters/kgdboc", "ttyS4,115200\n", NULL},
	{"sys/module/netconsole/version", "1\n", NULL},
	/* What is served to others. */
	{"sys/kernel/config/target/core/iblock_0/x/udev_path", "/dev/nvme0n1\n", NULL},
	{"sys/kernel/config/target/core/fileio_0/y/info", "File: /data/x Size: 1\n", NULL},
	{"sys/kernel/config/nvmet/subsystems/x/namespaces/1/device_path", "/dev/nvme0n1\n", NULL},
	{"sys/kernel/config/nvmet/subsystems/x/namespaces/1/enable", "1\n", NULL},
	{"sys/kernel/config/usb_gadget/x/functions/mass_storage.x/lun.0/file", "/data/x.img\n", NULL},
	{"sys/kernel/scst_tgt/devices/x/filename", "/dev/nvme0n1\n", NULL},
	{"sys/class/rnbd-server/ctl/devices/x/block_dev", NULL, "../../block/nvme0n1"},
	{"sys/kernel/config/netconsole/x/enabled", "1\n", NULL},
	{"sys/kernel/config/netconsole/x/dev_name", "eth1\n", NULL},
	/* A card of a vendor. */
	{"sys/bus/pci/devices/0000:00:1f.3/driver", NULL, "../../../bus/pci/drivers/nvidia"},
	{"proc/driver/nvidia/gpus/0000:00:1f.3/information", "Device Minor: 0\n", NULL},
	{"proc/70/fd/7", NULL, "/dev/nvidia0"},
	{"sys/kernel/config/target/core/pscsi_0/z/info", "Channel ID: 0 Target ID: 1 LUN: 0 Host ID: 2\n",
	 NULL},
	{"sys/class/scsi_device/2:0:1:0", NULL,
	 "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/host2/target2:0:1/2:0:1:0/scsi_device/2:0:1:0"},
	{"sys/kernel/config/target/qla2xxx/10:00:00:90:fa:94:27:79/tpgt_1/enable", "1\n", NULL},
	{"sys/kernel/config/target/srpt/0002:c903:000e:8acd/tpgt_1/enable", "1\n", NULL},
	{"sys/class/infiniband/mlx4_0", NULL,
	 "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/infiniband/mlx4_0"},
	{CARD "/infiniband/mlx4_0/ports/1/gids/0", "fe80:0000:0000:0000:0002:c903:000e:8acd\n", NULL},
	{"sys/kernel/config/nvmet/ports/1/addr_trtype", "fc\n", NULL},
	{"sys/kernel/config/nvmet/ports/1/addr_traddr", "nn-0x1:pn-0x10000090fa942779\n", NULL},
	{"sys/kernel/config/nvmet/ports/1/subsystems/x", NULL, "../../../subsystems/x"},
	{"sys/kernel/config/cluster/c1/heartbeat/0A1B/dev", "nvme0n1\n", NULL},
	{"sys/class/udc/dwc3.1.auto", NULL,
	 "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/dwc3.1.auto/udc/dwc3.1.auto"},
	{CARD "/dwc3.1.auto/udc/dwc3.1.auto/function", "x\n", NULL},
	{"sys/module/g_mass_storage/parameters/file", "/dev/nvme0n1\n", NULL},
	{"sys/class/tty/console/active", "tty0 hvc0\n", NULL},
	{"sys/bus/pci/devices/0000:00:1f.2/driver", NULL, "../../../bus/pci/drivers/xhci_hcd"},
	{"sys/bus/pci/devices/0000:00:1f.2/dbc", "enabled\n", NULL},
	{"sys/bus/dax/devices/dax0.0", NULL, "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/dax0.0"},
	{CARD "/dax0.0/driver", NULL, "../../../../../bus/dax/drivers/kmem"},
	/* The network. */
	{CARD "/net/eth1/upper_lan0", NULL, "../x"},
	{"sys/class/net/lan0", NULL, "../../devices/platform/mdio/mdio:1e/net/lan0"},
	{"sys/devices/platform/mdio/mdio:1e/net/lan0/uevent", "DEVTYPE=dsa\n", NULL},
	{"sys/devices/platform/mdio/mdio:1e/net/lan0/device", NULL, "../../../mdio:1e"},
	{CARD "/net/eth1/ifindex", "3\n", NULL},
	{CARD "/net/eth1/type", "280\n", NULL},
	{CARD "/net/eth1/flags", "0x1003\n", NULL},
	{"sys/class/net/gre1", NULL, "../../devices/virtual/net/gre1"},
	{"sys/devices/virtual/net/gre1/type", "1\n", NULL},
	{"sys/devices/virtual/net/gre1/ifindex", "9\n", NULL},
	{"sys/devices/virtual/net/gre1/iflink", "3\n", NULL},
	{"sys/devices/virtual/net/gre1/uevent", "DEVTYPE=gretap\n", NULL},
	{"sys/class/net/eth0/master", NULL, "../br0"},
	{"sys/class/net/br0/bridge/bridge_id", "1\n", NULL},
	/* What is below a device, or made of it. */
	{"sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", NULL,
	 "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"},
	{"sys/class/dma/dma0chan0", NULL, "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/dma/dma0chan0"},
	{CARD "/dma/dma0chan0/in_use", "1\n", NULL},
	{"sys/class/watchdog/watchdog0", NULL,
	 "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/watchdog/watchdog0"},
	{CARD "/watchdog/watchdog0/state", "active\n", NULL},
	{"sys/bus/thunderbolt/devices/0-1", NULL,
	 "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/domain0/0-0/0-1"},
	{CARD "/domain0/0-0/0-1/authorized", "1\n", NULL},
	{"sys/bus/cxl/devices/endpoint3", NULL, "../../../devices/x/endpoint3"},
	{"sys/devices/x/endpoint3/uport", NULL, "../../pci0000:00/0000:00:12.0/0000:03:00.0/mem0"},
	{"sys/devices/x/endpoint3/decoder3.0/region", "region0\n", NULL},
	{CARD "/p2pmem/size", "4096\n", NULL},
	{CARD "/p2pmem/available", "0\n", NULL},
	{"sys/class/bluetooth/hci0:12", NULL,
	 "../../devices/pci0000:00/0000:00:09.0/usb1/1-4/bluetooth/hci0/hci0:12"},
	{"sys/bus/usb/drivers/usbip-host/1-4", NULL, "../../../../devices/pci0000:00/0000:00:09.0/usb1/1-4"},
	{"sys/bus/virtio/devices/virtio7", NULL,
	 "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/virtio7"},
	{CARD "/virtio7/mount_tag", "data\n", NULL},
	{CARD "/virtio7/driver", NULL, "../../../../../bus/virtio/drivers/9pnet_virtio"},
	{"sys/bus/virtio/devices/virtio8", NULL,
	 "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/virtio8"},
	{CARD "/virtio8/driver", NULL, "../../../../../bus/virtio/drivers/virtiofs"},
	/* A disk over Fibre Channel, and its adapter. */
	{"sys/class/fc_host/host7", NULL,
	 "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/host7/fc_host/host7"},
	{CARD "/host7/fc_host/host7/port_name", "0x10000090fa942779\n", NULL},
	{"sys/dev/block/259:9", NULL, "../../devices/virtual/nvme-fabrics/ctl/nvme9/nvme9n1"},
	{"sys/devices/virtual/nvme-fabrics/ctl/nvme9/transport", "fc\n", NULL},
	{"sys/devices/virtual/nvme-fabrics/ctl/nvme9/address",
	 "traddr=nn-0x1:pn-0x2,host_traddr=nn-0x20000090fa942779:pn-0x10000090fa942779\n", NULL},
};

struct host_tree *many_new(void)
{
	struct host_tree *tree = tree_new("plain");

	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++) {
		if (entries[i].text)
			tree_put(tree, entries[i].path, entries[i].text);
		else if (entries[i].target)
			tree_link(tree, entries[i].path, entries[i].target);
		else
			tree_folder(tree, entries[i].path);
	}
	return tree;
}

/* SPDX-License-Identifier: MIT */
/* Adapters and ports that the kernel itself uses: to serve disks, as a USB device, for its messages. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_uses.h"

#define CARD    "sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0"
#define TO_CARD "../../devices/pci0000:00/0000:00:12.0/0000:03:00.0"
#define LIO     "sys/kernel/config/target"

static void put(struct host_tree *tree, const char *dir, const char *name, const char *text)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	tree_put(tree, path, text);
}

static void ports_of_fibre_channel(void **state)
{
	static const struct {
		const char *fabric, *port, *other;
	} rows[] = {
		{"qla2xxx", "21:00:00:24:ff:31:4c:48", "21:00:00:24:ff:31:4c:49"},
		{"qla2xxx_npiv", "21:00:00:24:ff:31:4c:48@2101", "21:00:00:24:ff:31:4c:49@2101"},
		{"efct", "naa.21000024ff314c48", "naa.21000024ff314c49"},
		{"fc", "21:00:00:24:ff:31:4c:48", "20:00:00:24:ff:31:4c:48"},
	};
	struct host_tree *tree = *state;
	char path[160], text[128], cure[192];

	tree_link(tree, "sys/class/fc_host/host7", TO_CARD "/host7/fc_host/host7");
	tree_put(tree, CARD "/host7/fc_host/host7/port_name", "0x21000024ff314c48\n");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(path, sizeof(path), LIO "/%s/%s/tpgt_1/enable", rows[i].fabric, rows[i].other);
		tree_put(tree, path, "1\n");
		snprintf(path, sizeof(path), LIO "/%s/%s/tpgt_1/enable", rows[i].fabric, rows[i].port);
		tree_put(tree, path, "0\n");
		tree_expect_free(tree, "03:00.0");
		tree_put(tree, path, "1\n");
		snprintf(text, sizeof(text), "its port %s of Fibre Channel serves disks to others",
			 rows[i].port);
		snprintf(cure, sizeof(cure), "sh -c 'echo 0 >/%s'", path);
		/* A command that does not fit is left out. */
		if (strlen(cure) >= sizeof(((struct lend_use *)0)->cure))
			cure[0] = '\0';
		tree_expect_use(tree, "03:00.0", LEND_USE_TARGET, text, cure);
		tree_remove(tree, LIO);
	}
}

/* A target of SRP: its name ends in the number of the port. */
static void a_port_of_rdma(void **state)
{
	struct host_tree *tree = *state;
	const char *enable = LIO "/srpt/fe80:0000:0000:0000:0002:c903:000e:8acd/tpgt_1/enable";

	tree_link(tree, "sys/class/infiniband/mlx4_0", TO_CARD "/infiniband/mlx4_0");
	tree_put(tree, CARD "/infiniband/mlx4_0/ports/1/gids/0", "fe80:0000:0000:0000:0002:c903:000e:8acd\n");
	tree_put(tree, enable, "0\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, enable, "1\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_TARGET,
			"its port fe80:0000:0000:0000:0002:c903:000e:8acd of RDMA serves disks to others",
			"");
	tree_put(tree, CARD "/infiniband/mlx4_0/ports/1/gids/0", "fe80:0000:0000:0000:0002:c903:000e:8ace\n");
	tree_expect_free(tree, "03:00.0");
	tree_remove(tree, LIO);
	tree_put(tree, CARD "/infiniband/mlx4_0/ports/1/gids/0", "fe80:0000:0000:0000:0002:c903:000e:8acd\n");
	tree_put(tree, LIO "/srpt/0002:c903:000e:8acd/tpgt_1/enable", "1\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_TARGET,
			"its port 0002:c903:000e:8acd of RDMA serves disks to others",
			"sh -c 'echo 0 >/sys/kernel/config/target/srpt/0002:c903:000e:8acd/tpgt_1/enable'");
}

static void an_nvme_target_over_fibre_channel(void **state)
{
	const char *port = "sys/kernel/config/nvmet/ports/1";
	struct host_tree *tree = *state;

	tree_link(tree, "sys/class/fc_host/host7", TO_CARD "/host7/fc_host/host7");
	tree_put(tree, CARD "/host7/fc_host/host7/port_name", "0x10000090fa942779\n");
	put(tree, port, "addr_trtype", "fc\n");
	put(tree, port, "addr_traddr", "nn-0x20000090fa942779:pn-0x10000090fa942779\n");
	tree_folder(tree, "sys/kernel/config/nvmet/ports/1/subsystems");
	tree_expect_free(tree, "03:00.0");
	tree_link(tree, "sys/kernel/config/nvmet/ports/1/subsystems/nqn.x", "../../../subsystems/nqn.x");
	tree_expect_use(tree, "03:00.0", LEND_USE_TARGET,
			"its port of Fibre Channel serves the NVMe target nqn.x",
			"rm /sys/kernel/config/nvmet/ports/1/subsystems/nqn.x");
	put(tree, port, "addr_trtype", "tcp\n");
	tree_expect_free(tree, "03:00.0");
}

/* A SCSI device that is passed through as it is, by a target without a path. */
static void a_scsi_device_that_is_passed_on(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/class/scsi_device/2:0:1:0",
		  TO_CARD "/host2/target2:0:1/2:0:1:0/scsi_device/2:0:1:0");
	put(tree, LIO "/core/pscsi_0/tape", "info",
	    "Status: ACTIVATED\nSCSI Device Bus Location: Channel ID: 0 Target ID: 2 LUN: 0 Host ID: 2\n");
	tree_expect_free(tree, "03:00.0");
	put(tree, LIO "/core/pscsi_0/tape", "info",
	    "Status: ACTIVATED\nSCSI Device Bus Location: Channel ID: 0 Target ID: 1 LUN: 0 Host ID: 2\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_TARGET,
			"its SCSI device 2:0:1:0 is served as the SCSI target tape",
			"targetcli /backstores/pscsi delete tape");
}

static void a_usb_device_of_another_computer(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/class/udc/dwc3.1.auto", TO_CARD "/dwc3.1.auto/udc/dwc3.1.auto");
	tree_put(tree, CARD "/dwc3.1.auto/udc/dwc3.1.auto/function", "\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, CARD "/dwc3.1.auto/udc/dwc3.1.auto/function", "g1\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_EXPORT,
			"this computer is the USB device g1 by its port dwc3.1.auto", "");
	tree_put(tree, "sys/kernel/config/usb_gadget/g1/UDC", "dwc3.1.auto\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_EXPORT,
			"this computer is the USB device g1 by its port dwc3.1.auto",
			"sh -c 'echo >/sys/kernel/config/usb_gadget/g1/UDC'");
}

static void a_file_of_an_older_gadget(void **state)
{
	struct host_tree *tree = *state;

	put(tree, "sys/module/g_mass_storage/parameters", "file", "/dev/sda,/dev/sdb\n");
	tree_expect_free(tree, "01:00.0");
	put(tree, "sys/module/g_mass_storage/parameters", "file", "/dev/sda,/dev/nvme0n1\n");
	tree_expect_use(tree, "01:00.0", LEND_USE_TARGET,
			"/dev/nvme0n1 is served as a disk on USB (g_mass_storage)",
			"modprobe -r g_mass_storage");
}

static void a_console_of_virtio(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/bus/virtio/devices/virtio7",
		  "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/virtio7");
	tree_link(tree, CARD "/virtio7/driver", "../../../../../bus/virtio/drivers/virtio_console");
	tree_put(tree, "sys/class/tty/console/active", "tty0 ttyS0\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, "sys/class/tty/console/active", "tty0 hvc0\n");
	tree_find_use(tree, "03:00.0", LEND_USE_CONSOLE, "the console of this computer may be on it (hvc0)");
	tree_remove(tree, CARD "/virtio7/driver");
	tree_link(tree, CARD "/virtio7/driver", "../../../../../bus/virtio/drivers/virtio_rng");
	tree_expect_free(tree, "03:00.0");
}

static void a_debug_port_of_usb(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, CARD "/dbc", "configured\n");
	tree_expect_free(tree, "03:00.0");
	tree_bind(tree, "0000:03:00.0", "xhci_hcd");
	tree_expect_use(tree, "03:00.0", LEND_USE_CONSOLE, "its debug port is on (dbc: configured)",
			"sh -c 'echo disable >/sys/bus/pci/devices/0000:03:00.0/dbc'");
	tree_put(tree, CARD "/dbc", "disabled\n");
	tree_expect_free(tree, "03:00.0");
}

static void the_first_messages_of_the_kernel(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "proc/cmdline", "earlyprintk=pciserial,03:00.0,115200 earlyprintk=serial,keep\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, "proc/cmdline", "earlyprintk=pciserial,force,03:00.1,115200,keep\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, "proc/cmdline", "quiet earlyprintk=pciserial,force,03:00.0,115200,keep\n");
	tree_find_use(tree, "03:00.0", LEND_USE_CONSOLE, "the messages of the kernel go to it (earlyprintk)");
}

/* RDMA: nodes that processes have open, and a device that was moved away. */
static void rdma(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, "sys/dev/char/231:192", TO_CARD "/infiniband_verbs/uverbs0");
	tree_put(tree, CARD "/infiniband_verbs/uverbs0/uevent", "DEVNAME=infiniband/uverbs0\n");
	tree_process(tree, 80, "ib_write_bw", "/dev/infiniband/rdma_cm");
	tree_expect_free(tree, "03:00.0");
	tree_process(tree, 80, "ib_write_bw", "/dev/infiniband/uverbs0");
	tree_find_use(tree, "03:00.0", LEND_USE_OPEN,
		      "process 80 (ib_write_bw) has /dev/infiniband/uverbs0 open");
	tree_remove(tree, "proc/80");
	tree_folder(tree, CARD "/infiniband/mlx4_0");
	tree_expect_free(tree, "03:00.0");
	tree_remove(tree, CARD "/infiniband/mlx4_0");
	tree_find_use(tree, "03:00.0", LEND_USE_NAMESPACE, "its RDMA device is in another network namespace");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_plain, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ports_of_fibre_channel),
		TEST(a_port_of_rdma),
		TEST(an_nvme_target_over_fibre_channel),
		TEST(a_scsi_device_that_is_passed_on),
		TEST(a_usb_device_of_another_computer),
		TEST(a_file_of_an_older_gadget),
		TEST(a_console_of_virtio),
		TEST(a_debug_port_of_usb),
		TEST(the_first_messages_of_the_kernel),
		TEST(rdma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

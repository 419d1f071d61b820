/* SPDX-License-Identifier: MIT */
/* What uses a network interface, each way with its opposite. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_uses.h"

#define CARD "sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0"

static void an_interface_in_another_namespace(void **state)
{
	struct host_tree *tree = *state;

	tree_expect_free(tree, "03:00.0");
	tree_remove(tree, "sys/class/net/eth1");
	tree_remove(tree, CARD "/net/eth1");
	tree_folder(tree, CARD "/net");
	tree_expect_use(tree, "03:00.0", LEND_USE_NAMESPACE,
			"its network interface is in another network namespace", "");
	/* The driver made none, or lost it. */
	tree_remove(tree, CARD "/net");
	tree_expect_free(tree, "03:00.0");
	tree_folder(tree, CARD "/virtio9/net");
	tree_find_use(tree, "03:00.0", LEND_USE_NAMESPACE,
		      "its network interface is in another network namespace");
	/* Without a driver there is no interface, whatever a folder says. */
	tree_bind(tree, "0000:03:00.0", NULL);
	tree_expect_free(tree, "03:00.0");
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
	tree_expect_free(tree, "03:00.0");
	tree_append(tree, file,
		    "fd000000000000000000000000000000 40 " ZERO " 00 " ZERO
		    " 00000100 00000001 00000000 00000001     eth1\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_ADDRESS, "eth1 has a route to fd00::/64",
			"ip -6 route flush dev eth1");
	tree_put(tree, file,
		 ZERO " 00 " ZERO
		      " 00 fe800000000000000000000000000002 00000400 00000001 00000000 00450003     "
		      "eth1\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_ROUTE, "the default route of IPv6 goes through eth1",
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
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, "sys/devices/virtual/net/gre1/iflink", "3\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_TUNNEL, "eth1 carries the tunnel gre1",
			"ip link delete gre1");
	/* The other end of a pair may have that number in another namespace. */
	tree_put(tree, type, "1\n");
	tree_expect_free(tree, "03:00.0");
}

/* One that looks like Ethernet, of a kernel that makes no link to it. */
static void a_tunnel_like_ethernet(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, CARD "/net/eth1/ifindex", "3\n");
	tree_link(tree, "sys/class/net/vx1", "../../devices/virtual/net/vx1");
	tree_put(tree, "sys/devices/virtual/net/vx1/type", "1\n");
	tree_put(tree, "sys/devices/virtual/net/vx1/ifindex", "9\n");
	tree_put(tree, "sys/devices/virtual/net/vx1/iflink", "3\n");
	tree_put(tree, "sys/devices/virtual/net/vx1/uevent", "INTERFACE=vx1\nIFINDEX=9\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, "sys/devices/virtual/net/vx1/uevent", "DEVTYPE=vxlan\nINTERFACE=vx1\nIFINDEX=9\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_TUNNEL, "eth1 carries the tunnel vx1",
			"ip link delete vx1");
	/* Told once where there is a link. */
	tree_link(tree, CARD "/net/eth1/upper_vx1", "../../../../../../virtual/net/vx1");
	tree_expect_use(tree, "03:00.0", LEND_USE_BRIDGED, "eth1 is below vx1", "ip link delete vx1");
	assert_int_equal(tree_device(tree, "03:00.0")->use_count, 1);
}

/* A port of a switch is above the interface by which its frames come, and cannot be deleted. */
static void a_switch(void **state)
{
	struct host_tree *tree = *state;

	tree_link(tree, CARD "/net/eth1/upper_lan0", "../../../../../../platform/mdio/mdio:1e/net/lan0");
	tree_link(tree, "sys/class/net/lan0", "../../devices/platform/mdio/mdio:1e/net/lan0");
	tree_put(tree, "sys/devices/platform/mdio/mdio:1e/net/lan0/uevent", "DEVTYPE=dsa\nINTERFACE=lan0\n");
	tree_link(tree, "sys/devices/platform/mdio/mdio:1e/net/lan0/device", "../../../mdio:1e");
	tree_expect_use(tree, "03:00.0", LEND_USE_BRIDGED, "eth1 is the conduit of the switch's port lan0",
			"sh -c 'echo mdio:1e >/sys/class/net/lan0/device/driver/unbind'");
	tree_remove(tree, CARD "/net/eth1/upper_lan0");
	tree_expect_free(tree, "03:00.0");
	/* Its ports are in other network namespaces. */
	tree_put(tree, CARD "/net/eth1/dsa/tagging", "edsa\n");
	tree_find_use(tree, "03:00.0", LEND_USE_BRIDGED, "eth1 is the conduit of a switch (edsa)");
	/* Another one of hardware. */
	tree_remove(tree, CARD "/net/eth1/dsa");
	tree_link(tree, CARD "/net/eth1/upper_lan0", "../../../../../../platform/mdio/mdio:1e/net/lan0");
	tree_put(tree, "sys/devices/platform/mdio/mdio:1e/net/lan0/uevent", "INTERFACE=lan0\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_BRIDGED, "eth1 is below lan0", "");
}

static void pppoe(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "proc/net/pppoe",
		 "Id       Address              Device\n00000001 52:54:00:12:34:56     eth9\n");
	tree_expect_free(tree, "03:00.0");
	tree_append(tree, "proc/net/pppoe", "00000002 52:54:00:12:34:56     eth1\n");
	tree_find_use(tree, "03:00.0", LEND_USE_TUNNEL, "eth1 carries a connection of PPPoE");
}

/* Interfaces that need no address: up is in use. */
static void an_interface_without_addresses(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, CARD "/net/eth1/type", "1\n");
	tree_put(tree, CARD "/net/eth1/flags", "0x1003\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, CARD "/net/eth1/type", "280\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_ADDRESS, "eth1 is up", "ip link set down dev eth1");
	tree_put(tree, CARD "/net/eth1/flags", "0x40080\n");
	tree_expect_free(tree, "03:00.0");
}

static void sockets_for_frames(void **state)
{
	static const char head[] = "sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n";
	struct host_tree *tree = *state;

	tree_put(tree, CARD "/net/eth1/ifindex", "3\n");
	tree_put(tree, "proc/net/packet", head);
	/* Of no interface, of another one, and one that waits for neighbours. */
	tree_append(tree, "proc/net/packet", "0000000000000000 3 3 0003 0 1 0 0 100\n");
	tree_append(tree, "proc/net/packet", "0000000000000000 3 3 0003 2 1 0 0 101\n");
	tree_append(tree, "proc/net/packet", "0000000000000000 3 3 88cc 3 1 0 0 102\n");
	tree_process(tree, 77, "lldpd", "socket:[102]");
	tree_expect_free(tree, "03:00.0");
	tree_append(tree, "proc/net/packet", "0000000000000000 3 3 0003 3 1 0 0 103\n");
	tree_find_use(tree, "03:00.0", LEND_USE_OPEN, "a process takes the frames of eth1 itself");
	tree_process(tree, 78, "suricata", "socket:[103]");
	tree_put(tree, "proc/78/cgroup", "0::/system.slice/suricata.service\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_OPEN,
			"process 78 (suricata) takes the frames of eth1 itself",
			"systemctl stop suricata.service");
	assert_int_equal(tree_device(tree, "03:00.0")->use_count, 1);
}

static void messages_of_the_kernel(void **state)
{
	struct host_tree *tree = *state;
	const char *target = "sys/kernel/config/netconsole/t1";
	char path[96];

	snprintf(path, sizeof(path), "%s/dev_name", target);
	tree_put(tree, path, "eth1\n");
	snprintf(path, sizeof(path), "%s/enabled", target);
	tree_put(tree, path, "0\n");
	tree_put(tree, "proc/cmdline", "quiet netconsole=@10.0.0.1/eth1,@10.0.0.2/\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, path, "1\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_CONSOLE,
			"the messages of the kernel go out through eth1 (netconsole)",
			"sh -c 'echo 0 >/sys/kernel/config/netconsole/t1/enabled'");
	tree_put(tree, path, "0\n");
	tree_folder(tree, "sys/module/netconsole");
	tree_expect_use(tree, "03:00.0", LEND_USE_CONSOLE,
			"the messages of the kernel go out through eth1 (netconsole)", "");
	tree_put(tree, "proc/cmdline", "quiet netconsole=@10.0.0.1/eth9,@10.0.0.2/\n");
	tree_expect_free(tree, "03:00.0");
}

/* What has an interface as a part of it, and the command that takes it out; NULL: none does. */
static void masters(void **state)
{
	static const struct {
		const char *name, *file, *text, *cure;
	} rows[] = {
		{"ovs-system", "ifindex", "eth1 belongs to ovs-system", "ovs-vsctl del-port eth1"},
		{"team0", "ifindex", "eth1 belongs to team0", "ip link set nomaster dev eth1"},
		{"bond0", "bonding/mode", "eth1 is in the bond bond0", "ip link set nomaster dev eth1"},
		{"eth7", "device", "eth1 belongs to eth7", ""},
	};
	struct host_tree *tree = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char path[96], target[96];

		snprintf(path, sizeof(path), "sys/class/net/%s/%s", rows[i].name, rows[i].file);
		if (strcmp(rows[i].file, "device") != 0)
			tree_put(tree, path, "7\n");
		else
			tree_link(tree, path, "../../../devices/vmbus/1");
		snprintf(target, sizeof(target), "../%s", rows[i].name);
		tree_remove(tree, "sys/class/net/eth1/master");
		tree_expect_free(tree, "03:00.0");
		tree_link(tree, "sys/class/net/eth1/master", target);
		tree_expect_use(tree, "03:00.0", LEND_USE_BRIDGED, rows[i].text, rows[i].cure);
	}
}

static void protocols_of_the_kernel(void **state)
{
	struct host_tree *tree = *state;
	const char *netif = "sys/devices/virtual/block/etherd!e0.1/netif";

	tree_put(tree, "proc/net/ptype",
		 "Type Device      Function\nALL  eth1     packet_rcv [af_packet]\n"
		 "ALL  eth1     tpacket_rcv\n0800          ip_rcv\n88ca eth9     tipc_l2_rcv_msg [tipc]\n"
		 "88a2          eth1\neth1\n\n");
	tree_put(tree, netif, "none\n");
	tree_expect_free(tree, "03:00.0");
	tree_put(tree, netif, "eth9,eth1\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_BRIDGED,
			"the disk /dev/etherd/e0.1 is reached through eth1", "");
	tree_put(tree, netif, "none\n");
	tree_append(tree, "proc/net/ptype", "8906 eth1     fcoe_rcv [fcoe]\n");
	tree_expect_use(tree, "03:00.0", LEND_USE_BRIDGED,
			"a protocol of the kernel takes the frames of eth1 (fcoe_rcv)", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_plain, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_interface_in_another_namespace),
		TEST(routes_of_ipv6),
		TEST(tunnels),
		TEST(a_tunnel_like_ethernet),
		TEST(a_switch),
		TEST(pppoe),
		TEST(an_interface_without_addresses),
		TEST(sockets_for_frames),
		TEST(messages_of_the_kernel),
		TEST(masters),
		TEST(protocols_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

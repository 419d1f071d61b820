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
			"its network interface is in another network namespace", "lsns --type net");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_plain, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_interface_in_another_namespace),
		TEST(routes_of_ipv6),
		TEST(tunnels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

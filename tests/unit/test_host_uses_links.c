/* SPDX-License-Identifier: MIT */
/* What the kernel tells by rtnetlink, as it would send it, and what no kernel would send. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/host/uses/elsewhere.h"
#include "lib/host/uses/ways.h"
#include "tests/unit/host_uses.h"

#define CARD "sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0"

enum { ETH1 = 3, MPLS = 28 };

/* The message that is being made. */
static char text[4096] __attribute__((aligned(4)));

static struct nlmsghdr *begin(uint16_t type, const void *body, size_t size)
{
	struct nlmsghdr *message = (void *)text;

	memset(text, 0, sizeof(text));
	message->nlmsg_type = type;
	message->nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	memcpy(NLMSG_DATA(message), body, size);
	return message;
}

static void add(struct nlmsghdr *message, unsigned short type, const void *value, size_t size)
{
	struct rtattr *at = (void *)(text + NLMSG_ALIGN(message->nlmsg_len));

	at->rta_type = type;
	at->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(at), value, size);
	message->nlmsg_len = (uint32_t)(NLMSG_ALIGN(message->nlmsg_len) + RTA_SPACE(size));
}

static void add_number(struct nlmsghdr *message, unsigned short type, uint32_t value)
{
	add(message, type, &value, sizeof(value));
}

static struct nlmsghdr *link_of(int index, const char *name)
{
	struct ifinfomsg info = {.ifi_index = index};
	struct nlmsghdr *message = begin(RTM_NEWLINK, &info, sizeof(info));

	add(message, IFLA_IFNAME, name, strlen(name) + 1);
	return message;
}

static struct nlmsghdr *route_of(unsigned char family, unsigned char prefix, const void *to, size_t size)
{
	struct rtmsg route = {
		.rtm_family = family, .rtm_dst_len = prefix, .rtm_table = 100, .rtm_type = RTN_UNICAST};
	struct nlmsghdr *message = begin(RTM_NEWROUTE, &route, sizeof(route));

	if (size)
		add(message, RTA_DST, to, size);
	return message;
}

static int setup(void **state)
{
	tree_plain(state);
	tree_put(*state, CARD "/net/eth1/ifindex", "3\n");
	tree_survey(*state);
	return 0;
}

static const struct lend_survey_device *take(struct host_tree *tree, const struct nlmsghdr *message)
{
	tree_survey(tree);
	assert_int_equal(1, netlink_each(message, message->nlmsg_len, links_take, tree->survey));
	return tree_device(tree, "03:00.0");
}

static void expect(struct host_tree *tree, const struct nlmsghdr *message, const char *said)
{
	const struct lend_survey_device *device = take(tree, message);

	assert_int_equal(device->use_count, said ? 1 : 0);
	if (said)
		assert_string_equal(device->uses[0].text, said);
}

static void a_program_of_xdp(void **state)
{
	struct {
		struct rtattr head;
		uint8_t attached;
	} in = {{RTA_LENGTH(1), IFLA_XDP_ATTACHED}, 0};
	struct nlmsghdr *message = link_of(ETH1, "eth1");

	add(message, IFLA_XDP, &in, sizeof(in));
	expect(*state, message, NULL);
	in.attached = 1;
	message = link_of(ETH1, "eth1");
	add(message, IFLA_XDP, &in, sizeof(in));
	expect(*state, message, "eth1 has a program of XDP");
	message = link_of(ETH1 + 1, "eth2");
	add(message, IFLA_XDP, &in, sizeof(in));
	expect(*state, message, NULL);
}

static void an_interface_over_another(void **state)
{
	struct nlmsghdr *message = link_of(9, "gretap1");

	add_number(message, IFLA_LINK, ETH1);
	expect(*state, message, "eth1 carries the tunnel gretap1");
	/* The number is of another namespace. */
	add_number(message, IFLA_LINK_NETNSID, 0);
	expect(*state, message, NULL);
	message = link_of(9, "gretap1");
	add_number(message, IFLA_LINK, ETH1 + 1);
	expect(*state, message, NULL);
	message = link_of(ETH1, "eth1");
	add_number(message, IFLA_LINK, ETH1);
	expect(*state, message, NULL);
}

static void routes_of_every_table(void **state)
{
	struct nlmsghdr *message = route_of(AF_INET, 24, "\12\11\10\0", 4);

	expect(*state, message, NULL);
	add_number(message, RTA_OIF, ETH1);
	expect(*state, message, "eth1 has a route to 10.9.8.0/24");
	message = route_of(AF_INET, 0, NULL, 0);
	add_number(message, RTA_OIF, ETH1);
	expect(*state, message, "the default route goes through eth1");
	message = route_of(AF_INET6, 64, "\375\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	add_number(message, RTA_OIF, ETH1);
	expect(*state, message, "eth1 has a route to fd00::/64");
	message = route_of(AF_INET6, 64, "\376\200\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	add_number(message, RTA_OIF, ETH1);
	expect(*state, message, NULL);
	message = route_of(MPLS, 20, "\0\6\101\0", 4);
	add_number(message, RTA_OIF, ETH1);
	expect(*state, message, "eth1 has a route of another family (28)");
	/* What the kernel made of an address by itself. */
	message = route_of(AF_INET, 32, "\12\11\10\1", 4);
	add_number(message, RTA_OIF, ETH1);
	((struct rtmsg *)NLMSG_DATA(message))->rtm_type = RTN_LOCAL;
	expect(*state, message, NULL);
}

static void a_route_over_several(void **state)
{
	struct rtnexthop hops[2] = {{.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = ETH1 + 1},
				    {.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = ETH1}};
	struct nlmsghdr *message = route_of(AF_INET, 8, "\12\0\0\0", 4);

	add(message, RTA_MULTIPATH, hops, sizeof(hops[0]));
	expect(*state, message, NULL);
	message = route_of(AF_INET, 8, "\12\0\0\0", 4);
	add(message, RTA_MULTIPATH, hops, sizeof(hops));
	expect(*state, message, "eth1 has a route to 10.0.0.0/8");
}

static void expect_elsewhere(struct host_tree *tree, const struct nlmsghdr *message,
			     const struct elsewhere *row, const char *said, const char *cure)
{
	struct visit visit = {.row = row, .ours = 4};
	const struct lend_survey_device *device;

	tree_survey(tree);
	visit.survey = tree->survey;
	netlink_each(message, message->nlmsg_len, elsewhere_take, &visit);
	device = tree_device(tree, "03:00.0");
	assert_int_equal(device->use_count, said ? 1 : 0);
	if (said) {
		assert_string_equal(device->uses[0].text, said);
		assert_string_equal(device->uses[0].cure, cure);
	}
}

/* The card's own interface, moved to a container. */
static void an_interface_elsewhere(void **state)
{
	const struct elsewhere named = {.name = "box"}, process = {.pid = 12};
	struct host_tree *tree = *state;
	struct nlmsghdr *message = link_of(2, "eth0");

	add(message, IFLA_PARENT_DEV_NAME, "0000:03:00.0", 13);
	expect_elsewhere(tree, message, &named, NULL, NULL);
	add(message, IFLA_PARENT_DEV_BUS_NAME, "pci", 4);
	expect_elsewhere(tree, message, &named, "its network interface eth0 is in the network namespace box",
			 "ip -n box link set eth0 netns 1");
	expect_elsewhere(tree, message, &process,
			 "its network interface eth0 is in the network namespace of process 12",
			 "nsenter -t 12 -n ip link set eth0 netns 1");
	tree_put(tree, "proc/12/cgroup", "0::/system.slice/docker-0123456789abcdef.scope\n");
	expect_elsewhere(tree, message, &process,
			 "its network interface eth0 is in the network namespace of process 12",
			 "docker stop 0123456789ab");
}

/* One that a container has above ours (macvlan). */
static void above_ours_elsewhere(void **state)
{
	const struct elsewhere named = {.name = "box"};
	struct nlmsghdr *message = link_of(2, "mv0");

	add_number(message, IFLA_LINK, ETH1);
	expect_elsewhere(*state, message, &named, NULL, NULL);
	add_number(message, IFLA_LINK_NETNSID, 3);
	expect_elsewhere(*state, message, &named, NULL, NULL);
	message = link_of(2, "mv0");
	add_number(message, IFLA_LINK, ETH1);
	add_number(message, IFLA_LINK_NETNSID, 4);
	expect_elsewhere(*state, message, &named, "eth1 is below mv0, in the network namespace box",
			 "ip -n box link delete mv0");
}

static void the_end_of_a_dump(void **state)
{
	struct host_tree *tree = *state;
	int done = 0, failed = -EPERM;

	assert_false(netlink_each(begin(NLMSG_DONE, &done, sizeof(done)), NLMSG_LENGTH(4), links_take,
				  tree->survey));
	/* A dump that failed is not one that has nothing. */
	assert_int_equal(netlink_each(begin(NLMSG_ERROR, &failed, sizeof(failed)), NLMSG_LENGTH(4),
				      links_take, tree->survey),
			 -EIO);
	assert_int_equal(netlink_each(begin(NLMSG_DONE, &failed, sizeof(failed)), NLMSG_LENGTH(4), links_take,
				      tree->survey),
			 -EIO);
}

/* Each message with each byte broken, and cut at each length, in memory that ends there. */
static void broken_messages(void **state)
{
	struct host_tree *tree = *state;
	struct rtnexthop hop = {.rtnh_len = sizeof(hop), .rtnh_ifindex = ETH1};
	struct elsewhere row = {.name = "box"};
	struct visit visit = {.survey = tree->survey, .row = &row};
	struct nlmsghdr *message;

	for (int kind = 0; kind < 2; kind++) {
		message = kind ? link_of(9, "gre1") : route_of(AF_INET, 24, "\12\11\10\0", 4);
		add_number(message, kind ? IFLA_LINK : RTA_OIF, ETH1);
		add(message, kind ? IFLA_XDP : RTA_MULTIPATH, &hop, sizeof(hop));
		for (size_t size = 0; size <= message->nlmsg_len; size++) {
			char *copy = malloc(size + 1);

			assert_non_null(copy);
			for (size_t at = 0; at < size; at++) {
				memcpy(copy, text, size);
				copy[at] = (char)(copy[at] ^ 0x81);
				netlink_each(copy, size, links_take, tree->survey);
				netlink_each(copy, size, elsewhere_take, &visit);
			}
			free(copy);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_program_of_xdp),     TEST(an_interface_over_another), TEST(routes_of_every_table),
		TEST(a_route_over_several), TEST(an_interface_elsewhere),    TEST(above_ours_elsewhere),
		TEST(the_end_of_a_dump),    TEST(broken_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells of interfaces by rtnetlink alone: tunnels of all kinds, XDP
 * programs, and routes of all families and tables.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include "lib/host/uses/netlink.h"
#include "lib/host/uses/ways.h"

/* An XDP program sees frames before the kernel does, and needs no address. */
static void find_program(struct lend_survey *survey, struct interface *interface, const struct rtattr *xdp)
{
	struct attributes in;

	netlink_parse(RTA_DATA(xdp), netlink_size(xdp), &in);
	if (!netlink_size(in.at[IFLA_XDP_ATTACHED]) || !*(const uint8_t *)RTA_DATA(in.at[IFLA_XDP_ATTACHED]))
		return;
	survey_use(survey, interface->device, LEND_USE_BRIDGED, "%s has a program of XDP", interface->name);
	survey_cure(interface->device, "ip link set xdp off dev", interface->name);
}

static bool is_told(const struct interface *interface, const char *name)
{
	const struct lend_survey_device *seen = &interface->device->seen;
	char end[40];

	snprintf(end, sizeof(end), " %.31s", name);
	for (size_t i = 0; i < seen->use_count; i++) {
		const char *text = seen->uses[i].text;
		size_t length = strlen(text), size = strlen(end);

		if (length > size && !strcmp(text + length - size, end))
			return true;
	}
	return false;
}

static void take_link(struct lend_survey *survey, const struct ifinfomsg *info, size_t size)
{
	struct attributes of;
	struct interface *below, *own = interface_at(survey, info->ifi_index);
	const char *name;

	netlink_parse((const void *)((const char *)info + NLMSG_ALIGN(sizeof(*info))),
		      size - NLMSG_ALIGN(sizeof(*info)), &of);
	if (own && of.at[IFLA_XDP])
		find_program(survey, own, of.at[IFLA_XDP]);
	/* A link in another namespace has a number of that namespace. */
	below = of.at[IFLA_LINK] && !of.at[IFLA_LINK_NETNSID]
			? interface_at(survey, netlink_number(of.at[IFLA_LINK]))
			: NULL;
	if (!below || own == below || !netlink_size(of.at[IFLA_IFNAME]))
		return;
	name = RTA_DATA(of.at[IFLA_IFNAME]);
	if (memchr(name, 0, netlink_size(of.at[IFLA_IFNAME])) && !is_told(below, name))
		tunnel_found(survey, below, name);
}

/* Routes that the kernel makes for each interface that is up. */
static bool is_of_itself(const struct rtmsg *message, const struct rtattr *to)
{
	const struct in6_addr *address = netlink_size(to) >= sizeof(*address) ? RTA_DATA(to) : NULL;

	if (message->rtm_type != RTN_UNICAST || message->rtm_table == RT_TABLE_LOCAL ||
	    message->rtm_flags & RTM_F_CLONED)
		return true;
	return message->rtm_family == AF_INET6 && address &&
	       (IN6_IS_ADDR_LINKLOCAL(address) || IN6_IS_ADDR_MULTICAST(address));
}

static void add_route(struct lend_survey *survey, const struct rtmsg *message, const struct rtattr *to,
		      long index)
{
	static const unsigned char zeros[sizeof(struct in6_addr)];
	struct interface *interface = interface_at(survey, index);
	size_t size = message->rtm_family == AF_INET6 ? 16 : 4;

	if (!interface)
		return;
	if (message->rtm_family == AF_INET || message->rtm_family == AF_INET6) {
		route_found(survey, interface,
			    &(struct route){message->rtm_family, message->rtm_dst_len,
					    netlink_size(to) >= size ? RTA_DATA(to) : zeros});
	} else if (!interface->has_other) {
		interface->has_other = true;
		survey_use(survey, interface->device, LEND_USE_ADDRESS,
			   "%s has a route of another family (%u)", interface->name, message->rtm_family);
	}
}

static void take_route(struct lend_survey *survey, const struct rtmsg *message, size_t size)
{
	const struct rtnexthop *hop;
	struct attributes of;
	size_t left;

	netlink_parse((const void *)((const char *)message + NLMSG_ALIGN(sizeof(*message))),
		      size - NLMSG_ALIGN(sizeof(*message)), &of);
	if (is_of_itself(message, of.at[RTA_DST]))
		return;
	if (of.at[RTA_OIF])
		add_route(survey, message, of.at[RTA_DST], netlink_number(of.at[RTA_OIF]));
	/* A route over several interfaces names each. */
	left = netlink_size(of.at[RTA_MULTIPATH]);
	hop = left ? RTA_DATA(of.at[RTA_MULTIPATH]) : NULL;
	while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left) {
		size_t step = RTNH_ALIGN(hop->rtnh_len);

		add_route(survey, message, of.at[RTA_DST], hop->rtnh_ifindex);
		if (step >= left)
			return;
		left -= step;
		hop = (const void *)((const char *)hop + step);
	}
}

void links_take(void *opaque, const struct nlmsghdr *message, size_t size)
{
	if (message->nlmsg_type == RTM_NEWLINK && size >= NLMSG_ALIGN(sizeof(struct ifinfomsg)))
		take_link(opaque, NLMSG_DATA(message), size);
	if (message->nlmsg_type == RTM_NEWROUTE && size >= NLMSG_ALIGN(sizeof(struct rtmsg)))
		take_route(opaque, NLMSG_DATA(message), size);
}

void survey_links(struct lend_survey *survey)
{
	bool seen;
	int fd;

	/* A recorded host has no kernel that could be asked. */
	if (strcmp(context_proc(survey->context), "/proc") != 0)
		return;
	fd = netlink_open();
	seen = netlink_dump(fd, RTM_GETLINK, links_take, survey) &&
	       netlink_dump(fd, RTM_GETROUTE, links_take, survey);
	if (fd >= 0)
		close(fd);
	if (!seen)
		look_failed(survey, "the links and routes that the kernel tells", NULL, -EIO);
}

/* SPDX-License-Identifier: MIT */
/*
 * What only the kernel itself tells of this computer's interfaces, by rtnetlink:
 * tunnels of every kind, programs of XDP, and routes of every family and table.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/host/uses/ways.h"

/* The attributes of one message, by their type; those beyond the last are left out. */
struct attributes {
	const struct rtattr *at[RTA_MAX + IFLA_MAX];
};

static void parse(const struct rtattr *from, size_t size, struct attributes *out)
{
	memset(out, 0, sizeof(*out));
	while (size >= sizeof(*from) && from->rta_len >= sizeof(*from) && from->rta_len <= size) {
		unsigned type = from->rta_type & (unsigned)NLA_TYPE_MASK;
		size_t step = RTA_ALIGN(from->rta_len);

		if (type < sizeof(out->at) / sizeof(*out->at))
			out->at[type] = from;
		if (step >= size)
			return;
		size -= step;
		from = (const void *)((const char *)from + step);
	}
}

static size_t size_of(const struct rtattr *from)
{
	return from ? from->rta_len - RTA_LENGTH(0) : 0;
}

static long number_of(const struct rtattr *from)
{
	uint32_t value;

	if (size_of(from) < sizeof(value))
		return 0;
	memcpy(&value, RTA_DATA(from), sizeof(value));
	return value;
}

/* An XDP program sees frames before the kernel does, and needs no address. */
static void find_program(struct lend_survey *survey, struct interface *interface, const struct rtattr *xdp)
{
	struct attributes in;

	parse(RTA_DATA(xdp), size_of(xdp), &in);
	if (!size_of(in.at[IFLA_XDP_ATTACHED]) || !*(const uint8_t *)RTA_DATA(in.at[IFLA_XDP_ATTACHED]))
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

	parse((const void *)((const char *)info + NLMSG_ALIGN(sizeof(*info))),
	      size - NLMSG_ALIGN(sizeof(*info)), &of);
	if (own && of.at[IFLA_XDP])
		find_program(survey, own, of.at[IFLA_XDP]);
	/* The number of a link in another namespace is another interface's. */
	below = of.at[IFLA_LINK] && !of.at[IFLA_LINK_NETNSID]
			? interface_at(survey, number_of(of.at[IFLA_LINK]))
			: NULL;
	if (!below || own == below || !size_of(of.at[IFLA_IFNAME]))
		return;
	name = RTA_DATA(of.at[IFLA_IFNAME]);
	if (memchr(name, 0, size_of(of.at[IFLA_IFNAME])) && !is_told(below, name))
		tunnel_found(survey, below, name);
}

/* What an interface has by itself as soon as it is up. */
static bool is_of_itself(const struct rtmsg *message, const struct rtattr *to)
{
	const struct in6_addr *address = size_of(to) >= sizeof(*address) ? RTA_DATA(to) : NULL;

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
					    size_of(to) >= size ? RTA_DATA(to) : zeros});
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

	parse((const void *)((const char *)message + NLMSG_ALIGN(sizeof(*message))),
	      size - NLMSG_ALIGN(sizeof(*message)), &of);
	if (is_of_itself(message, of.at[RTA_DST]))
		return;
	if (of.at[RTA_OIF])
		add_route(survey, message, of.at[RTA_DST], number_of(of.at[RTA_OIF]));
	/* A route over several interfaces names each. */
	left = size_of(of.at[RTA_MULTIPATH]);
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

bool links_take(struct lend_survey *survey, const void *text, size_t size)
{
	const struct nlmsghdr *message = text;

	while (size >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= size) {
		size_t step = NLMSG_ALIGN(message->nlmsg_len), length = message->nlmsg_len - NLMSG_HDRLEN;

		if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
			return false;
		if (message->nlmsg_type == RTM_NEWLINK && length >= NLMSG_ALIGN(sizeof(struct ifinfomsg)))
			take_link(survey, NLMSG_DATA(message), length);
		if (message->nlmsg_type == RTM_NEWROUTE && length >= NLMSG_ALIGN(sizeof(struct rtmsg)))
			take_route(survey, NLMSG_DATA(message), length);
		if (step >= size)
			return true;
		size -= step;
		message = (const void *)((const char *)message + step);
	}
	return true;
}

/* Asks for all of one kind. False: not all was seen. */
static bool dump(struct lend_survey *survey, int fd, uint16_t type)
{
	enum { ROOM = 1 << 16 };
	struct {
		struct nlmsghdr header;
		union {
			struct ifinfomsg link;
			struct rtmsg route;
		} what;
	} request = {.header = {sizeof(request), type, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}};
	char *text = malloc(ROOM);
	ssize_t got = -1;

	if (text && send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request))
		while ((got = recv(fd, text, ROOM, 0)) > 0)
			if (!links_take(survey, text, (size_t)got))
				break;
	free(text);
	return got > 0;
}

void survey_links(struct lend_survey *survey)
{
	struct timeval patience = {.tv_sec = 2};
	bool seen = false;
	int fd;

	/* A recorded host has no kernel to ask. */
	if (strcmp(context_proc(survey->context), "/proc") != 0)
		return;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		seen = dump(survey, fd, RTM_GETLINK) && dump(survey, fd, RTM_GETROUTE);
		close(fd);
	}
	if (!seen)
		survey_unseen(survey, LEND_USE_ADDRESS,
			      "routes beside the main table, which the kernel did not tell");
}

/* SPDX-License-Identifier: MIT */
/* Messages of rtnetlink (netlink.h). */
#include <errno.h>
#include <stdint.h>
#include <linux/net_namespace.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/host/uses/netlink.h"

void netlink_parse(const struct rtattr *from, size_t size, struct attributes *out)
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

size_t netlink_size(const struct rtattr *from)
{
	return from ? from->rta_len - RTA_LENGTH(0) : 0;
}

long netlink_number(const struct rtattr *from)
{
	uint32_t value;

	if (netlink_size(from) < sizeof(value))
		return 0;
	memcpy(&value, RTA_DATA(from), sizeof(value));
	return value;
}

const char *netlink_string(const struct rtattr *from)
{
	size_t size = netlink_size(from);

	return size && memchr(RTA_DATA(from), 0, size) ? RTA_DATA(from) : NULL;
}

/* The last message of a dump has its result: 0, or a negative errno. */
static bool is_success(const struct nlmsghdr *message)
{
	int result = 0;

	if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(result)))
		memcpy(&result, NLMSG_DATA(message), sizeof(result));
	return message->nlmsg_type == NLMSG_DONE && result >= 0;
}

int netlink_each(const void *text, size_t size, netlink_each_fn *each, void *opaque)
{
	const struct nlmsghdr *message = text;

	while (size >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= size) {
		size_t step = NLMSG_ALIGN(message->nlmsg_len);

		if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
			return is_success(message) ? 0 : -EIO;
		each(opaque, message, message->nlmsg_len - NLMSG_HDRLEN);
		if (step >= size)
			return 1;
		size -= step;
		message = (const void *)((const char *)message + step);
	}
	return 1;
}

int netlink_open(void)
{
	struct timeval patience = {.tv_sec = 2};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

bool netlink_dump(int fd, unsigned short type, netlink_each_fn *each, void *opaque)
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
	int more = -EIO;
	ssize_t got;

	if (text && send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request))
		do {
			got = recv(fd, text, ROOM, 0);
			more = got > 0 ? netlink_each(text, (size_t)got, each, opaque) : -EIO;
		} while (more > 0);
	free(text);
	return !more;
}

static void take_namespace(void *opaque, const struct nlmsghdr *message, size_t size)
{
	const size_t head = NLMSG_ALIGN(sizeof(struct rtgenmsg));
	struct attributes of;

	if (message->nlmsg_type != RTM_NEWNSID || size < head)
		return;
	netlink_parse((const void *)((const char *)NLMSG_DATA(message) + head), size - head, &of);
	if (of.at[NETNSA_NSID])
		*(int *)opaque = (int)netlink_number(of.at[NETNSA_NSID]);
}

int netlink_namespace(int fd, int other)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg what;
		char pad[3];
		struct rtattr head;
		int fd;
	} request = {.header = {sizeof(request), RTM_GETNSID, NLM_F_REQUEST, 1, 0},
		     .head = {RTA_LENGTH(sizeof(int)), NETNSA_FD},
		     .fd = other};
	char text[1024] __attribute__((aligned(4)));
	int number = -1;
	ssize_t got;

	if (send(fd, &request, sizeof(request), 0) != (ssize_t)sizeof(request))
		return -1;
	got = recv(fd, text, sizeof(text), 0);
	if (got > 0)
		netlink_each(text, (size_t)got, take_namespace, &number);
	return number;
}

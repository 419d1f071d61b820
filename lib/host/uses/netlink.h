/* SPDX-License-Identifier: MIT */
/*
 * Messages of rtnetlink, as much as it takes to ask the kernel for all of one
 * kind. What comes is checked here: each message, and each attribute that is
 * given out, lies within what was received.
 */
#ifndef LIB_HOST_USES_NETLINK_H
#define LIB_HOST_USES_NETLINK_H

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>

/* The attributes of one message, by their type; those beyond the last are left out. */
struct attributes {
	const struct rtattr *at[RTA_MAX + IFLA_MAX];
};

void netlink_parse(const struct rtattr *from, size_t size, struct attributes *out);

/** The bytes of an attribute's value; 0 for NULL. */
size_t netlink_size(const struct rtattr *from);

/** A number of 32 bits; 0 for NULL, and for what is shorter. */
long netlink_number(const struct rtattr *from);

/** A string; NULL: there is none, or it has no end. */
const char *netlink_string(const struct rtattr *from);

/** What is called for each message; `size` is of what follows the message's head. */
typedef void netlink_each_fn(void *opaque, const struct nlmsghdr *message, size_t size);

/** Calls `each` for the messages of a packet. False: the last one of an answer is among them. */
bool netlink_each(const void *text, size_t size, netlink_each_fn *each, void *opaque);

/** A socket of the calling thread's network namespace, on which an answer is waited for 2 s; negative errno.
 */
int netlink_open(void);

/** Asks for all links or routes. False: not all was seen. */
bool netlink_dump(int fd, unsigned short type, netlink_each_fn *each, void *opaque);

/** What the network namespace of `fd` calls that of `other`: -1: it has no name for it. */
int netlink_namespace(int fd, int other);

#endif

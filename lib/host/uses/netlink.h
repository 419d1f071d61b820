/* SPDX-License-Identifier: MIT */
/*
 * Messages of rtnetlink: asking the kernel for all links or all routes. What comes is
 * checked here: each message, and each attribute that is passed on, lies within what
 * was received.
 */
#ifndef LIB_HOST_USES_NETLINK_H
#define LIB_HOST_USES_NETLINK_H

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>

/* The attributes of a message by their type; types above the last one are left out. */
struct attributes {
	const struct rtattr *at[RTA_MAX + IFLA_MAX];
};

void netlink_parse(const struct rtattr *from, size_t size, struct attributes *out);

/** The bytes of an attribute's value; 0 for NULL. */
size_t netlink_size(const struct rtattr *from);

/** A number of 32 bits; 0 for NULL, and for an attribute that is shorter. */
long netlink_number(const struct rtattr *from);

/** A string; NULL: there is none, or it has no end. */
const char *netlink_string(const struct rtattr *from);

/** Called for each message; `size` is the bytes after the message's header. */
typedef void netlink_each_fn(void *opaque, const struct nlmsghdr *message, size_t size);

/**
 * Calls `each` for the messages of a packet. 1: more come; 0: the last of the answer was
 * among them; -EIO: the kernel failed.
 */
int netlink_each(const void *text, size_t size, netlink_each_fn *each, void *opaque);

/** Opens a socket in the calling thread's network namespace; a read of it waits 2 s. Negative errno. */
int netlink_open(void);

/** Asks for all links or routes. False: not all were seen. */
bool netlink_dump(int fd, unsigned short type, netlink_each_fn *each, void *opaque);

/** The number by which the network namespace of `fd` knows that of `other`; -1: it has none for it. */
int netlink_namespace(int fd, int other);

#endif

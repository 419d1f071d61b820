/* SPDX-License-Identifier: MIT */
/*
 * The ioctls of a tap, a function each (Documentation/networking/tuntap.rst). Each returns
 * 0 or a negative errno. No other file of the card makes such calls.
 */
#ifndef TOOL_SERVE_NET_TUN_H
#define TOOL_SERVE_NET_TUN_H

#include <linux/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Makes an open /dev/net/tun a queue of the interface `name`, of at most 15 characters. `flags`: IFF_*. */
int tun_attach(int fd, const char *name, short flags);

/** What an open tap is: its name, which ends with 0, and its IFF_*. */
int tun_ask(int fd, char name[IFNAMSIZ], short *flags);

/** The bytes of the header in front of each frame. */
int tun_set_header(int fd, int size);

/** The fields of the header are little endian, as those of a modern device are. */
int tun_set_little_endian(int fd);

/**
 * What may be in a frame that is read: TUN_F_*, for the whole tap. -EINVAL: a flag that the
 * kernel does not know, or one without another that it needs. What was set before stays then.
 */
int tun_set_offload(int fd, unsigned flags);

/** Whether frames come by this queue. -EINVAL: it is so already, or the tap was removed. */
int tun_use_queue(int fd, bool on);

/** The largest frame of the interface `name`, without Ethernet's header. */
int tun_get_mtu(const char *name, int *mtu);

/** Whether the interface `name` is up. */
int tun_is_up(const char *name, bool *up);

/** The requests of those of them that are called while a guest runs. */
size_t tun_late_ioctls(const uint32_t **out);

#endif

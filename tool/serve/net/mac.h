/* SPDX-License-Identifier: MIT */
/* The address of a network card. */
#ifndef TOOL_SERVE_NET_MAC_H
#define TOOL_SERVE_NET_MAC_H

#include <stdint.h>

enum { NET_MAC = 6 };

/** The name of what carries the frames of --user. */
#define NET_USER_NAME "passt"

/**
 * An address of our own that stays: the guest finds its card again after each start. It
 * comes from the computer's identity, the name of what carries the frames, and the number
 * of the card among those of one guest that have the same name, from 0.
 */
void net_mac_make(const char *name, unsigned number, uint8_t mac[NET_MAC]);

#endif

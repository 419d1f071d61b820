/* SPDX-License-Identifier: MIT */
/*
 * A process beside the keeper for each device that comes while the guest runs: looking at the host
 * and taking a device from its driver can take long, and the keeper serves everybody meanwhile. It
 * asks what lend check asks, takes a managed device, opens its nodes and hands them over. One that
 * has taken a device stays until its socket is closed, and gives the device back.
 */
#ifndef TOOL_RUN_PLUG_HELPER_H
#define TOOL_RUN_PLUG_HELPER_H

#include "tool/run/plug_order.h"

struct plug_helper {
	const struct run_options *options; /* of the machine */
	const struct run_device *device;
	int socket; /* SOCK_SEQPACKET to the keeper */
};

/** What it sends, once; with the descriptors of an order where `result` is 0. */
struct plug_reply {
	int32_t result;
	char host[LEND_NAME_SIZE]; /* of the device; empty: it has no address */
	char text[sizeof(struct lend_error)];
	char topic[32]; /* of `lend check`, that failed; empty: none did */
};

/** The process; for spawn(). `opaque`: struct plug_helper. */
int plug_helper_main(void *opaque);

/** Another one, which only gives back a device that the keeper took before there was a machine. */
int plug_giver_main(void *opaque);

/** Takes the reply: how many descriptors came, or a negative errno. */
int plug_reply_take(int socket, struct plug_reply *out, int fds[ORDER_FDS]);

#endif

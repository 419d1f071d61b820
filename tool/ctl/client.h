/* SPDX-License-Identifier: MIT */
/*
 * A client of a machine's control socket: QMP, a line of JSON a message (lend-qmp(7)). One request
 * at a time. Events that come meanwhile go to `event`, in their order. What the server sends is
 * not believed: a line has a limit, and each wait has one.
 */
#ifndef TOOL_CTL_CLIENT_H
#define TOOL_CTL_CLIENT_H

#include <jansson.h>
#include <stdint.h>

#include "lend/types.h"

struct ctl_client {
	int fd;
	char *line; /* what came of the next message */
	size_t length, room;
	size_t scanned;    /* bytes of it that hold no new line */
	unsigned serial;   /* of the last request */
	unsigned reply_ms; /* how long a reply may take; 0: CTL_REPLY_MS */
	void (*event)(void *opaque, const char *name, const json_t *event);
	void *opaque;
};

enum { CTL_REPLY_MS = 30000 };

/**
 * Connects to `path`, takes the greeting and leaves the negotiation. Set `event` and `opaque`
 * before. 0, or negative errno with the sentence; nothing is open then.
 */
int ctl_connect(struct ctl_client *client, const char *path, struct lend_error *error);

/**
 * Sends a request and waits for its reply. `arguments` may be NULL, and is the client's from here
 * on. 0: `*result` is the caller's (NULL: not wanted). -EREMOTEIO: the machine refused, with its
 * own sentence in `error`. Another negative errno: it cannot be talked to.
 */
int ctl_execute(struct ctl_client *client, const char *command, json_t *arguments, json_t **result,
		struct lend_error *error);

/**
 * Takes what comes until `until` (UINT64_MAX: without end), and returns 0 after each message.
 * -ETIMEDOUT: the time is over; -EPIPE: the machine has ended. No sentence for these two.
 */
int ctl_wait(struct ctl_client *client, uint64_t until, struct lend_error *error);

void ctl_close(struct ctl_client *client);

#endif

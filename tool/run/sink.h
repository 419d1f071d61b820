/* SPDX-License-Identifier: MIT */
/*
 * A descriptor that output goes to, without ever waiting for its reader: what
 * does not go out at once is queued, and when the queue is full its oldest
 * bytes give way. A reader that went away makes it swallow everything.
 */
#ifndef TOOL_RUN_SINK_H
#define TOOL_RUN_SINK_H

#include <stdbool.h>

#include "tool/run/ring.h"

struct sink {
	int fd;       /* -1: nobody reads now; output waits in the queue */
	bool own;     /* fd is closed by us */
	bool socket;  /* written with send() */
	bool careful; /* fd may block: ask first, then write little */
	bool gone;    /* the reader went away for good */
	struct ring queue;
	uint64_t dropped; /* bytes */
};

/** Makes a sink without a reader. 0 or -ENOMEM. */
int sink_init(struct sink *sink, size_t size);
/**
 * Gives it a descriptor that stays the caller's. Where the system lets us, it
 * is opened a second time: to make the given one non-blocking would make it so
 * for each process that shares it, the user's shell among them.
 */
void sink_attach(struct sink *sink, int fd);
/** Takes the reader away: the next one gets what is queued. */
void sink_detach(struct sink *sink);
void sink_free(struct sink *sink);

void sink_write(struct sink *sink, const void *data, size_t length);
/** Writes what the reader takes now. */
void sink_flush(struct sink *sink);

/** Whether poll() should tell when the reader takes more. */
static inline bool sink_waits(const struct sink *sink)
{
	return sink->fd >= 0 && !sink->gone && sink->queue.used;
}

#endif

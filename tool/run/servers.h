/* SPDX-License-Identifier: MIT */
/*
 * The servers of -disk and -net: `lend serve` beside the machine, started before it,
 * started again when one dies, and ended after it. They end with the keeper, however
 * it ends.
 *
 * Each listens at a socket that the keeper made and keeps: its name is removed at once,
 * so nothing stays behind, and the keeper connects by /proc/self/fd. A client of a
 * server that is being started again waits in the socket's queue.
 */
#ifndef TOOL_RUN_SERVERS_H
#define TOOL_RUN_SERVERS_H

#include <sys/types.h>

#include "tool/run/messages.h"
#include "tool/run/options.h"

struct server {
	const struct run_device *device;
	pid_t pid;       /* 0: it does not run */
	int listener;    /* -1: nobody can connect any more */
	int place;       /* the socket's file without its name; open until servers_end() */
	int state;       /* the file in memory that the next server goes on with; -1: none */
	unsigned deaths; /* since `first` */
	uint64_t first;  /* ms */
};

struct servers {
	struct server at[VMM_DEVICES_MAX];
	unsigned count;
};

/** Starts what `options` asks for, and fills in the sockets of those devices. On failure none runs. */
int servers_start(struct servers *servers, struct run_options *options, struct lend_error *error);
/** Starts those again that died, and says so. One that dies again and again is given up. */
void servers_reap(struct servers *servers, uint64_t now, struct messages *messages);
/** Ends all, and waits for them. */
void servers_end(struct servers *servers);

#endif

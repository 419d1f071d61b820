/* SPDX-License-Identifier: MIT */
/*
 * Servers of devices that are gone and may come back (reconnect=): the keeper tries
 * each socket once a second, and hands a connection to the machine, which may not
 * connect itself. What the machine says is not believed beyond that.
 */
#ifndef TOOL_RUN_COMEBACK_H
#define TOOL_RUN_COMEBACK_H

#include "tool/run/options.h"

struct comeback {
	const struct run_device *devices;
	unsigned count;
	struct {
		uint64_t until; /* ms; 0: it is not lost */
		uint64_t tried; /* when it was tried last */
		uint64_t next;  /* when it is tried; UINT64_MAX: the machine has a connection, and will say */
	} at[VMM_DEVICES_MAX];
};

/** The machine has lost the server of a device, or what it was handed did not do. */
void comeback_lost(struct comeback *comeback, unsigned device, uint64_t now);
/** Nothing is looked for any more. */
void comeback_found(struct comeback *comeback, unsigned device);
/** Ms until something is to be done; -1: nothing. */
int comeback_wait(const struct comeback *comeback, uint64_t now);
/** Tries what is due, and tells the machine over `control`. */
void comeback_tick(struct comeback *comeback, uint64_t now, int control);

#endif

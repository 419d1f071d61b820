/* SPDX-License-Identifier: MIT */
/*
 * Where the machines that run can be found: a folder each below the run directory, /run/lend for
 * root and $XDG_RUNTIME_DIR/lend for a user, named as the machine. It holds the control socket "qmp"
 * and "machine.json":
 *
 *   {"name": "db", "pid": 4711, "uuid": "…" or null, "started": 1700000000, "qmp": "/run/lend/db/qmp",
 *    "devices": ["0000:05:00.0", …]}
 *
 * pid is the keeper's, started in seconds since 1970. The folder is locked as long as its keeper
 * lives: what a killed one left behind is taken over, or removed by the next keeper.
 */
#ifndef TOOL_RUN_REGISTRY_H
#define TOOL_RUN_REGISTRY_H

#include <jansson.h>
#include <stddef.h>

#include "lend/types.h"

enum { REGISTRY_PATH = 512, REGISTRY_BYTES_MAX = 65536 };

/** Whose registry it is. `runtime` is XDG_RUNTIME_DIR, NULL or empty: not set; root's is /run/lend. */
struct registry_home {
	bool root;
	const char *runtime;
};

struct registry {
	int parent, folder;                              /* open; -1: not entered. The folder is locked */
	char path[REGISTRY_PATH], socket[REGISTRY_PATH]; /* of the folder, and of the control socket */
};

/** Of the calling process. */
struct registry_home registry_home(void);

/**
 * Makes the folder of the machine `name` and locks it; removes those of machines that have ended.
 * 0, or negative errno with the sentence: -EEXIST: a machine of that name runs; -ENOENT: the user
 * has no run directory.
 */
int registry_enter(struct registry *registry, const struct registry_home *home, const char *name,
		   struct lend_error *error);

/** Writes machine.json, whole or not at all. 0 or negative errno. */
int registry_write(const struct registry *registry, const json_t *entry);

/** Removes the folder with what is in it. One that was not entered is allowed. */
void registry_leave(struct registry *registry);

/**
 * Patterns, as glob() takes them, of the entries that a caller may see: a user's own, and for root
 * those of all users. NULL beyond the last index. In memory of the call, until the next one.
 */
const char *registry_pattern(const struct registry_home *home, size_t index);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Where the control socket of a machine is: below the run directory, so that `lend ps` and
 * `lend ctl` find each machine by its name, and where -qmp says.
 */
#ifndef TOOL_RUN_QMP_PLACE_H
#define TOOL_RUN_QMP_PLACE_H

#include "tool/run/options.h"
#include "tool/run/registry.h"

enum { QMP_PLACE_REGISTER, QMP_PLACE_ASKED, QMP_PLACES }; /* QMP_LISTENERS_MAX */

struct qmp_place {
	int listeners[QMP_PLACES]; /* -1: none */
	struct registry registry;
	const char *path; /* of -qmp unix:, to be removed; NULL: none */
	int64_t started;  /* seconds since 1970 */
};

/**
 * Makes the sockets. A machine without -name is "pid-" and its keeper's number. Where there is no run
 * directory, it cannot be found by its name, and that is no failure. 0, or negative errno with the
 * sentence: -EEXIST: a machine of that name runs.
 */
int qmp_place_open(struct qmp_place *place, const struct run_options *options,
		   const struct registry_home *home, struct lend_error *error);
/**
 * Writes the machine's entry in the register, where it has one; takes over the names of its devices.
 * 0 or negative errno: the entry is the one of before.
 */
int qmp_place_write(const struct qmp_place *place, const struct run_options *options, json_t *devices);
/** Removes them. */
void qmp_place_close(struct qmp_place *place);

#endif

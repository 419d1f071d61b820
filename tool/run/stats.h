/* SPDX-License-Identifier: MIT */
/* --stats: the counters of a run as one JSON object. */
#ifndef TOOL_RUN_STATS_H
#define TOOL_RUN_STATS_H

#include "tool/run/keeper.h"

/** Replaces what is in the file. 0 or negative errno. */
int stats_write(int fd, const struct keeper_result *result);

#endif

/* SPDX-License-Identifier: MIT */
/* -disk and -net: devices whose servers are started beside the machine. */
#ifndef TOOL_RUN_SERVED_ARG_H
#define TOOL_RUN_SERVED_ARG_H

#include "tool/run/options.h"

/** Read the value of -disk, or of -net, and add the device to the others. 0 or -EINVAL. */
int disk_parse(struct run_options *options, const char *value, struct lend_error *error);
int net_parse(struct run_options *options, const char *value, struct lend_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/* The options of a machine with UEFI firmware. Each reads its value: 0, or -EINVAL with the sentence. */
#ifndef TOOL_RUN_FIRMWARE_ARG_H
#define TOOL_RUN_FIRMWARE_ARG_H

#include "tool/run/options.h"

int firmware_parse(struct run_options *options, const char *value, struct lend_error *error);
int name_parse(struct run_options *options, const char *value, struct lend_error *error);
int boot_parse(struct run_options *options, const char *value, struct lend_error *error);
int rtc_parse(struct run_options *options, const char *value, struct lend_error *error);
int fw_cfg_parse(struct run_options *options, const char *value, struct lend_error *error);

/** Once all options are read: what a machine with firmware, or one without, cannot have. 0 or -EINVAL. */
int firmware_agree(const struct run_options *options, struct lend_error *error);

#endif

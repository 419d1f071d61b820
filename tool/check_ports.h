/* SPDX-License-Identifier: MIT */
/* What lend check says of the ports for devices that come while the guest runs. */
#ifndef TOOL_CHECK_PORTS_H
#define TOOL_CHECK_PORTS_H

#include "lend/survey.h"
#include "tool/check_rows.h"

/**
 * How many and how large the ports are that `value` asks for, as -ports of lend run takes it, and which
 * of the devices would not fit behind one. 0, or -EINVAL with the sentence: `value` is wrong.
 */
int check_ports(const char *value, const struct lend_survey_device *const *devices, size_t count,
		struct check_rows *out, struct lend_error *error);

#endif

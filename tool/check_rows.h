/* SPDX-License-Identifier: MIT */
/* Rows of lend check that are the tool's own, beside those of the library. */
#ifndef TOOL_CHECK_ROWS_H
#define TOOL_CHECK_ROWS_H

#include "lend/check.h"
#include "tool/args.h"

struct check_rows {
	struct lend_check_row rows[2 + ARGS_DEVICES_MAX];
	size_t count;
};

#endif

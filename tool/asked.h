/* SPDX-License-Identifier: MIT */
/* What lend check and lend run ask the library about a machine: the same question. */
#ifndef TOOL_ASKED_H
#define TOOL_ASKED_H

#include "lend/check.h"
#include "tool/run/options.h"

/** For the user who calls. What `machine` leaves at 0 is as lend run has it. */
struct lend_check_options asked_of(const struct run_options *machine);

#endif

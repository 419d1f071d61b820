/* SPDX-License-Identifier: MIT */
/* What lend bind, unbind, vf and run share. */
#ifndef TOOL_TAKE_H
#define TOOL_TAKE_H

#include "tool/host.h"

/** Loads the module vfio-pci, where it is not there yet and modprobe can. */
void take_load_driver(void);

/** A line of what was done, to standard output; a `note` of lend_bind_options. */
void take_note(void *opaque, const char *line);

/** Whether `name` is the path of a slot that has no device now; then `out` stands for it, with its path
 * alone. */
bool take_absent(const struct lend_survey *survey, const char *name, struct lend_survey_device *out);

/** Makes lend bind --boot run at boot; where it cannot, it says what the user has to do. */
int take_enable_boot(void);

#endif

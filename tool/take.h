/* SPDX-License-Identifier: MIT */
/* What lend bind, unbind, vf and run share. */
#ifndef TOOL_TAKE_H
#define TOOL_TAKE_H

#include "tool/host.h"

/** Loads the module vfio-pci, where it is not there yet and modprobe can. */
void take_load_driver(void);

/** A line of what was done, to standard output; a `note` of lend_bind_options. */
void take_note(void *opaque, const char *line);

/** Makes lend bind --boot run at boot; where it cannot, it says what the user has to do. */
int take_enable_boot(void);

#endif

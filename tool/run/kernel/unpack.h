/* SPDX-License-Identifier: MIT */
/* Unpacking what a stranger may have packed, in a process that can do nothing else. */
#ifndef TOOL_RUN_KERNEL_UNPACK_H
#define TOOL_RUN_KERNEL_UNPACK_H

#include "tool/run/kernel/payload.h"

/**
 * Unpacks `packed`, payload->size bytes, into the first payload->unpacked bytes of the file `to`, and waits
 * for it: a minute of the processor's time at the most. As payload_unpack(); -ENOSPC and others: of the file
 * `to`; -EIO: the process was ended.
 */
int unpack(const uint8_t *packed, const struct payload *payload, int to);

#endif

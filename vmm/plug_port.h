/* SPDX-License-Identifier: MIT */
/* Which port a device that comes while the guest runs goes behind. */
#ifndef VMM_PLUG_PORT_H
#define VMM_PLUG_PORT_H

#include "lend/types.h"

struct assigned;
struct vmm;

/** How many ports have nothing below. */
unsigned ports_empty(const struct vmm *vmm);

/**
 * The slot of the smallest empty port whose windows have room for the device's BARs; -ENOSPC with the
 * sentence.
 */
int port_for(const struct assigned *assigned, struct lend_error *error);

#endif

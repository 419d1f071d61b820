/* SPDX-License-Identifier: MIT */
/* Single accesses, and very many. */
#ifndef GUEST_ACCESS_H
#define GUEST_ACCESS_H

#include "text.h"

const char *cfg_command(struct words *words);
const char *cfgw_command(struct words *words);
const char *bar_command(struct words *words);
const char *mem_command(struct words *words);
const char *port_command(struct words *words);
const char *msr_command(struct words *words);
const char *toggle_command(struct words *words);
const char *hammer_command(struct words *words);
const char *storm_command(struct words *words);

#endif

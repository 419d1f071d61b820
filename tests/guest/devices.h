/* SPDX-License-Identifier: MIT */
/* The drivers: a command each. */
#ifndef GUEST_DEVICES_H
#define GUEST_DEVICES_H

#include "text.h"

const char *edu_command(struct words *words);
const char *ivshmem_command(struct words *words);
const char *testdev_command(struct words *words);

#endif

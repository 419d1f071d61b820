/* SPDX-License-Identifier: MIT */
/* The transport over a VFIO device descriptor. */
#ifndef LIB_BACKEND_TRANSPORT_H
#define LIB_BACKEND_TRANSPORT_H

#include "lib/backend/backend.h"

/** Takes `fd`, unless it fails: `*dev` and `*ops` make a transport. -ENOMEM. */
int transport_new(int fd, const struct transport_ops **ops, void **dev);

#endif

/* SPDX-License-Identifier: MIT */
/* Interrupts of a device behind a socket. */
#ifndef LIB_BACKEND_USER_IRQS_H
#define LIB_BACKEND_USER_IRQS_H

#include "lib/backend/user/channel.h"

/** Carries set_irqs out. `has_error`: the server has an error interrupt of its own. */
int user_irqs_set(struct user_session *session, const struct backend_irqs *irqs, bool has_error);

#endif

/* SPDX-License-Identifier: MIT */
/* The doorbells that the server offers: nothing of them is believed before it was checked. */
#ifndef LIB_BACKEND_USER_DOORBELLS_H
#define LIB_BACKEND_USER_DOORBELLS_H

#include "lib/backend/user/channel.h"

/**
 * Asks for the doorbells of region `index`, which has `size` bytes, as
 * transport_ops.doorbells. A server that has none, or does not know the command,
 * has 0. What cannot be right, and what is too much, is left out, with a line of log.
 * -ENOTCONN: the session is dead; -ENOMEM.
 */
int user_doorbells_ask(struct user_session *session, unsigned index, uint64_t size,
		       struct backend_doorbell *out, unsigned max);

#endif

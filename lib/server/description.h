/* SPDX-License-Identifier: MIT */
/* The caller's description of the device: checked once, and copied. */
#ifndef LIB_SERVER_DESCRIPTION_H
#define LIB_SERVER_DESCRIPTION_H

#include "lend/server.h"

/** Fills server->device and server->ops. 0, or a negative errno with a sentence. */
int description_take(struct lend_server *server, const struct lend_server_device *given,
		     struct lend_error *error);
void description_end(struct lend_server *server);

#endif

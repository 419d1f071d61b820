/* SPDX-License-Identifier: MIT */
/* A client's life: from accept to its end. */
#ifndef LIB_SERVER_SESSION_H
#define LIB_SERVER_SESSION_H

#include "lib/server/server.h"

/** The client of a connected socket. 0: the socket is the server's from now on; or -errno. */
int session_begin(struct lend_server *server, int fd);
/** Takes everything of the client away: memory, descriptors, messages. `tell`: the device is reset. */
void session_end(struct lend_server *server, bool tell);

#endif

/* SPDX-License-Identifier: MIT */
/* The socket that clients connect to. */
#ifndef LIB_SERVER_LISTEN_H
#define LIB_SERVER_LISTEN_H

struct lend_server;

/** Closes it, and removes its path if that is still the socket's. */
void listen_end(struct lend_server *server);

#endif

/* SPDX-License-Identifier: MIT */
/* The socket of a server: at a path, a descriptor that was handed over, or systemd's. */
#ifndef TOOL_SERVE_SOCKET_H
#define TOOL_SERVE_SOCKET_H

#include "lend/server.h"

/**
 * Opens or takes the socket. `path` and `fd` are the words of the options, or NULL; `words`
 * becomes what is said of it. -EINVAL: both are given, or none and systemd hands none over.
 */
int serve_socket(struct lend_server *server, const char *path, const char *fd, char words[160],
		 struct lend_error *error);

#endif

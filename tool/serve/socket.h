/* SPDX-License-Identifier: MIT */
/* The socket of a server: at a path, a descriptor that was handed over, or systemd's. */
#ifndef TOOL_SERVE_SOCKET_H
#define TOOL_SERVE_SOCKET_H

#include "lend/server.h"

struct serve_socket {
	const char *path; /* NULL: the descriptor `fd` */
	int fd;
};

/**
 * Says which socket it is. `path` and `fd` are the words of the options, or NULL: the one
 * that systemd hands to this process. Touches nothing. -EINVAL, with a sentence: there is
 * none, or more than one.
 */
int serve_socket_read(const char *path, const char *fd, struct serve_socket *out, struct lend_error *error);

/** Opens or takes the socket; `words` becomes what is said of it. */
int serve_socket_open(struct lend_server *server, const struct serve_socket *socket, char words[160],
		      struct lend_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/* The socket of a server; see socket.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool/run/options.h"
#include "tool/serve/socket.h"
#include "tool/tool.h"

/* sd_listen_fds(3): the first descriptor that systemd hands over. */
enum { FIRST_FD = 3 };

/* -ENOENT: systemd hands over none. */
static int from_systemd(int *fd, struct lend_error *error)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	unsigned number;

	if (!pid || !count || value_number(pid, 0, INT_MAX, &number) || (pid_t)number != getpid())
		return -ENOENT;
	if (value_number(count, 1, 1, &number))
		return tool_fail(error, -EINVAL,
				 "systemd hands over %.20s sockets (LISTEN_FDS), and a server has one",
				 count);
	*fd = FIRST_FD;
	return 0;
}

int serve_socket_read(const char *path, const char *fd, struct serve_socket *out, struct lend_error *error)
{
	unsigned number;
	int ret;

	*out = (struct serve_socket){.path = path, .fd = -1};
	if (path && fd)
		return tool_fail(error, -EINVAL, "--socket-path and --fd are given; a server has one socket");
	if (path)
		return 0;
	if (fd && value_number(fd, 0, INT_MAX, &number))
		return tool_fail(error, -EINVAL, "--fd %.40s is no number of a descriptor", fd);
	if (fd) {
		out->fd = (int)number;
		return 0;
	}
	ret = from_systemd(&out->fd, error);
	return ret == -ENOENT ? tool_fail(error, -EINVAL,
					  "no socket is given; name its path with --socket-path PATH, or "
					  "-s PATH")
			      : ret;
}

int serve_socket_open(struct lend_server *server, const struct serve_socket *socket, char words[160],
		      struct lend_error *error)
{
	if (socket->path) {
		snprintf(words, 160, "%s", socket->path);
		return lend_server_listen(server, socket->path, error);
	}
	snprintf(words, 160, "descriptor %d", socket->fd);
	return lend_server_take(server, socket->fd, error);
}

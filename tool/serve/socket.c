/* SPDX-License-Identifier: MIT */
/* The socket of a server; see socket.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool/serve/socket.h"
#include "tool/tool.h"

/* sd_listen_fds(3): the first descriptor that systemd hands over. */
enum { FIRST_FD = 3 };

static bool read_number(const char *text, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	return !errno && end != text && !*end && *out >= 0 && *out <= INT_MAX;
}

/* Returns the descriptor, -1: none, or -EINVAL. */
static int from_systemd(struct lend_error *error)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	long number;

	if (!pid || !count || !read_number(pid, &number) || number != getpid())
		return -1;
	if (!read_number(count, &number) || number != 1)
		return tool_fail(error, -EINVAL,
				 "systemd hands over %.20s sockets (LISTEN_FDS), and a server has one",
				 count);
	return FIRST_FD;
}

int serve_socket(struct lend_server *server, const char *path, const char *fd, char words[160],
		 struct lend_error *error)
{
	long number = -1;

	if (path && fd)
		return tool_fail(error, -EINVAL, "--socket-path and --fd are given; a server has one socket");
	if (path) {
		snprintf(words, 160, "%s", path);
		return lend_server_listen(server, path, error);
	}
	if (fd && !read_number(fd, &number))
		return tool_fail(error, -EINVAL, "--fd %.40s is no number of a descriptor", fd);
	if (!fd)
		number = from_systemd(error);
	if (number == -EINVAL)
		return -EINVAL;
	if (number < 0)
		return tool_fail(error, -EINVAL,
				 "no socket is given; name its path with --socket-path PATH, or -s PATH");
	snprintf(words, 160, "descriptor %ld", number);
	return lend_server_take(server, (int)number, error);
}

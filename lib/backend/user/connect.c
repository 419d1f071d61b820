/* SPDX-License-Identifier: MIT */
/* Connecting to a server's socket. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/backend/user/session.h"
#include "lib/error.h"

static int say(const char *path, int code, struct lend_error *error)
{
	switch (code) {
	case -ENOENT:
	case -ECONNREFUSED:
		return error_say(error, code, "%s: no server listens there; start it first", path);
	case -EAGAIN:
		return error_say(error, code, "%s: the server is busy with another client", path);
	case -EPROTOTYPE:
	case -ENOTSOCK:
		return error_say(error, code, "%s is not the stream socket of a server", path);
	default:
		return error_say(error, code, "%s: cannot connect: %s", path, strerror(-code));
	}
}

/* A server takes one client. A second connect() blocks until the time limit of the socket. */
int user_connect(const char *path, unsigned timeout_ms, struct lend_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	unsigned limit = timeout_ms ? timeout_ms : USER_TIMEOUT_MS;
	const struct timeval wait = {.tv_sec = limit / 1000, .tv_usec = limit % 1000 * 1000};
	int fd, ret = 0;

	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return error_say(error, -ENAMETOOLONG, "'%s': the path of a socket has 1 to %zu bytes", path,
				 sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return say(path, -errno, error);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	do
		ret = connect(fd, (const struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	while (ret == -EINTR);
	if (!ret)
		return fd;
	close(fd);
	return say(path, ret, error);
}

/* SPDX-License-Identifier: MIT */
/* The socket that clients connect to: at a path, or given. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/server/listen.h"
#include "lib/server/session.h"

static int new_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* 0: a socket that nobody listens at was removed. */
static int remove_stale(const struct sockaddr_un *address, struct lend_error *error)
{
	const char *path = address->sun_path;
	struct stat about;
	int fd, ret;

	if (lstat(path, &about))
		return errno == ENOENT ? 0 : error_say(error, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(about.st_mode))
		return error_say(error, -EEXIST,
				 "%s is there and is no socket; remove it, or choose another path", path);
	fd = new_socket();
	if (fd < 0)
		return -errno;
	ret = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
	close(fd);
	/* A full queue, or a socket of another type: somebody has it open. */
	if (!ret || ret == -EAGAIN || ret == -EPROTOTYPE)
		return error_say(error, -EADDRINUSE,
				 "%s: another process listens there; end it, or choose another path", path);
	if (ret != -ECONNREFUSED && ret != -ENOENT)
		return error_say(error, ret,
				 "%s: it cannot be told whether a process listens there: %s; choose another "
				 "path, or remove the socket if it is an old one",
				 path, strerror(-ret));
	return unlink(path) && errno != ENOENT
		       ? error_say(error, -errno, "%s: the old socket cannot be removed: %s", path,
				   strerror(errno))
		       : 0;
}

static int bind_and_listen(int fd, const struct sockaddr_un *address)
{
	/* The mode of the socket is that of its file. */
	if (fchmod(fd, 0600) || bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	return listen(fd, 1) ? -errno : 0;
}

static int start(struct lend_server *server, int fd)
{
	int ret = server_watch(server, fd, SERVER_LISTENER, EPOLLIN, EPOLL_CTL_ADD);

	if (!ret)
		server->listener = fd;
	return ret;
}

static int has_socket(const struct lend_server *server, struct lend_error *error)
{
	return server->listener >= 0 || server->only
		       ? error_say(error, -EINVAL, "%s: it has a socket already", server->name)
		       : 0;
}

int lend_server_listen(struct lend_server *server, const char *path, struct lend_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat about;
	int fd, ret = has_socket(server, error);

	if (ret < 0)
		return ret;
	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return error_say(error, -ENAMETOOLONG, "the path of a socket has 1 to %zu bytes, not %zu",
				 sizeof(address.sun_path) - 1, strlen(path));
	strcpy(address.sun_path, path);
	ret = remove_stale(&address, error);
	if (ret < 0)
		return ret;
	fd = new_socket();
	if (fd < 0)
		return error_say(error, -errno, "cannot make a socket: %s", strerror(errno));
	ret = bind_and_listen(fd, &address);
	if (!ret)
		ret = start(server, fd);
	if (ret < 0) {
		close(fd);
		return error_say(error, ret, "%s: cannot listen there: %s", path, strerror(-ret));
	}
	if (!lstat(path, &about)) {
		strcpy(server->path, path);
		server->path_dev = about.st_dev;
		server->path_inode = about.st_ino;
	}
	return 0;
}

static int option(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &length) ? -errno : value;
}

static bool is_connected(int fd)
{
	struct sockaddr_un peer;
	socklen_t length = sizeof(peer);

	return !getpeername(fd, (struct sockaddr *)&peer, &length);
}

int lend_server_take(struct lend_server *server, int fd, struct lend_error *error)
{
	int domain = option(fd, SO_DOMAIN), listens = option(fd, SO_ACCEPTCONN), ret;

	ret = has_socket(server, error);
	if (ret < 0)
		return ret;
	if (domain < 0)
		return error_say(error, domain, "descriptor %d is no socket: %s", fd, strerror(-domain));
	if (domain != AF_UNIX || option(fd, SO_TYPE) != SOCK_STREAM)
		return error_say(error, -EINVAL, "descriptor %d is no stream socket of the Unix domain", fd);
	if (listens <= 0 && !is_connected(fd))
		return error_say(error, -ENOTCONN,
				 "descriptor %d is a socket that neither listens nor is connected", fd);
	/* accept() must not wait for a client that left the queue. */
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return error_say(error, -errno, "descriptor %d: %s", fd, strerror(errno));
	ret = listens > 0 ? start(server, fd) : session_begin(server, fd);
	if (ret < 0)
		return error_say(error, ret, "descriptor %d cannot be waited for: %s", fd, strerror(-ret));
	server->only = listens <= 0;
	return 0;
}

void listen_end(struct lend_server *server)
{
	struct stat about;

	if (server->listener < 0)
		return;
	if (server->path[0] && !lstat(server->path, &about) && about.st_dev == server->path_dev &&
	    about.st_ino == server->path_inode)
		unlink(server->path);
	close(server->listener);
	server->listener = -1;
}

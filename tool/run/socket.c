/* SPDX-License-Identifier: MIT */
/* Unix sockets of a run; see socket.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tool/run/socket.h"
#include "tool/tool.h"

static int bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t mask = umask(0177);
	int ret = bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;

	umask(mask);
	return ret;
}

/*
 * A server that ended leaves its socket behind as a file, and whoever connects is refused
 * (ECONNREFUSED). We try it with a datagram socket: a stream socket that is served answers that
 * the type is wrong (EPROTOTYPE), and its server never sees a client.
 */
static int try_datagram(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	ret = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
	close(fd);
	return ret;
}

static bool is_abandoned(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	return try_datagram(address) == -ECONNREFUSED;
}

bool socket_is_served(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return false;
	strcpy(address.sun_path, path);
	ret = try_datagram(&address);
	return ret != -ECONNREFUSED && ret != -ENOENT;
}

static int bind_or_replace(int fd, const struct sockaddr_un *address)
{
	int ret = bind_private(fd, address);

	if (ret != -EADDRINUSE || !is_abandoned(address))
		return ret;
	unlink(address->sun_path);
	return bind_private(fd, address);
}

int socket_listen_for(const char *what, const char *path, int backlog, struct lend_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, ret;

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return tool_fail(error, -errno, "cannot make a socket for %s%s: %s", what, path,
				 strerror(errno));
	ret = bind_or_replace(fd, &address);
	if (!ret && listen(fd, backlog))
		ret = -errno;
	if (!ret)
		return fd;
	close(fd);
	if (ret == -EADDRINUSE)
		return tool_fail(error, ret,
				 "%s%s: a file is there, or a socket that is in use; give another path", what,
				 path);
	return tool_fail(error, ret, "%s%s: cannot listen there: %s; give another path", what, path,
			 strerror(-ret));
}

int socket_listen(const char *path, struct lend_error *error)
{
	return socket_listen_for("-serial unix:", path, 1, error);
}

bool socket_is_short(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

int socket_accept(int listener)
{
	struct pollfd client = {.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)};

	if (client.fd < 0)
		return -errno;
	if (poll(&client, 1, 0) <= 0 || !(client.revents & POLLHUP))
		return client.fd;
	close(client.fd);
	return -EAGAIN;
}

/*
 * The one descriptor that came with a message. For alignment the kernel may have put in more than there
 * was room for, and they are open: all are closed where it is not one.
 */
static int only_fd(struct msghdr *message)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);
	size_t count;
	int fd;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -ENOMSG;
	count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
	for (size_t i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
		if (count == 1)
			return fd;
		close(fd);
	}
	return -ENOMSG;
}

/* One byte with one descriptor. */
static int take_fd(int socket)
{
	char byte;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t ret;

	do
		ret = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : only_fd(&message);
}

/* A client whose waits are bounded. The first bounds recvmsg(), the second connect(): it waits while the
 * server's backlog is full. */
static int connect_within(const char *path, unsigned wait_ms)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) &&
	    !connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int socket_connect(const char *path, unsigned wait_ms, struct lend_error *error)
{
	int fd = connect_within(path, wait_ms);

	switch (fd) {
	case -ENOENT:
	case -ECONNREFUSED:
		return tool_fail(error, fd, "socket=%s: no server listens there; start it first", path);
	case -EAGAIN:
		return tool_fail(error, fd, "socket=%s: its server has another client; a server has one",
				 path);
	case -EPROTOTYPE:
		return tool_fail(error, fd, "socket=%s: it is not the socket of a device's server", path);
	default:
		return fd < 0 ? tool_fail(error, fd, "socket=%s: cannot connect: %s", path, strerror(-fd))
			      : fd;
	}
}

int socket_take_fd(const char *path, unsigned wait_ms, struct lend_error *error)
{
	int fd = connect_within(path, wait_ms), ret = fd;

	if (fd >= 0) {
		ret = take_fd(fd);
		close(fd);
	}
	if (ret == -EAGAIN)
		return tool_fail(error, -ETIMEDOUT,
				 "fd=%s: its server did not hand out a device in time; see that it "
				 "runs and serves its clients",
				 path);
	if (ret == -ENOMSG)
		return tool_fail(error, ret, "fd=%s: its server did not hand out one descriptor", path);
	return ret < 0 ? tool_fail(error, ret, "fd=%s: cannot take a device from that socket: %s", path,
				   strerror(-ret))
		       : ret;
}

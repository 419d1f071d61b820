/* SPDX-License-Identifier: MIT */
/* See place.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tool/run/qmp/place.h"
#include "tool/run/qmp/state.h"
#include "tool/run/socket.h"
#include "tool/tool.h"

enum { BACKLOG = 128 };

/* What name_parse() allows has no slash and begins with no dot, so it is a folder of its own. */
static void name_of(const struct run_options *options, char out[RUN_NAME_MAX])
{
	if (options->name[0])
		snprintf(out, RUN_NAME_MAX, "%s", options->name);
	else
		snprintf(out, RUN_NAME_MAX, "pid-%d", (int)getpid());
}

static int listen_there(const struct registry *registry, struct lend_error *error)
{
	size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (strlen(registry->socket) > most)
		return tool_fail(error, -ENAMETOOLONG,
				 "the control socket %.200s: a socket's path has at most %zu bytes; give a "
				 "shorter -name",
				 registry->socket, most);
	return socket_listen_for("the control socket ", registry->socket, BACKLOG, error);
}

static int open_register(struct qmp_place *place, const struct run_options *options,
			 const struct registry_home *home, struct lend_error *error)
{
	char name[RUN_NAME_MAX];
	int ret;

	name_of(options, name);
	ret = registry_enter(&place->registry, home, name, error);
	if (!ret)
		ret = listen_there(&place->registry, error);
	if (ret == -EEXIST || ret >= 0) {
		place->listeners[QMP_PLACE_REGISTER] = ret >= 0 ? ret : -1;
		return ret < 0 ? ret : 0;
	}
	registry_leave(&place->registry);
	/* A user without a run directory knows that, or has none to look into. */
	if (ret != -ENOENT)
		tool_say("%s; so lend ps does not list this machine, and lend ctl does not find it by its "
			 "name",
			 error->text);
	return 0;
}

/* A listening socket that a service manager made. It is ours alone, so it may be made non-blocking. */
static int take_listener(int fd, struct lend_error *error)
{
	int listens = 0, own;
	socklen_t size = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) || !listens)
		return tool_fail(error, -EBADF, "-qmp fd:%d: no listening socket is open there", fd);
	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0 || fcntl(own, F_SETFL, O_NONBLOCK))
		return tool_fail(error, -errno, "-qmp fd:%d: %s", fd, strerror(errno));
	return own;
}

static int open_asked(struct qmp_place *place, const struct run_qmp *asked, struct lend_error *error)
{
	int ret = 0;

	if (asked->kind == QMP_UNIX)
		ret = socket_listen_for("-qmp unix:", asked->path, BACKLOG, error);
	else if (asked->kind == QMP_FD)
		ret = take_listener(asked->fd, error);
	if (ret < 0)
		return ret;
	if (asked->kind == QMP_UNIX)
		place->path = asked->path;
	if (asked->kind == QMP_UNIX || asked->kind == QMP_FD)
		place->listeners[QMP_PLACE_ASKED] = ret;
	return 0;
}

int qmp_place_open(struct qmp_place *place, const struct run_options *options,
		   const struct registry_home *home, struct lend_error *error)
{
	int ret = 0;

	*place = (struct qmp_place){
		.listeners = {-1, -1}, .registry = {.parent = -1, .folder = -1}, .started = time(NULL)};
	if (options->qmp.kind != QMP_NONE)
		ret = open_register(place, options, home, error);
	if (!ret)
		ret = open_asked(place, &options->qmp, error);
	if (ret)
		qmp_place_close(place);
	return ret;
}

int qmp_place_write(const struct qmp_place *place, const struct run_options *options, json_t *devices)
{
	static const uint8_t none[16];
	char name[RUN_NAME_MAX], uuid[QMP_UUID_SIZE];
	json_t *entry;
	int ret;

	name_of(options, name);
	qmp_uuid_text(options->uuid, uuid);
	entry = json_pack("{s:s, s:i, s:s?, s:I, s:s, s:o}", "name", name, "pid", (int)getpid(), "uuid",
			  memcmp(options->uuid, none, sizeof(none)) ? uuid : NULL, "started",
			  (json_int_t)place->started, "qmp", place->registry.socket, "devices", devices);
	ret = entry ? registry_write(&place->registry, entry) : -ENOMEM;
	json_decref(entry);
	return ret;
}

void qmp_place_close(struct qmp_place *place)
{
	for (unsigned i = 0; i < QMP_PLACES; i++) {
		if (place->listeners[i] >= 0)
			close(place->listeners[i]);
		place->listeners[i] = -1;
	}
	if (place->path)
		unlink(place->path);
	place->path = NULL;
	registry_leave(&place->registry);
}

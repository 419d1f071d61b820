/* SPDX-License-Identifier: MIT */
/*
 * A device behind a socket (user.h). While no call is in the session, the
 * monitor's loop answers its server, and sees its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/backend/user/session.h"
#include "lib/context.h"
#include "lib/dma/space.h"
#include "lib/error.h"
#include "lib/le.h"
#include "lib/open/user.h"

int user_check(struct lend_device_config *config, struct lend_error *error)
{
	if (config->address || config->fd >= 0 || config->facts || config->group_fd >= 0 ||
	    config->container_fd >= 0 || config->iommu_fd >= 0 || config->vf_token)
		return error_say(error, -EINVAL,
				 "a device behind a socket is named by its socket alone; leave what is for "
				 "VFIO out");
	if (config->backend != LEND_BACKEND_AUTO && config->backend != LEND_BACKEND_USER)
		return error_say(error, -EINVAL, "a device behind a socket is opened by no other way");
	if (!config->socket == (config->socket_fd < 0))
		return error_say(error, -EINVAL,
				 "a device behind a socket needs the path of its server's socket, or a "
				 "connected socket, and not both");
	config->backend = LEND_BACKEND_USER;
	return 0;
}

/* As the caller calls it, or the path of the server's socket; of a long one its end, which tells more. */
static void make_name(const struct lend_device_config *config, int fd, char name[LEND_NAME_SIZE])
{
	const char *path = config->socket;
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address) - 1;
	size_t over;

	if (config->name) {
		snprintf(name, LEND_NAME_SIZE, "%s", config->name);
		return;
	}
	if (!path && !getpeername(fd, (struct sockaddr *)&address, &length) && address.sun_path[0])
		path = address.sun_path;
	if (!path) {
		snprintf(name, LEND_NAME_SIZE, "the device of socket %d", fd);
		return;
	}
	over = strlen(path) < LEND_NAME_SIZE ? 0 : strlen(path) - (LEND_NAME_SIZE - 1);
	snprintf(name, LEND_NAME_SIZE, "%s", path + over);
}

static int connection(const struct lend_device_config *config, struct lend_error *error)
{
	int fd;

	if (config->socket)
		return user_connect(config->socket, config->reply_ms, error);
	fd = fcntl(config->socket_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? error_say(error, -errno, "socket %d: %s", config->socket_fd, strerror(errno)) : fd;
}

/* Why the session died says more than what failed for that. */
static int say_reason(struct user_session *session, const char *name, int ret, struct lend_error *error)
{
	char reason[192];

	user_session_reason(session, reason, sizeof(reason));
	return reason[0] ? error_say(error, -ENOTCONN, "%s: %s", name, reason) : ret;
}

/* Makes the device on the session, which is its own then; else the caller frees it. */
static int make_device(struct lend_space *space, struct user_session *session, const char *name,
		       struct lend_device **out, struct lend_error *error)
{
	struct device_source source = {
		.name = name, .backend = LEND_BACKEND_USER, .group = -1, .numa_node = -1};
	int ret = user_transport_new(session, &source.ops, &source.transport);

	if (ret < 0) {
		user_session_free(session);
		return error_say(error, ret, "%s: out of memory", name);
	}
	ret = device_open_with(space, &source, out, error);
	if (ret < 0) {
		ret = say_reason(session, name, ret, error);
		source.ops->close(source.transport);
	} else {
		(*out)->user = session;
	}
	return ret;
}

static int watch(struct lend_device *device, struct lend_error *error)
{
	const struct lend_host_ops *ops = space_ops(device->space);
	int ret = ops->watch(space_host(device->space), user_session_fd(device->user), user_session_serve,
			     device->user);

	if (ret == -EOPNOTSUPP)
		context_log(space_context(device->space), LEND_LOG_WARNING,
			    "%s: the monitor watches no descriptors: DMA by messages works during accesses "
			    "of the guest alone",
			    device->info.name);
	if (ret < 0 && ret != -EOPNOTSUPP)
		return error_say(error, ret, "%s: the monitor cannot watch its socket: %s", device->info.name,
				 strerror(-ret));
	return 0;
}

void user_unwatch(struct lend_device *device)
{
	const struct lend_host_ops *ops = space_ops(device->space);
	void *host = space_host(device->space);

	ops->unwatch(host, user_session_fd(device->user));
	ops->settle(host);
}

int user_open(struct lend_space *space, const struct lend_device_config *config, struct lend_device **out,
	      struct lend_error *error)
{
	struct domain_user user = {.make = user_domain_new, .fd = device_number(space)};
	struct user_session *session;
	char name[LEND_NAME_SIZE];
	int fd, ret;

	fd = connection(config, error);
	if (fd < 0)
		return fd;
	make_name(config, fd, name);
	ret = user_session_new(space_context(space), name, fd, config->reply_ms, &session, error);
	if (ret < 0)
		return ret;
	user.arg = session;
	user.name = name;
	ret = space_attach(space, &user, error);
	if (ret < 0) {
		ret = say_reason(session, name, ret, error);
		user_session_free(session);
		return ret;
	}
	ret = make_device(space, session, name, out, error);
	if (ret < 0)
		return ret;
	(*out)->given = user.fd;
	ret = watch(*out, error);
	if (ret < 0) {
		lend_device_close(*out);
		return ret;
	}
	user_session_use(session, config->reconnects);
	return 0;
}

bool user_is_lost(const struct lend_device *device)
{
	return device->user && user_session_waits(device->user);
}

static bool same_region(const struct lend_device *device, unsigned index, struct lend_region *region,
			struct lend_area *areas)
{
	const struct lend_region *was = &device->regions[index];

	if (areas_store(region, areas, AREAS_MAX, areas, region->area_count) < 0)
		return false;
	areas_clip(region, areas, (uint64_t)sysconf(_SC_PAGESIZE));
	return region->size == was->size && region->readable == was->readable &&
	       region->writable == was->writable && region->area_count == was->area_count &&
	       !memcmp(areas, device->areas[index], was->area_count * sizeof(*areas));
}

/* 0: they are the same; 1: one is another; negative errno. */
static int compare_regions(const struct lend_device *device, const struct transport_ops *ops, void *fresh,
			   unsigned count)
{
	struct lend_area areas[AREAS_MAX];
	struct lend_region region;

	for (unsigned i = 0; i < LEND_REGION_COUNT; i++) {
		int ret = i < count ? ops->region_info(fresh, i, &region, areas, AREAS_MAX) : -EINVAL;

		if (ret == -ENOTCONN)
			return ret;
		/* What it did not have, it may go on to refuse. */
		if (ret < 0 ? device->regions[i].size != 0 : !same_region(device, i, &region, areas))
			return 1;
	}
	return 0;
}

static int compare_irqs(const struct lend_device *device, const struct transport_ops *ops, void *fresh)
{
	for (unsigned i = 0; i < LEND_IRQ_COUNT; i++) {
		struct backend_irq_info irq = {0};

		if (ops->irq_info(fresh, i, &irq) == -ENOTCONN)
			return -ENOTCONN;
		/* More vectors than a function can have were cut off. */
		if (irq.count < device->info.vectors[i])
			return 1;
	}
	return 0;
}

/* Asks all that was asked when the device was opened. */
static int compare(const struct lend_device *device, const struct transport_ops *ops, void *fresh)
{
	struct backend_device_info info;
	uint8_t ids[4];
	int ret = ops->info(fresh, &info);

	if (!ret && (!info.is_pci || info.can_reset != device->info.can_reset))
		return 1;
	if (!ret)
		ret = compare_regions(device, ops, fresh, info.region_count);
	if (!ret)
		ret = compare_irqs(device, ops, fresh);
	if (!ret && ops->read(fresh, LEND_REGION_CONFIG, 0, ids, sizeof(ids)) != sizeof(ids))
		return -ENOTCONN;
	return ret ? ret : le16(ids) != device->info.vendor || le16(ids + 2) != device->info.device;
}

/* The device goes on with the fresh session, or stays as it is. */
static int take_up(struct lend_device *device, struct user_session *fresh, struct lend_error *error)
{
	const char *name = device->info.name;
	const struct transport_ops *ops;
	void *transport;
	int ret = user_transport_new(fresh, &ops, &transport);

	if (ret < 0) {
		user_session_free(fresh);
		return error_say(error, ret, "%s: out of memory", name);
	}
	ret = compare(device, ops, transport);
	if (ret == 1)
		ret = error_say(error, -EPROTO, "%s: its server is back with another device", name);
	else if (ret < 0)
		ret = say_reason(fresh, name, error_say(error, ret, "%s: %s", name, strerror(-ret)), error);
	if (!ret) {
		ret = user_session_adopt(device->user, fresh);
		if (ret < 0)
			error_say(error, ret, "%s: memory comes or goes; try again", name);
	}
	if (!ret)
		user_transport_adopt(device->transport, transport);
	ops->close(transport);
	return ret;
}

int user_reconnect(struct lend_device *device, int fd, struct lend_error *error)
{
	struct user_session *fresh;
	int ret;

	if (!user_is_lost(device)) {
		if (fd >= 0)
			close(fd);
		return error_say(error, -EINVAL, "%s: it waits for no server", device->info.name);
	}
	if (fd < 0) {
		user_session_give_up(device->user);
		return 0;
	}
	ret = user_session_retry(device->user, fd, &fresh, error);
	return ret < 0 ? ret : take_up(device, fresh, error);
}

int user_resume(struct lend_device *device)
{
	return user_transport_resume(device->transport);
}

void user_lose(struct lend_device *device, int why)
{
	user_session_lose(device->user, why);
}

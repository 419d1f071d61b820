/* SPDX-License-Identifier: MIT */
/* See plug_helper.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tool/host.h"
#include "tool/run/claim.h"
#include "tool/run/managed.h"
#include "tool/run/plug.h"
#include "tool/run/plug_helper.h"
#include "tool/run/preflight.h"
#include "tool/run/socket.h"
#include "tool/tool.h"

enum { CONNECT_MS = 1000 };

union room {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(ORDER_FDS * sizeof(int))];
};

static void send_reply(int socket, const struct plug_reply *reply, const int *fds, unsigned count)
{
	struct plug_reply copy = *reply;
	union room room = {.header = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
				      .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS}};
	struct iovec data = {&copy, sizeof(copy)};
	struct msghdr all = {.msg_iov = &data,
			     .msg_iovlen = 1,
			     .msg_control = count ? &room : NULL,
			     .msg_controllen = count ? CMSG_SPACE(count * sizeof(int)) : 0};

	if (count)
		memcpy(CMSG_DATA(&room.header), fds, count * sizeof(int));
	if (sendmsg(socket, &all, MSG_NOSIGNAL) < 0)
		return; /* the keeper has gone: the socket's end says so next */
}

int plug_reply_take(int socket, struct plug_reply *out, int fds[ORDER_FDS])
{
	union room room;
	struct iovec data = {out, sizeof(*out)};
	struct msghdr all = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)};
	const struct cmsghdr *header;
	ssize_t length = recvmsg(socket, &all, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int count = 0;

	if (length < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&all);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
		count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(header), (size_t)count * sizeof(int));
	}
	if (length == sizeof(*out)) {
		out->text[sizeof(out->text) - 1] = out->host[sizeof(out->host) - 1] = '\0';
		out->topic[sizeof(out->topic) - 1] = '\0';
		return count;
	}
	while (count)
		close(fds[--count]);
	return -EPIPE;
}

static int open_node(const char *path, struct lend_error *error)
{
	char node[PATH_MAX];
	int fd = host_path(path, node) ? -1 : open(node, O_RDWR | O_CLOEXEC);

	return fd < 0 ? tool_fail(error, -errno, "cannot open %s: %s", path, strerror(errno)) : fd;
}

static void read_config(const char *name, struct plug_order *order)
{
	char below[PATH_MAX], path[PATH_MAX];
	ssize_t length;
	int fd;

	snprintf(below, sizeof(below), "/sys/bus/pci/devices/%s/config", name);
	fd = host_path(below, path) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	length = read(fd, order->config, sizeof(order->config));
	order->config_length = length > 0 ? (uint32_t)length : 0;
	close(fd);
}

/* The device's own node: of that number, and of a device that has an IOMMU. */
static int open_own(const struct lend_host_device *host, struct lend_error *error)
{
	char path[64];
	struct stat stat;
	int fd;

	if (!host->vfio_node[0] || !strncmp(host->vfio_node, "noiommu", 7))
		return tool_fail(error, -EOPNOTSUPP,
				 "%s has no VFIO node of its own that has an IOMMU; use iommufd=off",
				 host->name);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", host->vfio_node);
	fd = open_node(path, error);
	if (fd >= 0 && !fstat(fd, &stat) && S_ISCHR(stat.st_mode) &&
	    (major(stat.st_rdev) != host->node_major || minor(stat.st_rdev) != host->node_minor)) {
		close(fd);
		return tool_fail(error, -EACCES, "%s: %s is not the device that sysfs says it is", host->name,
				 path);
	}
	return fd;
}

/* Fills in both descriptors, or none. `own`: the device's own node, open; -1: it is to be opened. */
static int open_by_iommufd(const struct lend_host_device *host, int own, int fds[2], struct lend_error *error)
{
	int ret = own >= 0 ? fcntl(own, F_DUPFD_CLOEXEC, 3) : open_own(host, error);

	if (ret < 0)
		return ret;
	fds[0] = ret;
	ret = fds[1] = open_node("/dev/iommu", error);
	if (ret < 0)
		close(fds[0]);
	return ret < 0 ? ret : 0;
}

static int open_by_group(const struct lend_host_device *host, int fds[2], struct lend_error *error)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/dev/vfio/%d", host->group);
	ret = fds[0] = open_node(path, error);
	if (ret < 0)
		return ret;
	ret = fds[1] = open_node("/dev/vfio/vfio", error);
	if (ret < 0)
		close(fds[0]);
	return ret < 0 ? ret : 0;
}

/* As the library chooses where it may look itself: by iommufd where that can be used. */
static int open_device(struct lend_context *context, const struct run_device *device,
		       struct plug_order *order, int fds[2], struct lend_error *error)
{
	struct lend_host_device host;
	int ret = device->fd >= 0 ? lend_host_find_fd(context, device->fd, &host, sizeof(host), error)
				  : lend_host_find(context, device->host, &host, sizeof(host), error);

	if (ret < 0)
		return ret;
	memcpy(order->name, host.name, sizeof(order->name));
	memcpy(order->driver, host.driver, sizeof(order->driver));
	memcpy(order->reset_methods, host.reset_methods, sizeof(order->reset_methods));
	order->group = host.group;
	order->numa_node = host.numa_node;
	read_config(host.name, order);
	if (device->fd >= 0 || device->backend == LEND_BACKEND_IOMMUFD)
		return open_by_iommufd(&host, device->fd, fds, error);
	if (device->backend == LEND_BACKEND_AUTO && !device->vf_token[0] &&
	    !open_by_iommufd(&host, -1, fds, NULL))
		return 0;
	order->by_group = true;
	return open_by_group(&host, fds, error);
}

static int open_server(const struct run_device *device, struct plug_order *order, int fds[2],
		       struct lend_error *error)
{
	const char *end = strrchr(device->socket, '/');

	snprintf(order->name, sizeof(order->name), "%.*s", (int)sizeof(order->name) - 1,
		 end ? end + 1 : device->socket);
	fds[0] = socket_connect(device->socket, CONNECT_MS, error);
	return fds[0] < 0 ? fds[0] : 0;
}

/* Opens all that the machine gets. Returns how many descriptors, or a negative errno and none. */
static int open_all(struct lend_context *context, const struct run_device *device, struct plug_reply *reply,
		    int fds[ORDER_FDS], struct lend_error *error)
{
	struct file_rom rom = {0};
	struct plug_order order;
	int ret = device->romfile[0] ? file_rom_read(device->romfile, &rom, error) : 0;
	unsigned count = device->user ? 1 : 2;

	if (ret)
		return ret;
	order_begin(&order, device);
	ret = device->user ? open_server(device, &order, fds + 1, error)
			   : open_device(context, device, &order, fds + 1, error);
	if (!ret) {
		memcpy(reply->host, order.name, sizeof(reply->host));
		ret = fds[0] = order_write(&order, rom.bytes ? &rom : NULL);
		if (ret < 0)
			tool_fail(error, ret, "%s: cannot tell the machine of it: %s", order.name,
				  strerror(-ret));
		while (ret < 0 && count)
			close(fds[count--]);
	}
	free(rom.bytes);
	return ret < 0 ? ret : (int)count + 1;
}

/* The machine's options with this device alone; its memory is there already, and not asked for again. */
static struct run_options *options_for(const struct plug_helper *helper)
{
	struct run_options *options = malloc(sizeof(*options));

	if (!options)
		return NULL;
	*options = *helper->options;
	options->devices[0] = *helper->device;
	options->device_count = 1;
	options->memory = 1 << 20;
	options->huge_page = 0;
	options->has_node = false;
	options->pin_count = 0;
	return options;
}

static int find_claim(struct run_device *device, struct lend_error *error)
{
	char address[16];
	int ret = device->claim[0] ? claim_find(claim_folder(), device->claim, address, error) : 0;

	if (!ret && device->claim[0])
		snprintf(device->host, sizeof(device->host), "%s", address);
	return ret;
}

static int take(struct lend_context *context, struct managed *managed, struct run_options *options,
		const char **topic, struct lend_error *error)
{
	int ret = find_claim(&options->devices[0], error);

	ret = ret ? ret : managed_find(managed, options, error);
	if (options->devices[0].user)
		return ret;
	if (!ret)
		ret = preflight_taking_topic(context, options, topic, error);
	if (!ret)
		ret = managed_take(managed, options, error);
	return ret ? ret : preflight_devices_topic(context, options, topic, error);
}

/* Until the device is closed, or the keeper has gone. */
static void await_end(int socket)
{
	char byte;

	while (recv(socket, &byte, 1, 0) > 0 || errno == EINTR)
		errno = 0;
}

/* Its number is the keeper's: who sent it knows another one. */
static void forget_number(const struct run_device *device, struct lend_error *error)
{
	char number[32], rest[sizeof(error->text)];
	size_t length = (size_t)snprintf(number, sizeof(number), "fd %d ", device->fd);

	if (device->fd < 0 || strncmp(error->text, number, length) != 0)
		return;
	snprintf(rest, sizeof(rest), "%s", error->text + length);
	snprintf(error->text, sizeof(error->text), "the descriptor %.*s",
		 (int)(sizeof(error->text) - sizeof("the descriptor ")), rest);
}

int plug_helper_main(void *opaque)
{
	const struct plug_helper *helper = opaque;
	struct run_options *options = options_for(helper);
	struct plug_reply reply = {.result = -ENOMEM, .text = "not enough memory"};
	struct lend_error error = {""};
	const char *topic = "";
	struct lend_context *context = NULL;
	struct managed managed = {0};
	int fds[ORDER_FDS], count = 0, given; /* enum plug_given */

	if (options && !host_context(&context)) {
		reply.result = take(context, &managed, options, &topic, &error);
		if (!reply.result)
			count = open_all(context, &options->devices[0], &reply, fds, &error);
		reply.result = count < 0 ? count : reply.result;
		forget_number(helper->device, &error);
		snprintf(reply.text, sizeof(reply.text), "%s", error.text);
		snprintf(reply.topic, sizeof(reply.topic), "%s", topic);
	}
	send_reply(helper->socket, &reply, fds, count > 0 ? (unsigned)count : 0);
	for (int i = 0; i < count; i++)
		close(fds[i]);
	if (!reply.result && managed.taken)
		await_end(helper->socket);
	given = managed.taken ? PLUG_GIVEN_BACK : PLUG_NOT_TAKEN;
	if (managed_end(&managed, options, &error)) {
		tool_say("%s", error.text);
		given = PLUG_STILL_TAKEN;
	}
	lend_context_free(context);
	free(options);
	return given;
}

int plug_giver_main(void *opaque)
{
	const struct plug_helper *helper = opaque;
	struct lend_error error = {""};
	int ret = managed_give(helper->device, helper->options, &error);

	if (ret)
		tool_say("%s", error.text);
	return ret ? PLUG_STILL_TAKEN : PLUG_GIVEN_BACK;
}

/* SPDX-License-Identifier: MIT */
/* device_add and device_del: from a request to a number of the machine, and from an event to the reply. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tool/nearest.h"
#include "tool/run/device_arg.h"
#include "tool/run/qmp/commands.h"
#include "tool/tool.h"

/* Takes the descriptor that came with the request, or the one that `fd` names. `*fd` stays -1: there is none.
 */
static int take_fd(struct qmp_request *request, json_t *object, int *fd, struct lend_error *error)
{
	struct qmp_client *client = request->client;
	const json_t *name = json_object_get(object, "fd");
	int ret = 0;

	if (client->fd_count)
		*fd = client->fds[--client->fd_count];
	else if (json_is_string(name))
		ret = *fd = qmp_take_kept(client, json_string_value(name), error);
	else if (name)
		ret = tool_fail(error, -EINVAL, "device_add: the argument 'fd' is not of the type str");
	json_object_del(object, "fd");
	return ret < 0 ? ret : 0;
}

/* Properties that only a device of the start can have are refused, because nothing would come of them. */
static int refuse_those_of_the_start(const struct run_device *device, struct lend_error *error)
{
	if (device->reconnect_s)
		return tool_fail(error, -EINVAL,
				 "reconnect= is for devices that are there from the start: the server of one "
				 "that comes later is not looked for; leave it out");
	if (device->boot_index >= 0)
		return tool_fail(
			error, -EINVAL,
			"bootindex= is for devices that are there from the start: the firmware has its "
			"order already; leave it out");
	return 0;
}

/* Reads all but the descriptor. */
static int parse(struct run_device *device, json_t *object, int fd, struct lend_error *error)
{
	int ret = device_object(device, object, error);

	if (!ret)
		ret = refuse_those_of_the_start(device, error);
	if (!ret && fd >= 0 && device->user)
		ret = tool_fail(error, -EINVAL, "vfio-user-pci takes no descriptor; give socket=PATH");
	if (!ret && fd >= 0 && (device->host[0] || device->name[0] || device->claim[0] || device->managed))
		ret = tool_fail(
			error, -EINVAL,
			"fd= is the device itself, open: leave host=, sysfsdev=, claim= and managed= out");
	device->fd = fd;
	return ret ? ret : device_check(device, error);
}

/*
 * A number that no device has; negative errno with the sentence. They are taken in turn, so that what
 * the machine still says of a device that left is not taken for the next one's.
 */
static int place(const struct qmp *qmp, const struct run_device *device, struct lend_error *error)
{
	struct qmp_device named;
	int number = -1;

	for (unsigned i = 0; i < VMM_DEVICES_MAX && number < 0; i++)
		if (!qmp->devices[(qmp->next_device + i) % VMM_DEVICES_MAX].used)
			number = (int)((qmp->next_device + i) % VMM_DEVICES_MAX);
	if (number < 0)
		return tool_fail(error, -ENOSPC, "the machine has %d devices, and takes no more",
				 VMM_DEVICES_MAX);
	qmp_device_name(&named, device, (unsigned)number);
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++) {
		if (!qmp->devices[i].used)
			continue;
		if (named.host[0] && !strcmp(qmp->devices[i].host, named.host))
			return tool_fail(error, -EEXIST,
					 "the machine has the device %s already, with the id '%s'",
					 named.host, qmp->devices[i].id);
		if (!strcmp(qmp->devices[i].id, named.id))
			return tool_fail(error, -EEXIST,
					 "there is a device with the id '%s' already; give another",
					 named.id);
	}
	return number;
}

static int plug(struct qmp_request *request, const struct run_device *device, struct lend_error *error)
{
	struct qmp *qmp = request->qmp;
	const struct qmp_host *host = &qmp->config.host;
	int number = place(qmp, device, error), ret;

	if (number < 0)
		return number;
	qmp_device_name(&qmp->devices[number], device, (unsigned)number);
	ret = host->plug(host->opaque, (unsigned)number, device, error);
	if (ret) {
		qmp->devices[number].used = false;
		return ret;
	}
	qmp->next_device = (unsigned)number + 1;
	request->client->wait = (struct qmp_wait){.on = true, .plug = true, .number = (unsigned)number};
	return QMP_LATER;
}

int qmp_device_add(struct qmp_request *request, struct lend_error *error)
{
	json_t *object = json_copy((json_t *)request->arguments);
	struct run_device device = {0};
	int fd = -1, ret;

	if (!request->qmp->running || request->qmp->over)
		ret = tool_fail(error, -EAGAIN, "no guest runs that a device could come to");
	else
		ret = take_fd(request, object, &fd, error);
	if (!ret) {
		device_defaults(&device);
		device.comes_later = true;
		ret = parse(&device, object, fd, error);
	}
	if (!ret)
		ret = plug(request, &device, error);
	if (fd >= 0)
		close(fd);
	json_decref(object);
	return ret;
}

static int say_absent(struct qmp_request *request, const char *name, struct lend_error *error)
{
	struct nearest nearest = {.word = name};

	request->class = "DeviceNotFound";
	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		if (request->qmp->devices[i].used)
			nearest_offer(&nearest, request->qmp->devices[i].id);
	if (nearest.best)
		return tool_fail(error, -ENODEV, "there is no device '%.100s'; the nearest is '%s'", name,
				 nearest.best);
	return tool_fail(error, -ENODEV, "there is no device '%.100s'; query-pci lists them", name);
}

int qmp_device_del(struct qmp_request *request, struct lend_error *error)
{
	const char *name = json_string_value(json_object_get(request->arguments, "id"));
	bool force = json_is_true(json_object_get(request->arguments, "x-force"));
	struct qmp *qmp = request->qmp;
	const struct qmp_host *host = &qmp->config.host;
	struct qmp_wait wait = {.on = true, .serial = qmp_serial(qmp)};
	int number = qmp_device_find(qmp, name), ret;

	if (number < 0)
		return say_absent(request, name, error);
	if (qmp->over)
		return tool_fail(error, -EPIPE, "the machine has ended");
	ret = host->unplug(host->opaque, wait.serial, (unsigned)number, force);
	if (ret)
		return tool_fail(error, ret, "'%s' cannot be taken away now: %s", name, strerror(-ret));
	request->client->wait = wait;
	return QMP_LATER;
}

void qmp_take_last(struct qmp *qmp, const struct vmm_event *event, const char *topic)
{
	qmp->topic = topic;
	qmp_take_event(qmp, event);
	qmp->topic = NULL;
}

/* A plug that fails before the guest can see it is the reply to its request. */
void qmp_plug_event(struct qmp *qmp, const struct vmm_event *event)
{
	if (event->type < VMM_EVENT_PLUGGED)
		return;
	for (struct qmp_client *client = qmp->clients; client; client = client->next) {
		if (!client->wait.on || !client->wait.plug || client->wait.number != event->device)
			continue;
		if (event->type == VMM_EVENT_PLUG_FAILED)
			qmp_reply_topic(client, NULL, event->text[0] ? event->text : "the device cannot come",
					qmp->topic);
		else
			qmp_reply(client, NULL);
	}
}

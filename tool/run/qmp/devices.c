/* SPDX-License-Identifier: MIT */
/* Names of the machine's devices: the machine has numbers, and whoever operates it has ids. */
#include <stdio.h>
#include <string.h>

#include "tool/run/qmp/state.h"

/* An id goes into JSON, and what stood on a command line need not be UTF-8. */
static void take_id(struct qmp_device *device, const char *id)
{
	json_t *text = qmp_text(id);

	snprintf(device->id, sizeof(device->id), "%s", text ? json_string_value(text) : "");
	json_decref(text);
}

/* A device without id= has its address on the host for one. */
void qmp_device_name(struct qmp_device *device, const struct run_device *of, unsigned number)
{
	const char *host = strrchr(of->host, '/') ? strrchr(of->host, '/') + 1 : of->host;

	*device = (struct qmp_device){.used = true};
	snprintf(device->host, sizeof(device->host), "%.*s", (int)sizeof(device->host) - 1, host);
	if (of->id[0])
		take_id(device, of->id);
	else if (device->host[0])
		snprintf(device->id, sizeof(device->id), "%s", device->host);
	else
		snprintf(device->id, sizeof(device->id), "dev%u", number);
}

int qmp_device_find(const struct qmp *qmp, const char *name)
{
	for (int i = 0; i < VMM_DEVICES_MAX; i++)
		if (qmp->devices[i].used && !strcmp(qmp->devices[i].id, name))
			return i;
	for (int i = 0; i < VMM_DEVICES_MAX; i++)
		if (qmp->devices[i].used && qmp->devices[i].host[0] && !strcmp(qmp->devices[i].host, name))
			return i;
	return -1;
}

json_t *qmp_device_names(const struct qmp *qmp)
{
	json_t *names = json_array();

	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++) {
		const struct qmp_device *device = &qmp->devices[i];

		if (device->used)
			json_array_append_new(names, qmp_text(device->host[0] ? device->host : device->id));
	}
	return names;
}

void qmp_devices_event(struct qmp *qmp, const struct vmm_event *event)
{
	struct qmp_device *device = &qmp->devices[event->device];

	switch (event->type) {
	case VMM_EVENT_PLUGGED:
		/* One that was named by a descriptor has its address from the machine. */
		if (device->used && !device->host[0])
			snprintf(device->host, sizeof(device->host), "%.*s", (int)sizeof(device->host) - 1,
				 event->text);
		break;
	case VMM_EVENT_PLUG_FAILED:
	case VMM_EVENT_PLUG_TIMEOUT:
	case VMM_EVENT_DELETED:
		device->used = false;
		break;
	default:
		return;
	}
	if (qmp->config.host.changed)
		qmp->config.host.changed(qmp->config.host.opaque);
}

void qmp_devices_init(struct qmp *qmp)
{
	const struct run_options *options = qmp->config.options;

	for (unsigned i = 0; i < options->device_count; i++)
		qmp_device_name(&qmp->devices[i], &options->devices[i], i);
}

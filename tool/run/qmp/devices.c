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

void qmp_devices_init(struct qmp *qmp)
{
	const struct run_options *options = qmp->config.options;

	for (unsigned i = 0; i < options->device_count; i++)
		qmp_device_name(&qmp->devices[i], &options->devices[i], i);
}

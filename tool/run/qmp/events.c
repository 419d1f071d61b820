/* SPDX-License-Identifier: MIT */
/* What happens to the machine, as events of the dialect. A table has their names and their data. */
#include <stdio.h>
#include <string.h>

#include "tool/run/plug.h"
#include "tool/run/qmp/commands.h"

struct row {
	const char *name, *type; /* of the event, and of its data */
	json_t *(*data)(const struct qmp *qmp, const struct vmm_event *event); /* NULL: it has none */
};

static json_t *reset_data(const struct qmp *qmp, const struct vmm_event *event)
{
	(void)qmp;
	return json_pack("{s:b, s:s}", "guest", (int)event->values[0], "reason",
			 event->values[0] ? "guest-reset" : "host-qmp-system-reset");
}

static json_t *panic_data(const struct qmp *qmp, const struct vmm_event *event)
{
	(void)qmp, (void)event;
	return json_pack("{s:s}", "action", "poweroff");
}

/* Where there is nothing to say but which device it is, the text is its name. */
static json_t *reason_of(const struct qmp *qmp, const struct vmm_event *event)
{
	const char *host = qmp->devices[event->device].host;

	return event->text[0] && strcmp(event->text, host) ? qmp_text(event->text) : NULL;
}

/* Of the last event of a device, which is the keeper's. NULL: nobody had taken the device. */
static json_t *given_back(const struct vmm_event *event)
{
	bool is_last = event->type == VMM_EVENT_DELETED || event->type == VMM_EVENT_PLUG_TIMEOUT ||
		       event->type == VMM_EVENT_PLUG_FAILED;

	return is_last && event->values[0] ? json_boolean(event->values[0] == PLUG_GIVEN_BACK) : NULL;
}

static json_t *device_data(const struct qmp *qmp, const struct vmm_event *event)
{
	const char *id = qmp->devices[event->device].id;
	char path[QMP_ID_SIZE + 32];

	snprintf(path, sizeof(path), "/machine/peripheral/%s", id);
	return json_pack("{s:s, s:s, s:o*, s:o*, s:o*}", "device", id, "path", path, "x-host",
			 qmp->devices[event->device].host[0] ? qmp_text(qmp->devices[event->device].host)
							     : NULL,
			 "reason", reason_of(qmp, event), "x-given-back", given_back(event));
}

static json_t *lend_data(const struct qmp *qmp, const struct vmm_event *event)
{
	const struct qmp_device *device = &qmp->devices[event->device];

	return json_pack("{s:s, s:o*, s:o*, s:o*}", "id", device->id, "host",
			 device->host[0] ? qmp_text(device->host) : NULL, "reason", reason_of(qmp, event),
			 "x-given-back", given_back(event));
}

static json_t *error_data(const struct qmp *qmp, const struct vmm_event *event)
{
	json_t *data = lend_data(qmp, event), *status = json_array();

	for (size_t i = 0; i < sizeof(event->values) / sizeof(*event->values); i++)
		json_array_append_new(status, json_integer(event->values[i]));
	json_object_set_new(data, "status", status);
	return data;
}

static const struct row table[VMM_EVENT_TYPES] = {
	[VMM_EVENT_STOP] = {"STOP", "Nothing", NULL},
	[VMM_EVENT_RESUME] = {"RESUME", "Nothing", NULL},
	[VMM_EVENT_RESET] = {"RESET", "ShutdownEvent", reset_data},
	[VMM_EVENT_POWERDOWN] = {"POWERDOWN", "Nothing", NULL},
	[VMM_EVENT_PANIC] = {"GUEST_PANICKED", "PanicEvent", panic_data},
	[VMM_EVENT_PLUGGED] = {"LEND_DEVICE_PLUGGED", "LendDeviceEvent", lend_data},
	[VMM_EVENT_PLUG_FAILED] = {"LEND_DEVICE_PLUG_FAILED", "LendDeviceEvent", lend_data},
	[VMM_EVENT_READY] = {"LEND_DEVICE_READY", "LendDeviceEvent", lend_data},
	[VMM_EVENT_PLUG_TIMEOUT] = {"LEND_DEVICE_PLUG_TIMEOUT", "LendDeviceEvent", lend_data},
	[VMM_EVENT_DELETED] = {"DEVICE_DELETED", "DeviceEvent", device_data},
	[VMM_EVENT_UNPLUG_REFUSED] = {"DEVICE_UNPLUG_GUEST_ERROR", "DeviceEvent", device_data},
	[VMM_EVENT_DEVICE_ERROR] = {"LEND_DEVICE_ERROR", "LendDeviceErrorEvent", error_data},
	[VMM_EVENT_ASKED_BACK] = {"LEND_HOST_ASKS_BACK", "LendDeviceEvent", lend_data},
};

/* Those that the machine does not send: the keeper knows of them by itself. */
enum { KEEPER_SHUTDOWN, KEEPER_MEMORY, KEEPER_EVENTS };
static const struct row keeper_table[KEEPER_EVENTS] = {
	[KEEPER_SHUTDOWN] = {"SHUTDOWN", "ShutdownEvent", NULL},
	[KEEPER_MEMORY] = {"LEND_MEMORY_POPULATED", "LendMemoryEvent", NULL},
};

const char *qmp_event_row(size_t index, const char **type)
{
	const struct row *row;

	if (index >= VMM_EVENT_TYPES + KEEPER_EVENTS)
		return NULL;
	row = index < VMM_EVENT_TYPES ? &table[index] : &keeper_table[index - VMM_EVENT_TYPES];
	*type = row->type;
	return row->name;
}

void qmp_take_event(struct qmp *qmp, const struct vmm_event *event)
{
	const struct row *row = &table[event->type];

	if (event->type == VMM_EVENT_STOP)
		qmp->paused = true;
	else if (event->type == VMM_EVENT_RESUME)
		qmp->paused = false;
	else if (event->type == VMM_EVENT_PANIC)
		qmp->panicked = true;
	else if (event->type == VMM_EVENT_RESET)
		qmp->reset_asked = false;
	qmp_devices_event(qmp, event);
	qmp_plug_event(qmp, event);
	qmp_send_event(qmp, row->name, row->data ? row->data(qmp, event) : NULL);
}

static const char *reason_of_end(const struct qmp *qmp)
{
	static const char *const causes[] = {[QMP_CAUSE_NONE] = "none",
					     [QMP_CAUSE_QUIT] = "host-qmp-quit",
					     [QMP_CAUSE_SIGNAL] = "host-signal",
					     [QMP_CAUSE_KEYS] = "host-ui"};

	switch (qmp->end) {
	case VMM_END_POWEROFF:
		return "guest-shutdown";
	case VMM_END_REBOOT:
		return qmp->reset_asked ? "host-qmp-system-reset" : "guest-reset";
	case VMM_END_PANIC:
		return "guest-panic";
	case VMM_END_STOPPED:
		return causes[qmp->cause];
	case VMM_END_FAULT:
	case VMM_END_ERROR:
		break;
	}
	return qmp->cause ? causes[qmp->cause] : "host-error";
}

void qmp_send_shutdown(struct qmp *qmp)
{
	const char *reason = reason_of_end(qmp);

	qmp_send_event(qmp, keeper_table[KEEPER_SHUTDOWN].name,
		       json_pack("{s:b, s:s}", "guest", !strncmp(reason, "guest-", 6), "reason", reason));
}

void qmp_populated(struct qmp *qmp, uint64_t done, uint64_t all)
{
	if (qmp)
		qmp_send_event(
			qmp, keeper_table[KEEPER_MEMORY].name,
			json_pack("{s:I, s:I}", "populated", (json_int_t)done, "size", (json_int_t)all));
}

/* SPDX-License-Identifier: MIT */
/* --stats. Ports that were never touched are left out. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/run/stats.h"

static const char *end_name(const struct keeper_result *result)
{
	static const char *const names[] = {
		[VMM_END_POWEROFF] = "poweroff", [VMM_END_REBOOT] = "reboot", [VMM_END_STOPPED] = "stopped",
		[VMM_END_FAULT] = "fault",       [VMM_END_PANIC] = "panic",   [VMM_END_ERROR] = "error",
	};

	return result->said ? names[result->end.value] : "killed";
}

static json_t *ports(const struct vmm_stats *stats)
{
	json_t *object = json_object();
	char name[8];

	for (unsigned i = 0; i < stats->port_count && i < VMM_PORTS_MAX; i++) {
		snprintf(name, sizeof(name), "0x%02x", stats->ports[i].port);
		json_object_set_new(object, name, json_integer((json_int_t)stats->ports[i].count));
	}
	return object;
}

static const char *backend_name(enum lend_backend backend)
{
	return backend == LEND_BACKEND_USER      ? "vfio-user"
	       : backend == LEND_BACKEND_IOMMUFD ? "iommufd"
						 : "legacy";
}

/* What the machine says is not believed: its counts and names are cut. */
static json_t *devices(const struct vmm_stats *stats)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < stats->device_count && i < VMM_DEVICES_MAX; i++) {
		json_t *device = json_object();

		json_object_set_new(
			device, "name",
			json_stringn(stats->devices[i].name,
				     strnlen(stats->devices[i].name, sizeof(stats->devices[i].name))));
		json_object_set_new(device, "backend", json_string(backend_name(stats->devices[i].backend)));
		json_array_append_new(array, device);
	}
	return array;
}

static json_t *report(const struct keeper_result *result)
{
	const struct vmm_stats *stats = &result->end.stats;
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{"exits", stats->exits},
		{"mmio", stats->mmio},
		{"pio", stats->pio},
		{"config", stats->config},
		{"bar", stats->bar},
		{"serial", stats->serial},
		{"faults", stats->faults},
		{"reboots", stats->reboots},
		{"boot_ns", stats->boot_ns},
		{"flash", stats->flash},
		{"flash_slots", stats->flash_slots},
	};
	json_t *object = json_object();

	json_object_set_new(object, "end", json_string(end_name(result)));
	json_object_set_new(object, "status", json_integer(result->status));
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		json_object_set_new(object, counters[i].name, json_integer((json_int_t)counters[i].value));
	json_object_set_new(object, "devices", devices(stats));
	json_object_set_new(object, "port", ports(stats));
	return object;
}

static int put_text(int fd, const char *text)
{
	return dprintf(fd, "%s\n", text) < 0 ? -errno : 0;
}

int stats_write(int fd, const struct keeper_result *result)
{
	json_t *object = report(result);
	char *text = json_dumps(object, JSON_INDENT(2));
	int ret = -ENOMEM;

	json_decref(object);
	if (text)
		ret = ftruncate(fd, 0) && errno != EINVAL ? -errno : put_text(fd, text);
	free(text);
	return ret;
}

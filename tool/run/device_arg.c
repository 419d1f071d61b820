/* SPDX-License-Identifier: MIT */
/*
 * The value of -device: "vfio-pci,name=value,…", or vfio-user-pci. A comma
 * within a value is written twice, as users of other monitors know it; and
 * so is the same as a JSON object (device_json.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend/host.h"
#include "tool/run/device_arg.h"
#include "tool/run/foreign.h"
#include "tool/run/properties.h"
#include "tool/tool.h"

/* What names the device without a driver before it, as other monitors have it. */
static int check_start(const char *value, struct lend_error *error)
{
	static const char path[] = "path=";
	const char *named = strncmp(value, path, sizeof(path) - 1) ? value : value + sizeof(path) - 1;
	struct lend_bdf bdf;
	char text[256];

	if (!strcmp(value, "help") || !strcmp(value, "?"))
		return tool_fail(error, -EINVAL, "-device: man lend-run lists the properties of vfio-pci");
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(named, ","), named);
	if (!lend_bdf_parse(text, &bdf)) {
		lend_bdf_format(&bdf, text);
		return tool_fail(error, -EINVAL,
				 "-device %.100s does not begin with its driver; write "
				 "vfio-pci,host=%s",
				 value, text);
	}
	if (text[strcspn(text, "=/")])
		return tool_fail(error, -EINVAL,
				 "-device %.100s does not begin with its driver; write vfio-pci,host=ADDRESS",
				 value);
	return 0;
}

int device_driver(struct run_device *device, const char *driver, struct lend_error *error)
{
	device->user = !strcmp(driver, "vfio-user-pci");
	if (device->user || !strcmp(driver, "vfio-pci"))
		return 0;
	return tool_fail(error, -EINVAL, "-device %.100s is not known: %s", driver, foreign_driver(driver));
}

static int fail_without_value(const struct run_device *device, const char *part, struct lend_error *error)
{
	const char *driver = device->user ? "vfio-user-pci" : "vfio-pci";
	struct lend_bdf bdf;

	if (device->user && *part == '/')
		return tool_fail(error, -EINVAL, "-device vfio-user-pci: write socket=%.100s", part);
	if (!lend_bdf_parse(part, &bdf))
		return tool_fail(error, -EINVAL, "-device vfio-pci: write host=%.100s for the device", part);
	if (!strcmp(part, "help") || !strcmp(part, "?"))
		return tool_fail(error, -EINVAL, "-device %s: man lend-run lists its properties", driver);
	return tool_fail(error, -EINVAL, "-device %s: '%.100s' has no value; write it as name=value", driver,
			 part);
}

static int parse_parts(struct run_device *device, char *text, struct lend_error *error)
{
	char *part = value_next(&text);
	int ret = device_driver(device, part, error);

	while (!ret && (part = value_next(&text))) {
		char *value = strchr(part, '=');

		if (!value) {
			ret = fail_without_value(device, part, error);
			break;
		}
		*value++ = '\0';
		ret = property_set(device, part, value, error);
	}
	return ret;
}

int device_check(const struct run_device *device, struct lend_error *error)
{
	bool passed = device->fd >= 0 || device->fd_socket[0];

	if (device->user && !device->socket[0])
		return tool_fail(error, -EINVAL,
				 "-device vfio-user-pci names no server; add socket=PATH, where it listens");
	if (device->user)
		return 0;
	if (passed && device->backend == LEND_BACKEND_LEGACY)
		return tool_fail(error, -EINVAL,
				 "-device vfio-pci: fd= is for iommufd alone; leave iommufd=off out");
	if (!device->host[0] && !device->name[0] && !device->claim[0] && !passed)
		return tool_fail(error, -EINVAL,
				 "-device vfio-pci names no device; add host=ADDRESS, like host=05:00.0");
	if (device->function.rom_size && !device->romfile[0])
		return tool_fail(error, -EINVAL, "%s: romsize= is the size for a file; add romfile=FILE",
				 device->host);
	return 0;
}

/* Beside the others of the command line. */
static int check_new(const struct run_options *options, const struct run_device *device,
		     struct lend_error *error)
{
	int ret = device_check(device, error);

	for (unsigned i = 0; i < options->device_count && !ret; i++) {
		const struct run_device *other = &options->devices[i];

		if (device->id[0] && !strcmp(other->id, device->id))
			ret = tool_fail(error, -EINVAL,
					"the id %s is given to two devices; give each its own", device->id);
		else if (device->user && !strcmp(other->socket, device->socket))
			ret = tool_fail(error, -EINVAL,
					"the socket %s is given twice; a server has one client",
					device->socket);
		else if (!device->user && (device->host[0] || device->name[0]) &&
			 !strcmp(other->host, device->host) && !strcmp(other->name, device->name))
			ret = tool_fail(error, -EINVAL, "the device %s is given twice; leave one -device out",
					device->host[0] ? device->host : device->name);
	}
	return ret;
}

void device_defaults(struct run_device *device)
{
	device->fd = device->boot_index = -1;
	device->function.intx_timeout_ms = INTX_TIMEOUT_MS;
	device->function.rom_mode = LEND_ROM_AUTO;
}

int device_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	struct run_device device = {0};
	char *copy;
	int ret;

	if (options->device_count == VMM_DEVICES_MAX)
		return tool_fail(error, -EINVAL,
				 "more than %d devices are given; a machine has room for no more",
				 VMM_DEVICES_MAX);
	device_defaults(&device);
	copy = strdup(value);
	if (!copy)
		return tool_fail(error, -ENOMEM, "not enough memory to read -device");
	if (*value == '{') {
		ret = device_json(&device, value, error);
	} else {
		ret = check_start(value, error);
		if (!ret)
			ret = parse_parts(&device, copy, error);
	}
	if (!ret)
		ret = check_new(options, &device, error);
	if (!ret)
		options->devices[options->device_count++] = device;
	free(copy);
	return ret;
}

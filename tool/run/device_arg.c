/* SPDX-License-Identifier: MIT */
/*
 * The value of -device: "vfio-pci,name=value,…". A comma within a value is
 * written twice, as users of other monitors know it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool/run/properties.h"
#include "tool/tool.h"

/* Cuts the next part off `*rest`, in place, with ",," made "," in it; NULL at the end. */
static char *take_part(char **rest)
{
	char *start = *rest, *from = start, *to = start;

	if (!start)
		return NULL;
	while (*from) {
		if (*from == ',' && from[1] != ',')
			break;
		if (*from == ',')
			from++;
		*to++ = *from++;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return start;
}

static int check_driver(const char *driver, struct lend_error *error)
{
	if (!strcmp(driver, "vfio-pci"))
		return 0;
	if (!strcmp(driver, "vfio-user-pci"))
		return tool_fail(error, -EINVAL,
				 "-device vfio-user-pci comes with a later version of lend; only vfio-pci "
				 "is there now");
	if (!strncmp(driver, "pcie-root-port", strlen("pcie-root-port")) ||
	    !strncmp(driver, "ioh3420", strlen("ioh3420")))
		return tool_fail(error, -EINVAL,
				 "-device %.100s: lend adds a root port for each device itself; leave it out",
				 driver);
	return tool_fail(error, -EINVAL, "-device %.100s is not known; the only one is vfio-pci,host=ADDRESS",
			 driver);
}

static int parse_parts(struct run_device *device, char *text, struct lend_error *error)
{
	char *part = take_part(&text);
	int ret = check_driver(part, error);

	while (!ret && (part = take_part(&text))) {
		char *value = strchr(part, '=');

		if (!value) {
			ret = tool_fail(error, -EINVAL,
					"-device vfio-pci: '%.100s' has no value; write it as name=value",
					part);
			break;
		}
		*value++ = '\0';
		ret = property_set(device, part, value, error);
	}
	return ret;
}

static int check_new(const struct run_options *options, const struct run_device *device,
		     struct lend_error *error)
{
	bool passed = device->fd >= 0 || device->fd_socket[0];

	if (passed && device->backend == LEND_BACKEND_LEGACY)
		return tool_fail(error, -EINVAL,
				 "-device vfio-pci: fd= is for iommufd alone; leave iommufd=off out");
	if (!device->host[0] && !device->name[0] && !passed)
		return tool_fail(error, -EINVAL,
				 "-device vfio-pci names no device; add host=ADDRESS, like host=05:00.0");
	if (device->function.rom_size && !device->romfile[0])
		return tool_fail(error, -EINVAL, "%s: romsize= is the size for a file; add romfile=FILE",
				 device->host);
	for (unsigned i = 0; i < options->device_count; i++)
		if ((device->host[0] || device->name[0]) && !strcmp(options->devices[i].host, device->host) &&
		    !strcmp(options->devices[i].name, device->name))
			return tool_fail(error, -EINVAL,
					 "the device %s is given twice; leave one -device out",
					 device->host[0] ? device->host : device->name);
	return 0;
}

int device_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	struct run_device device = {
		.fd = -1, .function = {.intx_timeout_ms = INTX_TIMEOUT_MS, .rom_mode = LEND_ROM_AUTO}};
	char *copy;
	int ret;

	if (options->device_count == VMM_DEVICES_MAX)
		return tool_fail(error, -EINVAL,
				 "more than %d devices are given; a machine has room for no more",
				 VMM_DEVICES_MAX);
	copy = strdup(value);
	if (!copy)
		return tool_fail(error, -ENOMEM, "not enough memory to read -device");
	ret = parse_parts(&device, copy, error);
	if (!ret)
		ret = check_new(options, &device, error);
	if (!ret)
		options->devices[options->device_count++] = device;
	free(copy);
	return ret;
}

/* SPDX-License-Identifier: MIT */
/* Properties that say which device it is, and how it is opened. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend/survey.h"
#include "tool/run/claim.h"
#include "tool/run/property_setters.h"
#include "tool/tool.h"

/* What names the device already; NULL: nothing yet. */
static const char *named(const struct run_device *device)
{
	const char *const names[] = {device->host, device->name, device->claim};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i][0])
			return names[i];
	return NULL;
}

static int check_first(const struct run_device *device, const char *value, struct lend_error *error)
{
	if (!named(device))
		return 0;
	return tool_fail(error, -EINVAL,
			 "-device vfio-pci names two devices, %.100s and %.100s; give one with each -device",
			 named(device), value);
}

static int set_address(struct run_device *device, const char *name, const char *value,
		       struct lend_error *error)
{
	struct lend_bdf bdf;
	int ret = check_first(device, value, error);

	if (ret)
		return ret;
	if (lend_bdf_parse(value, &bdf))
		return tool_fail(error, -EINVAL,
				 "%s=%.100s is not the address of a PCI device; write it like 0000:05:00.0, "
				 "as lspci -D does",
				 name, value);
	lend_bdf_format(&bdf, device->host);
	return 0;
}

int property_host(struct run_device *device, const struct property *row, const char *value,
		  struct lend_error *error)
{
	struct lend_bdf bdf;

	/* Another name than an address is looked up later, when the host is looked at. */
	if (!named(device) && lend_bdf_parse(value, &bdf) && lend_survey_is_name(value) &&
	    strlen(value) < sizeof(device->name)) {
		strcpy(device->name, value);
		return 0;
	}
	if (value[0] == '/' && lend_bdf_parse(value, &bdf))
		return tool_fail(error, -EINVAL,
				 "host=%.100s is a path that ends in no address; give one like 05:00.0, an "
				 "interface like eth1, or a node like /dev/nvme0n1",
				 value);
	return set_address(device, row->name, value, error);
}

int property_sysfsdev(struct run_device *device, const struct property *row, const char *value,
		      struct lend_error *error)
{
	const char *last = strrchr(value, '/');
	uint8_t uuid[16];

	if (!last)
		return tool_fail(error, -EINVAL,
				 "sysfsdev=%.100s is not a path; give it as host=, or a path below /sys",
				 value);
	if (lend_uuid_parse(last + 1, uuid))
		return set_address(device, row->name, value, error);
	/* A mediated device has no address: its path is its name. */
	if (named(device) || strlen(value) >= sizeof(device->host))
		return tool_fail(error, -EINVAL,
				 "sysfsdev=%.100s is too long, or the -device names another one already",
				 value);
	strcpy(device->host, value);
	return 0;
}

static int set_claim(struct run_device *device, const char *value, struct lend_error *error)
{
	int ret = check_first(device, value, error);

	if (ret)
		return ret;
	if (!*value || strlen(value) >= sizeof(device->claim))
		return tool_fail(error, -EINVAL, "claim= is %s; give a request of the pod's claims",
				 *value ? "too long" : "empty");
	strcpy(device->claim, value);
	return 0;
}

/*
 * The address is looked up at once: a claim's device does not change while its pod runs. For a device
 * that comes later its helper does it: the keeper's thread waits for no file.
 */
int property_claim(struct run_device *device, const struct property *row, const char *value,
		   struct lend_error *error)
{
	char address[16];
	int ret;

	if (device->comes_later)
		return set_claim(device, value, error);
	ret = claim_find(claim_folder(), value, address, error);
	return ret ? ret : set_address(device, row->name, address, error);
}

/* An inherited descriptor, or the path of a socket that hands one out. */
int property_fd(struct run_device *device, const struct property *row, const char *value,
		struct lend_error *error)
{
	char *end;
	long fd = strtol(value, &end, 10);

	(void)row;
	if (value[0] == '/') {
		if (strlen(value) >= sizeof(device->fd_socket))
			return tool_fail(error, -EINVAL, "fd=%.100s: a socket's path has at most %zu bytes",
					 value, sizeof(device->fd_socket) - 1);
		strcpy(device->fd_socket, value);
		return 0;
	}
	if (end == value || *end || fd < 0 || fd > INT_MAX)
		return tool_fail(error, -EINVAL,
				 "fd=%.100s is neither the number of an open descriptor nor the path of a "
				 "socket that hands one out",
				 value);
	device->fd = (int)fd;
	return 0;
}

/* on, off, auto; any other word is the id of an -object iommufd, as users of other monitors give it. */
int property_iommufd(struct run_device *device, const struct property *row, const char *value,
		     struct lend_error *error)
{
	bool on;

	(void)row;
	if (!*value)
		return tool_fail(error, -EINVAL, "iommufd= is empty; give on, off or auto");
	if (!strcmp(value, "auto"))
		device->backend = LEND_BACKEND_AUTO;
	else if (value_switch(value, &on))
		device->backend = LEND_BACKEND_IOMMUFD;
	else
		device->backend = on ? LEND_BACKEND_IOMMUFD : LEND_BACKEND_LEGACY;
	return 0;
}

int property_vf_token(struct run_device *device, const struct property *row, const char *value,
		      struct lend_error *error)
{
	uint8_t uuid[16];

	(void)row;
	if (lend_uuid_parse(value, uuid))
		return tool_fail(error, -EINVAL,
				 "vf-token=%.100s is not a UUID; give one as uuidgen prints it", value);
	snprintf(device->vf_token, sizeof(device->vf_token), "%s", value);
	return 0;
}

int property_expect(struct run_device *device, const struct property *row, const char *value,
		    struct lend_error *error)
{
	unsigned vendor, id;
	int end = 0;

	if (sscanf(value, "%4x:%4x%n", &vendor, &id, &end) != 2 || end != 9 ||
	    (value[end] && value[end] != '/') || strlen(value) >= sizeof(device->expect))
		return tool_fail(error, -EINVAL, "%s=%.100s is not VENDOR:DEVICE[/SERIAL], like 8086:10d3",
				 row->name, value);
	strcpy(device->expect, value);
	return 0;
}

/* A name for the device, which nothing here refers to. */
int property_id(struct run_device *device, const struct property *row, const char *value,
		struct lend_error *error)
{
	(void)row;
	if (!*value)
		return tool_fail(error, -EINVAL, "id= is empty; give a name, or leave it out");
	if (strlen(value) >= sizeof(device->id))
		return tool_fail(error, -EINVAL, "id=%.100s is too long; give at most %zu characters", value,
				 sizeof(device->id) - 1);
	strcpy(device->id, value);
	return 0;
}

int property_bootindex(struct run_device *device, const struct property *row, const char *value,
		       struct lend_error *error)
{
	uint64_t number;
	int ret = property_number(row, value, &number, error);

	if (!ret)
		device->boot_index = (int)number;
	return ret;
}

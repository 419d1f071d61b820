/* SPDX-License-Identifier: MIT */
/* Properties of a device that another process serves. */
#include <errno.h>
#include <string.h>

#include "tool/run/property_setters.h"
#include "tool/tool.h"

int property_socket(struct run_device *device, const struct property *row, const char *value,
		    struct lend_error *error)
{
	if (device->socket[0])
		return tool_fail(error, -EINVAL,
				 "-device vfio-user-pci names two sockets, %.100s and %.100s; give one with "
				 "each -device",
				 device->socket, value);
	if (!*value || strlen(value) >= sizeof(device->socket))
		return tool_fail(error, -EINVAL, "%s=%.100s: the path of a socket has 1 to %zu bytes",
				 row->name, value, sizeof(device->socket) - 1);
	strcpy(device->socket, value);
	return 0;
}

int property_msg_timeout(struct run_device *device, const struct property *row, const char *value,
			 struct lend_error *error)
{
	uint64_t ms;

	if (property_number(row, value, &ms, NULL) || !ms)
		return tool_fail(error, -EINVAL,
				 "%s=%.100s is not a number of milliseconds; give one from 1 to %llu",
				 row->name, value, (unsigned long long)row->most);
	device->reply_ms = (unsigned)ms;
	return 0;
}

int property_reconnect(struct run_device *device, const struct property *row, const char *value,
		       struct lend_error *error)
{
	uint64_t seconds;

	if (property_number(row, value, &seconds, NULL))
		return tool_fail(error, -EINVAL,
				 "%s=%.100s is not a number of seconds; give one from 0 to %llu", row->name,
				 value, (unsigned long long)row->most);
	device->reconnect_s = (unsigned)seconds;
	return 0;
}

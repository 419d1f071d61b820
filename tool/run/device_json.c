/* SPDX-License-Identifier: MIT */
/*
 * -device as JSON, as users of other monitors write it: a property is a member,
 * and a socket is an object, {"type": "unix", "path": PATH}.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tool/run/device_arg.h"
#include "tool/run/properties.h"
#include "tool/tool.h"

/* The path of a socket; NULL: it is another kind of address. */
static const char *path_of(const json_t *address)
{
	const char *type = json_string_value(json_object_get(address, "type"));

	return type && !strcmp(type, "unix") ? json_string_value(json_object_get(address, "path")) : NULL;
}

static int set_member(struct run_device *device, const char *name, const json_t *value,
		      struct lend_error *error)
{
	const char *text = NULL;
	char number[32];

	if (json_is_object(value) && !strcmp(name, "socket")) {
		text = path_of(value);
		if (!text)
			return tool_fail(
				error, -EINVAL,
				"-device: a socket is {\"type\": \"unix\", \"path\": PATH}; give that");
	} else if (json_is_string(value)) {
		text = json_string_value(value);
	} else if (json_is_boolean(value)) {
		text = json_is_true(value) ? "on" : "off";
	} else if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		text = number;
	}
	if (!text)
		return tool_fail(
			error, -EINVAL,
			"-device: the member '%.100s' is no text, number or switch; give one of them", name);
	return property_set(device, name, text, error);
}

int device_object(struct run_device *device, json_t *object, struct lend_error *error)
{
	const char *driver = json_string_value(json_object_get(object, "driver")), *name;
	json_t *value;
	int ret = driver ? device_driver(device, driver, error)
			 : tool_fail(error, -EINVAL,
				     "-device: the object has no member \"driver\"; add one, vfio-pci or "
				     "vfio-user-pci");

	json_object_foreach(object, name, value)
	{
		if (!ret && strcmp(name, "driver") != 0)
			ret = set_member(device, name, value, error);
	}
	return ret;
}

int device_json(struct run_device *device, const char *text, struct lend_error *error)
{
	json_error_t where;
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	int ret;

	if (!object)
		return tool_fail(error, -EINVAL, "-device: its JSON is wrong at character %d: %.100s",
				 where.position, where.text);
	ret = device_object(device, object, error);
	json_decref(object);
	return ret;
}

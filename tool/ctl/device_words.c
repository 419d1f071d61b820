/* SPDX-License-Identifier: MIT */
/* See device_words.h. The properties themselves are checked by the machine. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lend/host.h"
#include "tool/ctl/device_words.h"
#include "tool/run/properties.h"
#include "tool/tool.h"

/* The rule of QEMU's ids: a letter, then letters, digits and "-._". */
static void make_id(char id[CTL_ID_SIZE], const char *of)
{
	const char *name = strrchr(of, '/') ? strrchr(of, '/') + 1 : of;
	struct lend_bdf bdf;
	char full[LEND_NAME_SIZE];

	if (!lend_bdf_parse(name, &bdf)) {
		lend_bdf_format(&bdf, full);
		name = full;
	}
	snprintf(id, CTL_ID_SIZE, "dev-%s", name);
	for (char *c = id; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", *c))
			*c = '-';
}

static const char *word(const json_t *device, const char *name)
{
	return json_string_value(json_object_get(device, name));
}

static int take_parts(json_t *device, char *text, struct lend_error *error)
{
	char *part = value_next(&text);

	if (strchr(part, '='))
		return tool_fail(error, -EINVAL,
				 "'%.100s' does not begin with its driver; write vfio-pci,%.100s", part,
				 part);
	if (strchr(part, ':') || !text)
		json_object_set_new(device, "host", json_string(part));
	else
		json_object_set_new(device, "driver", json_string(part));
	while ((part = value_next(&text))) {
		char *value = strchr(part, '=');

		if (!value)
			return tool_fail(error, -EINVAL, "'%.100s' has no value; write it as name=value",
					 part);
		*value++ = '\0';
		if (json_object_set_new(device, part, json_string(value)))
			return tool_fail(error, -EINVAL, "'%.100s' is no text in UTF-8", part);
	}
	if (!word(device, "driver"))
		json_object_set_new(device, "driver", json_string("vfio-pci"));
	return 0;
}

/* JSON as -device takes it is handed on as it is. */
static int take_json(json_t **device, const char *text, struct lend_error *error)
{
	json_error_t wrong;

	json_decref(*device);
	*device = json_loads(text, 0, &wrong);
	return json_is_object(*device) ? 0
				       : tool_fail(error, -EINVAL, "that is no JSON object: %s", wrong.text);
}

json_t *ctl_device(const char *text, char id[CTL_ID_SIZE], struct lend_error *error)
{
	json_t *device = json_object();
	char *copy = strdup(text);
	int ret = device && copy ? 0 : tool_fail(error, -ENOMEM, "not enough memory");

	if (!ret)
		ret = *text == '{' ? take_json(&device, text, error) : take_parts(device, copy, error);
	free(copy);
	if (!ret && !word(device, "id")) {
		const char *of = word(device, "host");

		of = of ? of : word(device, "sysfsdev");
		make_id(id, of ? of : word(device, "socket") ? word(device, "socket") : "device");
		json_object_set_new(device, "id", json_string(id));
	} else if (!ret) {
		snprintf(id, CTL_ID_SIZE, "%s", word(device, "id"));
	}
	if (!ret)
		return device;
	json_decref(device);
	return NULL;
}

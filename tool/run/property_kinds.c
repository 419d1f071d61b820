/* SPDX-License-Identifier: MIT */
/* Properties that are a switch or a number and nothing else, by what their row says. */
#include <errno.h>
#include <stdlib.h>

#include "tool/run/property_setters.h"
#include "tool/tool.h"

static int take_switch(const struct property *row, const char *value, bool *out, struct lend_error *error)
{
	if (value_switch(value, out))
		return tool_fail(error, -EINVAL, "%s=%.100s is neither on nor off; give one of them",
				 row->name, value);
	return 0;
}

static bool *switch_of(struct run_device *device, const struct property *row)
{
	return (bool *)((char *)device + row->at);
}

/* The field says the same as the property, or, of the next one, the opposite. */
int property_switch(struct run_device *device, const struct property *row, const char *value,
		    struct lend_error *error)
{
	return take_switch(row, value, switch_of(device, row), error);
}

int property_opposite(struct run_device *device, const struct property *row, const char *value,
		      struct lend_error *error)
{
	bool on = true;
	int ret = take_switch(row, value, &on, error);

	*switch_of(device, row) = !on;
	return ret;
}

int property_number(const struct property *row, const char *value, uint64_t *out, struct lend_error *error)
{
	char *end;

	errno = 0;
	*out = strtoull(value, &end, 0);
	if (errno || end == value || *end || value[0] == '-' || value[0] == ' ' || *out > row->most)
		return tool_fail(error, -EINVAL, "%s=%.100s is not a number from 0 to %s%llx", row->name,
				 value, row->most > 9 ? "0x" : "", (unsigned long long)row->most);
	return 0;
}

int property_count(struct run_device *device, const struct property *row, const char *value,
		   struct lend_error *error)
{
	uint64_t count;
	int ret = property_number(row, value, &count, error);

	if (!ret)
		*(unsigned *)((char *)device + row->at) = (unsigned)count;
	return ret;
}

int property_id16(struct run_device *device, const struct property *row, const char *value,
		  struct lend_error *error)
{
	uint64_t id;
	int ret = property_number(row, value, &id, error);

	if (ret)
		return ret;
	*(uint16_t *)((char *)device + row->at) = (uint16_t)id;
	device->function.ids.given |= row->bit;
	return 0;
}

int property_class(struct run_device *device, const struct property *row, const char *value,
		   struct lend_error *error)
{
	uint64_t class_code;
	int ret = property_number(row, value, &class_code, error);

	if (ret)
		return ret;
	device->function.ids.class_code = (uint32_t)class_code;
	device->function.ids.given |= row->bit;
	return 0;
}

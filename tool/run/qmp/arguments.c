/* SPDX-License-Identifier: MIT */
/* Arguments of a request against their type: one sentence says what is wrong, and what is near. */
#include <errno.h>
#include <string.h>

#include "tool/nearest.h"
#include "tool/run/qmp/types.h"
#include "tool/tool.h"

static bool is_enumerated(const struct qmp_type *type, const json_t *value)
{
	for (size_t i = 0; type->values[i] && json_is_string(value); i++)
		if (!strcmp(type->values[i], json_string_value(value)))
			return true;
	return false;
}

/* Arguments are no deeper than an array of plain values. */
static bool is_of(const char *type, const json_t *value)
{
	const struct qmp_type *row;
	size_t i;
	json_t *element;

	if (!strcmp(type, "str"))
		return json_is_string(value);
	if (!strcmp(type, "int"))
		return json_is_integer(value);
	if (!strcmp(type, "bool"))
		return json_is_boolean(value);
	if (!strcmp(type, "[str]")) {
		json_array_foreach(value, i, element)
		{
			if (!json_is_string(element))
				return false;
		}
		return json_is_array(value);
	}
	row = qmp_type_find(type);
	return !row || !row->values || is_enumerated(row, value);
}

static const struct qmp_member *find(const struct qmp_type *type, const char *name)
{
	for (const struct qmp_member *member = type->members; member->name; member++)
		if (!strcmp(member->name, name))
			return member;
	return NULL;
}

static int unknown(const char *who, const struct qmp_type *type, const char *name, struct lend_error *error)
{
	struct nearest nearest = {.word = name};

	for (const struct qmp_member *member = type->members; member->name; member++)
		nearest_offer(&nearest, member->name);
	if (nearest.best)
		return tool_fail(error, -EINVAL, "%s has no argument '%.100s'; the nearest is '%s'", who,
				 name, nearest.best);
	return tool_fail(error, -EINVAL, "%s has no argument '%.100s'; query-qmp-schema tells those it has",
			 who, name);
}

int qmp_arguments_check(const char *who, const char *type_name, const json_t *arguments,
			struct lend_error *error)
{
	const struct qmp_type *type = qmp_type_find(type_name);
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)arguments, name, value)
	{
		const struct qmp_member *member = find(type, name);

		if (!member && !type->devices)
			return unknown(who, type, name, error);
		if (member && !is_of(member->type, value))
			return tool_fail(error, -EINVAL, "%s: the argument '%s' is not of the type %s", who,
					 name, member->type);
	}
	for (const struct qmp_member *member = type->members; member->name; member++)
		if (!member->optional && !json_object_get(arguments, member->name))
			return tool_fail(error, -EINVAL, "%s needs the argument '%s' (%s)", who, member->name,
					 member->type);
	return 0;
}

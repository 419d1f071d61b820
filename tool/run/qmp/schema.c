/* SPDX-License-Identifier: MIT */
/* query-qmp-schema: the tables of commands, events and types, as the dialect describes itself. */
#include <string.h>

#include "tool/run/qmp/commands.h"

static const struct {
	const char *name, *json;
} builtins[] = {{"str", "string"}, {"int", "int"}, {"bool", "boolean"}, {"any", "value"}};

/* What the command line takes as text, requests may have as what it is. */
static const struct {
	const char *name, *types[2];
} alternates[] = {{"PropertySwitch", {"bool", "str"}},
		  {"PropertyNumber", {"int", "str"}},
		  {"PropertyWord", {"str", "any"}}};

static void add(json_t *schema, json_t *row)
{
	json_array_append_new(schema, row);
}

static void add_builtins(json_t *schema)
{
	for (size_t i = 0; i < sizeof(builtins) / sizeof(*builtins); i++)
		add(schema, json_pack("{s:s, s:s, s:s}", "name", builtins[i].name, "meta-type", "builtin",
				      "json-type", builtins[i].json));
	for (size_t i = 0; i < sizeof(alternates) / sizeof(*alternates); i++)
		add(schema, json_pack("{s:s, s:s, s:[{s:s}, {s:s}]}", "name", alternates[i].name, "meta-type",
				      "alternate", "members", "type", alternates[i].types[0], "type",
				      alternates[i].types[1]));
}

/* An optional member has a default, null: there is none that could be named. */
static void add_member(json_t *members, const char *name, const char *type, bool optional)
{
	json_t *member = json_pack("{s:s, s:s}", "name", name, "type", type);

	if (optional)
		json_object_set_new(member, "default", json_null());
	json_array_append_new(members, member);
}

static json_t *members_of(const struct qmp_type *type)
{
	json_t *members = json_array();
	const char *name, *of;

	for (const struct qmp_member *member = type->members; member->name; member++)
		add_member(members, member->name, member->type, member->optional);
	for (size_t i = 0; type->devices && (of = qmp_property_type(i, &name)); i++)
		add_member(members, name, of, true);
	return members;
}

static json_t *values_of(const struct qmp_type *type)
{
	json_t *values = json_array();

	for (size_t i = 0; type->values[i]; i++)
		json_array_append_new(values, json_string(type->values[i]));
	return values;
}

static bool is_listed(const json_t *schema, const char *name)
{
	size_t i;
	json_t *row;

	json_array_foreach(schema, i, row)
	{
		if (!strcmp(json_string_value(json_object_get(row, "name")), name))
			return true;
	}
	return false;
}

/* Arrays have no row of their own: those that are used are found in the members. */
static void add_array(json_t *schema, const char *type)
{
	char element[64];
	size_t length = strlen(type);

	if (*type != '[' || is_listed(schema, type) || length - 2 >= sizeof(element))
		return;
	memcpy(element, type + 1, length - 2);
	element[length - 2] = '\0';
	add(schema,
	    json_pack("{s:s, s:s, s:s}", "name", type, "meta-type", "array", "element-type", element));
}

static void add_types(json_t *schema)
{
	const struct qmp_type *type;

	for (size_t i = 0; (type = qmp_type_row(i)); i++) {
		if (type->values)
			add(schema, json_pack("{s:s, s:s, s:o}", "name", type->name, "meta-type", "enum",
					      "values", values_of(type)));
		else
			add(schema, json_pack("{s:s, s:s, s:o}", "name", type->name, "meta-type", "object",
					      "members", members_of(type)));
		for (const struct qmp_member *member = type->members; member->name; member++)
			add_array(schema, member->type);
	}
}

json_t *qmp_schema(void)
{
	json_t *schema = json_array();
	const struct qmp_command *command;
	const char *event, *type;

	for (size_t i = 0; (command = qmp_command_row(i)); i++)
		add(schema, json_pack("{s:s, s:s, s:s, s:s}", "name", command->name, "meta-type", "command",
				      "arg-type", command->takes, "ret-type", command->gives));
	for (size_t i = 0; (event = qmp_event_row(i, &type)); i++)
		add(schema,
		    json_pack("{s:s, s:s, s:s}", "name", event, "meta-type", "event", "arg-type", type));
	add_builtins(schema);
	add_types(schema);
	for (size_t i = 0; (command = qmp_command_row(i)); i++)
		add_array(schema, command->gives);
	return schema;
}

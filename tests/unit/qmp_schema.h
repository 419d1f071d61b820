/* SPDX-License-Identifier: MIT */
/* Values against query-qmp-schema, as a client would check them. */
#ifndef TESTS_UNIT_QMP_SCHEMA_H
#define TESTS_UNIT_QMP_SCHEMA_H

#include "tests/unit/qmp_stage.h"

static inline const json_t *find(const json_t *schema, const char *name)
{
	size_t i;
	json_t *row;

	json_array_foreach(schema, i, row)
	{
		if (!strcmp(json_string_value(json_object_get(row, "name")), name))
			return row;
	}
	fail_msg("the schema has no '%s'", name);
	return NULL;
}

static inline const char *text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static inline const json_t *member_of(const json_t *type, const char *name)
{
	size_t i;
	json_t *member;

	json_array_foreach(json_object_get(type, "members"), i, member)
	{
		if (!strcmp(text(member, "name"), name))
			return member;
	}
	return NULL;
}

static inline void check(const json_t *schema, const char *name, const json_t *value);

static inline void check_object(const json_t *schema, const json_t *type, const json_t *value)
{
	const char *name;
	size_t i;
	json_t *member;

	assert_true(json_is_object(value));
	json_object_foreach((json_t *)value, name, member)
	{
		const json_t *row = member_of(type, name);

		if (!row)
			fail_msg("%s has no member '%s' in the schema", text(type, "name"), name);
		check(schema, text(row, "type"), member);
	}
	json_array_foreach(json_object_get(type, "members"), i, member)
	{
		if (!json_object_get(member, "default") && !json_object_get(value, text(member, "name")))
			fail_msg("%s lacks '%s'", text(type, "name"), text(member, "name"));
	}
}

static inline void check(const json_t *schema, const char *name, const json_t *value)
{
	const json_t *type = find(schema, name);
	const char *meta = text(type, "meta-type");
	bool known = false;
	size_t i;
	json_t *element;

	if (!strcmp(meta, "object"))
		check_object(schema, type, value);
	else if (!strcmp(name, "str"))
		assert_true(json_is_string(value));
	else if (!strcmp(name, "int"))
		assert_true(json_is_integer(value));
	else if (!strcmp(name, "bool"))
		assert_true(json_is_boolean(value));
	if (!strcmp(meta, "array")) {
		assert_true(json_is_array(value));
		json_array_foreach(value, i, element) check(schema, text(type, "element-type"), element);
	}
	if (!strcmp(meta, "enum")) {
		json_array_foreach(json_object_get(type, "values"), i, element)
		{
			known |= !strcmp(json_string_value(element), json_string_value(value));
		}
		assert_true(known);
	}
}

static inline json_int_t number(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

#endif

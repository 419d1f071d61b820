/* SPDX-License-Identifier: MIT */
/*
 * What the specification of the Container Device Interface asks of a file of version 0.5.0, as tables:
 * which keys an object has, which of them it must have, and of which type and form they are. No other
 * key may be there.
 */
#ifndef TESTS_UNIT_CDI_SCHEMA_H
#define TESTS_UNIT_CDI_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

struct cdi_rule {
	const char *key; /* NULL: the end */
	json_type type;
	bool required;
	json_type of;                                           /* of an array's elements */
	const struct cdi_rule *members;                         /* of an object, or of each element */
	bool (*is)(const char *text, const char *const *words); /* of a string */
	const char *const *words;
};

static bool cdi_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool cdi_made_of(const char *text, size_t length, const char *more)
{
	for (size_t i = 0; i < length; i++)
		if (!cdi_alnum(text[i]) && !strchr(more, text[i]))
			return false;
	return length && cdi_alnum(text[0]) && cdi_alnum(text[length - 1]);
}

/* A device begins with a letter or a digit (a digit since 0.5.0), and ends with one. */
static bool cdi_is_name(const char *text, const char *const *words)
{
	(void)words;
	return cdi_made_of(text, strlen(text), "_-.:");
}

/* VENDOR/CLASS, each begins with a letter, and has at most 63 characters. */
static bool cdi_is_kind(const char *text, const char *const *words)
{
	const char *slash = strchr(text, '/'), *class = slash ? slash + 1 : "";

	(void)words;
	return slash && slash - text <= 63 && strlen(class) <= 63 &&
	       cdi_made_of(text, (size_t)(slash - text), "_-.") && cdi_made_of(class, strlen(class), "_-") &&
	       (*text < '0' || *text > '9') && (*class < '0' || *class > '9');
}

static bool cdi_is_path(const char *text, const char *const *words)
{
	(void)words;
	return text[0] == '/' && text[1];
}

static bool cdi_is_permissions(const char *text, const char *const *words)
{
	(void)words;
	return strspn(text, "rwm") == strlen(text);
}

static bool cdi_is_one_of(const char *text, const char *const *words)
{
	while (*words && strcmp(*words, text))
		words++;
	return *words;
}

static const char *const cdi_versions[] = {"0.5.0", NULL}, *const cdi_types[] = {"b", "c", "u", "p", NULL};
static const char *const cdi_hook_names[] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop", NULL};

static const struct cdi_rule cdi_node[] = {
	{.key = "path", .type = JSON_STRING, .required = true, .is = cdi_is_path},
	{.key = "hostPath", .type = JSON_STRING, .is = cdi_is_path}, /* since 0.5.0 */
	{.key = "type", .type = JSON_STRING, .is = cdi_is_one_of, .words = cdi_types},
	{.key = "major", .type = JSON_INTEGER},
	{.key = "minor", .type = JSON_INTEGER},
	{.key = "fileMode", .type = JSON_INTEGER},
	{.key = "permissions", .type = JSON_STRING, .is = cdi_is_permissions},
	{.key = "uid", .type = JSON_INTEGER},
	{.key = "gid", .type = JSON_INTEGER},
	{0}};

static const struct cdi_rule cdi_mount[] = {{.key = "hostPath", .type = JSON_STRING, .required = true},
					    {.key = "containerPath", .type = JSON_STRING, .required = true},
					    {.key = "type", .type = JSON_STRING}, /* since 0.4.0 */
					    {.key = "options", .type = JSON_ARRAY, .of = JSON_STRING},
					    {0}};

static const struct cdi_rule cdi_hook[] = {
	{.key = "hookName",
	 .type = JSON_STRING,
	 .required = true,
	 .is = cdi_is_one_of,
	 .words = cdi_hook_names},
	{.key = "path", .type = JSON_STRING, .required = true, .is = cdi_is_path},
	{.key = "args", .type = JSON_ARRAY, .of = JSON_STRING},
	{.key = "env", .type = JSON_ARRAY, .of = JSON_STRING},
	{.key = "timeout", .type = JSON_INTEGER},
	{0}};

static const struct cdi_rule cdi_edits[] = {
	{.key = "env", .type = JSON_ARRAY, .of = JSON_STRING},
	{.key = "deviceNodes", .type = JSON_ARRAY, .of = JSON_OBJECT, .members = cdi_node},
	{.key = "mounts", .type = JSON_ARRAY, .of = JSON_OBJECT, .members = cdi_mount},
	{.key = "hooks", .type = JSON_ARRAY, .of = JSON_OBJECT, .members = cdi_hook},
	{0}};

static const struct cdi_rule cdi_device[] = {
	{.key = "name", .type = JSON_STRING, .required = true, .is = cdi_is_name},
	{.key = "containerEdits", .type = JSON_OBJECT, .required = true, .members = cdi_edits},
	{0}};

static const struct cdi_rule cdi_file[] = {
	{.key = "cdiVersion",
	 .type = JSON_STRING,
	 .required = true,
	 .is = cdi_is_one_of,
	 .words = cdi_versions},
	{.key = "kind", .type = JSON_STRING, .required = true, .is = cdi_is_kind},
	{.key = "devices", .type = JSON_ARRAY, .required = true, .of = JSON_OBJECT, .members = cdi_device},
	{.key = "containerEdits", .type = JSON_OBJECT, .members = cdi_edits},
	{0}};

static bool cdi_says(char why[128], const char *key, const char *what)
{
	snprintf(why, 128, "%.60s is %s", key, what);
	return false;
}

static bool cdi_object(const json_t *object, const struct cdi_rule *rules, char why[128]);

static bool cdi_value(const json_t *value, const struct cdi_rule *rule, char why[128])
{
	const json_t *element;
	size_t i;

	if (json_typeof(value) != rule->type)
		return cdi_says(why, rule->key, "of another type");
	if (rule->is && !rule->is(json_string_value(value), rule->words))
		return cdi_says(why, rule->key, "wrong");
	if (rule->type == JSON_ARRAY && !json_array_size(value))
		return cdi_says(why, rule->key, "empty");
	if (rule->type == JSON_OBJECT && !json_object_size(value))
		return cdi_says(why, rule->key, "empty");
	if (rule->type == JSON_OBJECT)
		return cdi_object(value, rule->members, why);
	json_array_foreach(value, i, element)
	{
		if (json_typeof(element) != rule->of)
			return cdi_says(why, rule->key, "of another type");
		if (rule->members && !cdi_object(element, rule->members, why))
			return false;
	}
	return true;
}

static bool cdi_object(const json_t *object, const struct cdi_rule *rules, char why[128])
{
	const json_t *value;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		const struct cdi_rule *rule = rules;

		while (rule->key && strcmp(rule->key, key))
			rule++;
		if (!rule->key)
			return cdi_says(why, key, "unknown");
		if (!cdi_value(value, rule, why))
			return false;
	}
	for (; rules->key; rules++)
		if (rules->required && !json_object_get(object, rules->key))
			return cdi_says(why, rules->key, "missing");
	return true;
}

/* Whether it is such a file; if it is not, `why` says what is wrong. */
static bool cdi_conforms(const json_t *spec, char why[128])
{
	const json_t *devices = json_object_get(spec, "devices");

	if (!json_is_object(spec))
		return cdi_says(why, "the file", "no object");
	if (!cdi_object(spec, cdi_file, why))
		return false;
	for (size_t i = 0; i < json_array_size(devices); i++)
		for (size_t j = 0; j < i; j++)
			if (json_equal(json_object_get(json_array_get(devices, i), "name"),
				       json_object_get(json_array_get(devices, j), "name"))) {
				snprintf(why, 128, "a name comes twice");
				return false;
			}
	why[0] = '\0';
	return true;
}

#endif

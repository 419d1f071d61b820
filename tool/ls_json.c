/* SPDX-License-Identifier: MIT */
/* lend ls --json: an array of objects, one a device; man lend-ls lists the keys. */
#include <stdio.h>
#include <string.h>

#include "tool/ls.h"

/* Words to an array of strings. */
static json_t *words(const char *text)
{
	json_t *array = json_array();
	char copy[512], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")))
		if (*word)
			json_array_append_new(array, show_json(word));
	return array;
}

static void set(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, text[0] ? show_json(text) : json_null());
}

static void set_number(json_t *object, const char *key, const char *format, unsigned number)
{
	char text[16];

	snprintf(text, sizeof(text), format, number);
	json_object_set_new(object, key, show_json(text));
}

static json_t *uses(const struct lend_survey_device *device)
{
	json_t *array = json_array();

	for (size_t i = 0; i < device->use_count; i++) {
		json_t *use = json_object();

		set(use, "kind", lend_use_name(device->uses[i].kind));
		set(use, "text", device->uses[i].text);
		set(use, "cure", device->uses[i].cure);
		json_array_append_new(array, use);
	}
	return array;
}

/* The ways in which it may be in use unseen, for want of rights. */
static json_t *unseen(const struct lend_survey *survey)
{
	json_t *array = json_array();
	struct lend_way way;

	for (size_t i = 0; lend_survey_way(survey, i, &way); i++)
		if (way.unseen)
			json_array_append_new(array, show_json(way.name));
	return array;
}

static void set_numbers(json_t *object, const struct lend_survey_device *device)
{
	set_number(object, "vendor", "%04x", device->is.vendor);
	set_number(object, "device", "%04x", device->is.device);
	set_number(object, "subsystem_vendor", "%04x", device->subsystem_vendor);
	set_number(object, "subsystem_device", "%04x", device->subsystem_device);
	set_number(object, "revision", "%02x", device->revision);
	set_number(object, "class", "%06x", device->is.class_code);
	json_object_set_new(object, "group",
			    device->is.group < 0 ? json_null() : json_integer(device->is.group));
	json_object_set_new(object, "numa_node",
			    device->is.numa_node < 0 ? json_null() : json_integer(device->is.numa_node));
	json_object_set_new(object, "vfs", json_integer(device->vfs));
	json_object_set_new(object, "vfs_max", json_integer(device->vfs_max));
}

/*
 * What Kubernetes' drivers of devices call these (dynamic resource allocation), in their
 * formats. The root is that of the whole path: a drive behind a VMD has the VMD's.
 */
static void set_attributes(json_t *object, const struct lend_survey_device *device)
{
	char root[32];

	snprintf(root, sizeof(root), "%.*s", (int)strcspn(device->path, "/"), device->path);
	set(object, "resource.kubernetes.io/pciBusID", device->is.name);
	set(object, "resource.kubernetes.io/pcieRoot", root);
	json_object_set_new(object, "resource.kubernetes.io/numaNode",
			    device->is.numa_node < 0 ? json_null() : json_integer(device->is.numa_node));
}

static json_t *one(const struct ls *ls, const struct lend_survey_device *device)
{
	json_t *object = json_object();
	char text[512];

	set(object, "address", device->is.name);
	set(object, "path", device->path);
	set(object, "state", device->word);
	set(object, "why", device->why);
	names_class(ls->names, device, text, sizeof(text));
	set(object, "class_name", text);
	names_vendor(ls->names, device, text, sizeof(text));
	set(object, "vendor_name", text);
	names_model(ls->names, device, text, sizeof(text));
	set(object, "device_name", text);
	set_numbers(object, device);
	set(object, "driver", device->is.driver);
	ls_siblings(ls->survey, device, text, sizeof(text));
	json_object_set_new(object, "siblings", words(text));
	json_object_set_new(object, "reset_methods", words(device->is.reset_methods));
	set(object, "serial", device->serial);
	set(object, "dsn", device->dsn);
	set(object, "physfn", device->physfn);
	set(object, "parent", device->parent);
	json_object_set_new(object, "interfaces", words(device->interfaces));
	json_object_set_new(object, "uses", uses(device));
	json_object_set_new(object, "unseen", unseen(ls->survey));
	set_attributes(object, device);
	return object;
}

json_t *ls_json(const struct ls *ls)
{
	json_t *array = json_array();

	for (size_t i = 0; i < ls->count; i++)
		json_array_append_new(array, one(ls, ls->devices[i]));
	return array;
}

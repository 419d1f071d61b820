/* SPDX-License-Identifier: MIT */
/* See descriptors.h. A file that is not understood is passed over: it may be for another program. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/run/descriptors.h"
#include "tool/run/whole_file.h"
#include "tool/tool.h"

enum { FILES_MAX = 256, BYTES_MAX = 1 << 20 };

/* A machine of ours is one of these to firmware: what is named for any version fits. */
static const char machine[] = "pc-q35-10.0", architecture[] = "x86_64";

/* The files, by name; each with the folder that its last one is in. */
struct list {
	unsigned count;
	struct {
		char name[256];
		const char *folder;
	} files[FILES_MAX];
};

static bool is_json(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > 5 && !strcmp(name + length - 5, ".json");
}

static void add_file(struct list *list, const char *name, const char *folder)
{
	unsigned at = 0;

	while (at < list->count && strcmp(list->files[at].name, name) < 0)
		at++;
	if (at == list->count || strcmp(list->files[at].name, name)) {
		if (list->count == FILES_MAX)
			return;
		memmove(&list->files[at + 1], &list->files[at], (list->count - at) * sizeof(*list->files));
		list->count++;
		snprintf(list->files[at].name, sizeof(list->files[at].name), "%s", name);
	}
	list->files[at].folder = folder;
}

static struct list *list_files(const struct descriptor_folders *folders)
{
	struct list *list = calloc(1, sizeof(*list));
	const struct dirent *entry;

	for (unsigned i = 0; list && i < DESCRIPTOR_FOLDERS; i++) {
		DIR *folder = folders->paths[i] ? opendir(folders->paths[i]) : NULL;

		while (folder && (entry = readdir(folder)))
			if (is_json(entry->d_name))
				add_file(list, entry->d_name, folders->paths[i]);
		if (folder)
			closedir(folder);
	}
	return list;
}

/* NULL: it is empty, which takes one of the same name away, or no JSON. */
static json_t *load_file(const struct list *list, unsigned index)
{
	char path[RUN_PATH_MAX + 256];
	json_t *root = NULL;
	size_t length;
	void *bytes;

	snprintf(path, sizeof(path), "%s/%s", list->files[index].folder, list->files[index].name);
	if (!whole_file(path, BYTES_MAX, &bytes, &length))
		root = json_loadb(bytes, length, 0, NULL);
	free(bytes);
	return root;
}

static bool array_has(const json_t *array, const char *word)
{
	const json_t *value;

	for (size_t i = 0; (value = json_array_get(array, i)); i++)
		if (json_is_string(value) && !strcmp(json_string_value(value), word))
			return true;
	return false;
}

static bool is_string(const json_t *object, const char *key, const char *word)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && !strcmp(value, word);
}

static bool fits_machine(const json_t *patterns)
{
	const json_t *pattern;

	for (size_t i = 0; (pattern = json_array_get(patterns, i)); i++)
		if (json_is_string(pattern) && !fnmatch(json_string_value(pattern), machine, 0))
			return true;
	return false;
}

static bool is_for_machine(const json_t *root)
{
	const json_t *targets = json_object_get(root, "targets"), *target;

	for (size_t i = 0; (target = json_array_get(targets, i)); i++)
		if (is_string(target, "architecture", architecture) &&
		    fits_machine(json_object_get(target, "machines")))
			return true;
	return false;
}

/* The file of a part of the mapping, where it is raw. */
static bool take_file(const json_t *mapping, const char *key, char out[RUN_PATH_MAX])
{
	const json_t *file = json_object_get(mapping, key);
	const char *name = json_string_value(json_object_get(file, "filename"));

	if (!name || !is_string(file, "format", "raw") || strlen(name) >= RUN_PATH_MAX)
		return false;
	strcpy(out, name);
	return true;
}

/* Flash with a store of its own for each machine: other modes are written into the image, or keep nothing. */
static bool take_image(const json_t *root, struct descriptor *out)
{
	const json_t *mapping = json_object_get(root, "mapping"), *mode = json_object_get(mapping, "mode");

	out->template[0] = '\0';
	if (!is_string(mapping, "device", "flash") || (mode && !is_string(mapping, "mode", "split")))
		return false;
	if (!take_file(mapping, "executable", out->code))
		return false;
	take_file(mapping, "nvram-template", out->template);
	return true;
}

static bool needs_smm_or_keys(const json_t *root)
{
	const json_t *features = json_object_get(root, "features");

	return array_has(features, "requires-smm") || array_has(features, "secure-boot");
}

struct descriptor_folders descriptor_folders(char home[RUN_PATH_MAX])
{
	struct descriptor_folders folders = {{"/usr/share/qemu/firmware", "/etc/qemu/firmware", NULL}};
	const char *config = getenv("XDG_CONFIG_HOME"), *user = getenv("HOME");
	int length = 0;

	if (config && config[0] == '/')
		length = snprintf(home, RUN_PATH_MAX, "%s/qemu/firmware", config);
	else if (user && user[0] == '/')
		length = snprintf(home, RUN_PATH_MAX, "%s/.config/qemu/firmware", user);
	if (length > 0 && length < RUN_PATH_MAX)
		folders.paths[DESCRIPTOR_FOLDERS - 1] = home;
	return folders;
}

int descriptor_find(const struct descriptor_folders *folders, struct descriptor *out,
		    struct lend_error *error)
{
	struct list *list = list_files(folders);
	bool found = false;

	if (!list)
		return tool_fail(error, -ENOMEM, "not enough memory to look for firmware");
	for (unsigned i = 0; i < list->count && !found; i++) {
		json_t *root = load_file(list, i);

		found = array_has(json_object_get(root, "interface-types"), "uefi") && is_for_machine(root) &&
			!needs_smm_or_keys(root) && take_image(root, out) && !access(out->code, R_OK);
		json_decref(root);
	}
	free(list);
	return found ? 0
		     : tool_fail(
			       error, -ENOENT,
			       "no UEFI firmware for virtual machines is installed that works without secure "
			       "boot; install the package ovmf, or give -firmware CODE");
}

int descriptor_of(const struct descriptor_folders *folders, const char *code, struct descriptor *out)
{
	struct list *list = list_files(folders);
	int ret = -ENOENT;

	for (unsigned i = 0; list && i < list->count && ret; i++) {
		struct descriptor one;
		json_t *root = load_file(list, i);

		if (take_image(root, &one) && !strcmp(one.code, code)) {
			*out = one;
			ret = array_has(json_object_get(root, "features"), "requires-smm") ? -EOPNOTSUPP : 0;
		}
		json_decref(root);
	}
	free(list);
	return ret;
}

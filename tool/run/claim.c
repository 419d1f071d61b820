/* SPDX-License-Identifier: MIT */
/*
 * See claim.h. A file that cannot be understood is an error, whatever else is found: it may
 * have said that the request has another device.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lend/host.h"
#include "tool/nearest.h"
#include "tool/run/claim.h"
#include "tool/run/whole_file.h"
#include "tool/tool.h"

#define FOLDER    "/var/run/kubernetes.io/dra-device-attributes"
#define ATTRIBUTE "resource.kubernetes.io/pciBusID"
#define GROUP     "metadata.resource.k8s.io/"

enum { DEPTH_MAX = 5, ENTRIES_MAX = 4096, BYTES_MAX = 1 << 20, VERSIONS_MAX = 16, LISTED_MAX = 4 };

struct search {
	const char *wanted; /* as the user gave it */
	const char *folder;
	unsigned entries; /* of folders, read so far */
	unsigned requests, matches, devices;
	char found[LISTED_MAX][16]; /* the first addresses, each once */
	char nearest[64];           /* the request that is nearest to the wanted one; empty: none is */
	unsigned distance;
	struct lend_error *error;
};

const char *claim_folder(void)
{
	const char *folder = getenv("LEND_DRA_DIR");

	return folder && *folder ? folder : FOLDER;
}

static const char *string_in(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int not_understood(const struct search *search, const char *path, const char *why)
{
	return tool_fail(search->error, -EINVAL,
			 "claim=%.60s: %.150s cannot be understood (%.100s), so it is not known which device "
			 "was given; name the device with host=ADDRESS",
			 search->wanted, path, why);
}

static void add_device(struct search *search, const char *address)
{
	for (unsigned i = 0; i < search->devices && i < LISTED_MAX; i++)
		if (!strcmp(search->found[i], address))
			return;
	if (search->devices < LISTED_MAX)
		strcpy(search->found[search->devices], address);
	search->devices++;
}

/* Of a request's devices, those that have an address. */
static int read_devices(struct search *search, const json_t *devices, const char *path)
{
	const json_t *device;

	for (size_t i = 0; (device = json_array_get(devices, i)); i++) {
		const json_t *attribute = json_object_get(json_object_get(device, "attributes"), ATTRIBUTE);
		const char *text = string_in(attribute, "string");
		struct lend_bdf bdf;
		char address[16];

		if (!attribute)
			continue;
		if (lend_bdf_parse(text, &bdf))
			return not_understood(search, path, "its " ATTRIBUTE " is no address");
		lend_bdf_format(&bdf, address);
		/* The whole address, and no path that ends in one. */
		if (strcasecmp(text, address) != 0)
			return not_understood(search, path, "its " ATTRIBUTE " is no address");
		add_device(search, address);
	}
	return 0;
}

/* Whether `text` is `claim`, a slash and `length` bytes of `name`; without a claim, the bytes alone. */
static bool is_made_of(const char *text, const char *claim, const char *name, size_t length)
{
	size_t before = claim ? strlen(claim) : 0;

	if (claim && (!before || strncmp(text, claim, before) != 0 || text[before] != '/'))
		return false;
	text += claim ? before + 1 : 0;
	return strlen(text) == length && !strncmp(text, name, length);
}

/* A request that offered alternatives is called REQUEST/ALTERNATIVE; the first part names it, too. */
static bool is_wanted(const struct search *search, const json_t *root, const char *name)
{
	const char *claims[] = {NULL, string_in(root, "podClaimName"),
				string_in(json_object_get(root, "metadata"), "name")};

	for (int i = 0; i < 3; i++)
		if (is_made_of(search->wanted, claims[i], name, strlen(name)) ||
		    is_made_of(search->wanted, claims[i], name, strcspn(name, "/")))
			return true;
	return false;
}

static void offer(struct search *search, const char *name)
{
	struct nearest nearest = {.word = search->wanted};

	nearest_offer(&nearest, name);
	if (nearest.best && (!search->nearest[0] || nearest.distance < search->distance)) {
		snprintf(search->nearest, sizeof(search->nearest), "%s", name);
		search->distance = nearest.distance;
	}
}

static int read_requests(struct search *search, const json_t *root, const char *path)
{
	const json_t *requests = json_object_get(root, "requests"), *request;
	int ret = 0;

	if (requests && !json_is_array(requests))
		return not_understood(search, path, "its requests are no array");
	for (size_t i = 0; !ret && (request = json_array_get(requests, i)); i++) {
		const char *name = string_in(request, "name");

		search->requests++;
		offer(search, name);
		if (!is_wanted(search, root, name))
			continue;
		search->matches++;
		ret = read_devices(search, json_object_get(request, "devices"), path);
	}
	return ret;
}

static bool is_metadata(const json_t *root)
{
	return !strcmp(string_in(root, "kind"), "DeviceMetadata") &&
	       !strncmp(string_in(root, "apiVersion"), GROUP, strlen(GROUP));
}

static bool is_of_known_version(const json_t *root)
{
	const char *version = string_in(root, "apiVersion") + strlen(GROUP);

	return !strcmp(version, "v1beta1") || !strcmp(version, "v1alpha1");
}

static void skip_blanks(const char **text, size_t *length)
{
	while (*length && **text && strchr(" \t\r\n", **text)) {
		++*text;
		--*length;
	}
}

/*
 * The same object follows in each version that its writer knows, the newest first. The first that
 * we know is taken. What is of another kind is not for us.
 */
static int read_text(struct search *search, const char *text, size_t length, const char *path)
{
	bool newer = false, known = false;
	int ret = 0;

	for (unsigned i = 0; !known && i < VERSIONS_MAX; i++) {
		json_error_t problem;
		json_t *root;

		skip_blanks(&text, &length);
		if (!length && i)
			break;
		root = json_loadb(text, length, JSON_DISABLE_EOF_CHECK, &problem);
		if (!root)
			return not_understood(search, path, problem.text);
		text += problem.position;
		length -= (size_t)problem.position;
		known = is_metadata(root) && is_of_known_version(root);
		newer |= is_metadata(root);
		if (known)
			ret = read_requests(search, root, path);
		json_decref(root);
	}
	if (newer && !known)
		return not_understood(search, path, "lend knows v1beta1 and v1alpha1 of it");
	return ret;
}

static int read_file(struct search *search, const char *path)
{
	size_t length;
	void *text;
	int ret = whole_file(path, BYTES_MAX, &text, &length);

	if (ret)
		return not_understood(search, path, whole_file_text(ret));
	ret = read_text(search, text, length, path);
	free(text);
	return ret;
}

static bool is_json(const char *name)
{
	size_t length = strlen(name);

	return length > 5 && !strcmp(name + length - 5, ".json");
}

static int read_folder(struct search *search, const char *path, unsigned depth);

static int read_entry(struct search *search, const char *folder, const char *name, unsigned depth)
{
	char path[PATH_MAX];
	struct stat what;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return not_understood(search, folder, "the path of a file in it is too long");
	/* It may go while we look: its claim has ended. */
	if (stat(path, &what))
		return errno == ENOENT ? 0 : not_understood(search, path, strerror(errno));
	if (S_ISDIR(what.st_mode))
		return read_folder(search, path, depth + 1);
	return is_json(name) ? read_file(search, path) : 0;
}

static int read_folder(struct search *search, const char *path, unsigned depth)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	const struct dirent *entry;
	int ret = 0;

	if (!dir)
		return not_understood(search, path, depth < DEPTH_MAX ? strerror(errno) : "it is too deep");
	while (!ret && (entry = readdir(dir))) {
		/* Hidden ones are the old and the new files of a folder that is replaced as a whole. */
		if (entry->d_name[0] == '.')
			continue;
		ret = search->entries++ < ENTRIES_MAX
			      ? read_entry(search, path, entry->d_name, depth)
			      : not_understood(search, search->folder, "it has too many files");
	}
	closedir(dir);
	return ret;
}

static int several(const struct search *search)
{
	const char *slash = strchr(search->wanted, '/');

	return tool_fail(search->error, -EINVAL,
			 "claim=%.60s was given %u devices, %s, %s%s; name one of them with host=ADDRESS%s",
			 search->wanted, search->devices, search->found[0], search->found[1],
			 search->devices > 2 ? ", ..." : "",
			 slash ? "" : ", or the claim, too, with claim=CLAIM/REQUEST");
}

static int no_request(const struct search *search)
{
	if (search->nearest[0])
		return tool_fail(search->error, -EINVAL,
				 "claim=%.60s: no claim has such a request; the nearest is %s",
				 search->wanted, search->nearest);
	return tool_fail(search->error, -EINVAL,
			 "claim=%.60s: no claim has such a request, of %u that the files below %.150s have; "
			 "give one of the pod's claims, or host=ADDRESS",
			 search->wanted, search->requests, search->folder);
}

int claim_find(const char *folder, const char *request, char address[16], struct lend_error *error)
{
	struct search search = {.wanted = request, .folder = folder, .error = error};
	struct stat there;
	int ret;

	if (!*request)
		return tool_fail(error, -EINVAL, "claim= is empty; give a request of the pod's claims");
	if (stat(folder, &there))
		return tool_fail(
			error, -EINVAL,
			"claim=%.60s: cannot look into %.150s: %s; it is there in a pod whose driver of "
			"devices writes attributes (KEP-5304), or LEND_DRA_DIR names another folder",
			request, folder, strerror(errno));
	ret = read_folder(&search, folder, 0);
	if (ret)
		return ret;
	if (!search.matches)
		return no_request(&search);
	if (!search.devices)
		return tool_fail(error, -EINVAL,
				 "claim=%.60s was given no device with the attribute " ATTRIBUTE
				 "; name the device with host=ADDRESS",
				 request);
	if (search.devices > 1)
		return several(&search);
	strcpy(address, search.found[0]);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * lend cdi: what a container engine needs to hand devices on, as a file of the Container
 * Device Interface, version 0.5.0 (the first in which a device's name may begin with a
 * digit, as an address does).
 *
 * All devices of a file have nodes of one kind. A monitor that was given a group and a
 * device of iommufd could not put them into one address space.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lend/check.h"
#include "tool/host.h"
#include "tool/replace.h"

#define KIND "lend/vfio"

static const char cdi_help[] =
	"lend cdi: writes what a container engine needs to hand devices on to containers.\n"
	"\n"
	"usage: lend cdi [OPTION]... DEVICE...\n"
	"\n"
	"  -o, --output FILE  write to a file, and print the names of the devices\n"
	"  --install          the same, to /etc/cdi/lend-vfio.json\n"
	"  --nodes KIND       group or iommufd: the nodes that the container gets;\n"
	"                     default: iommufd where each of the devices has them\n"
	"  --help             this text\n"
	"\n"
	"The specification is JSON of the Container Device Interface, version 0.5.0. It\n"
	"has the devices that are named, and no others. Each must be with vfio-pci:\n"
	"lend bind takes it. Its name there is lend/vfio=ADDRESS.\n"
	"\n"
	"DEVICE: 0000:05:00.0, 8086:10d3, or as in man lend-ls.\n";

struct cdi {
	struct lend_context *context;
	const struct lend_survey *survey;
	const struct lend_survey_device *devices[ARGS_DEVICES_MAX]; /* each once */
	size_t count;
	bool iommufd;
};

/* The nodes of a device, and those that all of them need. */
static void node_of(const struct cdi *cdi, const struct lend_survey_device *device, char out[64])
{
	if (cdi->iommufd)
		snprintf(out, 64, "/dev/vfio/devices/%s", device->cdev);
	else
		snprintf(out, 64, "/dev/vfio/%d", device->is.group);
}

static const char *common_node(const struct cdi *cdi)
{
	return cdi->iommufd ? "/dev/iommu" : "/dev/vfio/vfio";
}

static bool is_there(const char *node)
{
	char path[PATH_MAX];

	return !host_path(node, path) && !access(path, F_OK);
}

static bool all_have_own(const struct cdi *cdi)
{
	for (size_t i = 0; i < cdi->count; i++)
		if (!cdi->devices[i]->cdev[0])
			return false;
	return is_there("/dev/iommu");
}

/* NULL: the user has no wish. */
static int choose_nodes(struct cdi *cdi, const char *wish, struct lend_error *error)
{
	if (wish && strcmp(wish, "group") != 0 && strcmp(wish, "iommufd") != 0)
		return tool_fail(error, -EINVAL, "--nodes is group or iommufd, not '%.100s'", wish);
	cdi->iommufd = wish ? !strcmp(wish, "iommufd") : all_have_own(cdi);
	return 0;
}

static int check_nodes(const struct cdi *cdi, struct lend_error *error)
{
	const char *other = cdi->iommufd ? "group" : "iommufd";
	char node[64];

	for (size_t i = 0; i < cdi->count; i++) {
		const struct lend_survey_device *device = cdi->devices[i];

		node_of(cdi, device, node);
		if (cdi->iommufd && !device->cdev[0])
			return tool_fail(
				error, -ENOENT,
				"%s has no node below /dev/vfio/devices: this kernel is built without "
				"VFIO_DEVICE_CDEV; give --nodes group",
				device->is.name);
		if (!is_there(node))
			return tool_fail(error, -ENOENT, "%s has no node %s here; give --nodes %s",
					 device->is.name, node, other);
	}
	if (!is_there(common_node(cdi)))
		return tool_fail(error, -ENOENT, "there is no %s here; give --nodes %s", common_node(cdi),
				 other);
	return 0;
}

/* The rows of a check that say whether the device can be opened by VFIO at all. */
static bool is_asked(const struct lend_check_row *row)
{
	static const char *const topics[] = {"iommu", "device", "group", "driver"};

	for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); i++)
		if (!strcmp(row->topic, topics[i]))
			return row->verdict == LEND_FAILED;
	return false;
}

/* In the words of lend check. What is in use now may be free when the container starts. */
static int check_devices(const struct cdi *cdi, struct lend_error *error)
{
	struct lend_check_options asked = {.size = sizeof(asked), .starting = true, .device_alone = true};
	struct lend_bdf bdfs[ARGS_DEVICES_MAX];
	const struct lend_check_row *row;
	struct lend_check *check;
	int ret;

	for (size_t i = 0; i < cdi->count; i++)
		bdfs[i] = cdi->devices[i]->is.bdf;
	ret = lend_check_new(cdi->context, bdfs, cdi->count, &asked, &check, error);
	if (ret)
		return ret;
	for (size_t i = 0; !ret && (row = lend_check_at(check, i)); i++) {
		if (!is_asked(row))
			continue;
		lend_check_sentence(row, error);
		ret = -EPERM;
	}
	lend_check_free(check);
	return ret;
}

static bool is_named(const struct cdi *cdi, const struct lend_survey_device *device)
{
	for (size_t i = 0; i < cdi->count; i++)
		if (cdi->devices[i] == device)
			return true;
	return false;
}

/* Who has the node of a group has all of the group. */
static void tell_neighbours(const struct cdi *cdi)
{
	const struct lend_survey_device *other;

	for (size_t i = 0; i < cdi->count; i++)
		for (size_t j = 0; (other = lend_survey_at(cdi->survey, j)); j++)
			if (other->is.group == cdi->devices[i]->is.group && !other->is.is_bridge &&
			    !is_named(cdi, other))
				tool_say("%s shares IOMMU group %d with %s: no other container and no "
					 "machine can use that one meanwhile",
					 cdi->devices[i]->is.name, other->is.group, other->is.name);
}

static json_t *edits(const char *node)
{
	return json_pack("{s:[{s:s, s:s}]}", "deviceNodes", "path", node, "permissions", "rw");
}

/* NULL: not enough memory. */
static json_t *specification(const struct cdi *cdi)
{
	json_t *devices = json_array();
	char node[64];

	for (size_t i = 0; i < cdi->count; i++) {
		node_of(cdi, cdi->devices[i], node);
		if (json_array_append_new(devices, json_pack("{s:s, s:o}", "name", cdi->devices[i]->is.name,
							     "containerEdits", edits(node)))) {
			json_decref(devices);
			return NULL;
		}
	}
	return json_pack("{s:s, s:s, s:o, s:o}", "cdiVersion", "0.5.0", "kind", KIND, "devices", devices,
			 "containerEdits", edits(common_node(cdi)));
}

static enum tool_status write_to(const struct cdi *cdi, const char *path, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_INDENT(2)) : NULL;
	struct lend_error error = {"not enough memory"};
	int ret = text ? replace_file(path, text, &error) : -ENOMEM;

	free(text);
	json_decref(value);
	if (ret) {
		tool_say("%s", error.text);
		return TOOL_FAILED;
	}
	for (size_t i = 0; i < cdi->count; i++)
		printf(KIND "=%s\n", cdi->devices[i]->is.name);
	return fflush(stdout) ? TOOL_FAILED : TOOL_OK;
}

static enum tool_status write_installed(const struct cdi *cdi)
{
	char folder[PATH_MAX], path[PATH_MAX];

	if (host_path("/etc/cdi", folder) || host_path("/etc/cdi/lend-vfio.json", path)) {
		tool_say("the path in LEND_ROOT is too long");
		return TOOL_FAILED;
	}
	if (mkdir(folder, 0755) && errno != EEXIST) {
		tool_say("cannot make the folder %s: %s", folder, strerror(errno));
		return TOOL_FAILED;
	}
	return write_to(cdi, path, specification(cdi));
}

static enum tool_status prepare(struct cdi *cdi, const struct args *args, const char *wish)
{
	const struct lend_survey_device *named[ARGS_DEVICES_MAX];
	struct lend_error error;

	if (host_resolve(cdi->survey, args, named))
		return TOOL_FAILED;
	for (size_t i = 0; i < args->device_count; i++)
		if (!is_named(cdi, named[i]))
			cdi->devices[cdi->count++] = named[i];
	if (choose_nodes(cdi, wish, &error)) {
		tool_say("%s", error.text);
		return TOOL_USAGE;
	}
	if (check_devices(cdi, &error) || check_nodes(cdi, &error)) {
		tool_say("%s", error.text);
		return TOOL_FAILED;
	}
	tell_neighbours(cdi);
	return TOOL_OK;
}

static int run_cdi(int argc, char **argv)
{
	const char *output = NULL, *wish = NULL;
	bool install = false, done;
	const struct args_option options[] = {{"output", 'o', NULL, &output},
					      {"install", 0, &install, NULL},
					      {"nodes", 0, NULL, &wish},
					      {0}};
	struct args args = {.command = &tool_cdi, .options = options};
	struct lend_survey *survey;
	struct cdi cdi = {0};
	enum tool_status status;

	status = args_begin(&args, argc, argv, &done);
	if (done)
		return (int)status;
	if (!args.device_count || (output && install)) {
		tool_say(args.device_count ? "--output and --install are two places; give one"
					   : "lend cdi writes of the devices that it is given: name one");
		return TOOL_USAGE;
	}
	status = host_open_names(&cdi.context, &survey);
	if (status)
		return (int)status;
	cdi.survey = survey;
	status = prepare(&cdi, &args, wish);
	if (status == TOOL_OK) {
		if (install)
			status = write_installed(&cdi);
		else
			status = output ? write_to(&cdi, output, specification(&cdi))
					: show_print_json(specification(&cdi));
	}
	host_close(cdi.context, survey);
	return (int)status;
}

const struct tool_command tool_cdi = {
	.name = "cdi",
	.summary = "write what a container engine needs to hand a device on",
	.help = cdi_help,
	.run = run_cdi,
};

/* SPDX-License-Identifier: MIT */
/* What stands in the way, asked before anything is touched; see preflight.h. */
#include <errno.h>
#include <string.h>

#include "tool/asked.h"
#include "tool/run/preflight.h"
#include "tool/tool.h"

static const struct run_device *device_of(const struct run_options *options, const char *name)
{
	for (unsigned i = 0; i < options->device_count; i++) {
		struct lend_bdf bdf;
		char host[16];

		if (lend_bdf_parse(options->devices[i].host, &bdf))
			continue;
		lend_bdf_format(&bdf, host);
		if (!strcmp(host, name))
			return &options->devices[i];
	}
	return NULL;
}

/*
 * Whether a reset that failed in the check is the last word: not where the user takes the device
 * all the same, nor where a device comes as a descriptor, which may be what is missing on the bus.
 * A device that another process serves is on no bus.
 */
static bool is_final_reset(const struct run_options *options, const struct run_device *device)
{
	for (unsigned i = 0; i < options->device_count; i++)
		if (!options->devices[i].host[0] && !options->devices[i].user)
			return false;
	return !device || !device->allow_unreset;
}

/* Whether a row that failed is the last word. */
static bool is_final(const struct run_options *options, const struct lend_check_row *row)
{
	const struct run_device *device = row->device[0] ? device_of(options, row->device) : NULL;

	if (!strcmp(row->topic, "reset"))
		return is_final_reset(options, device);
	/* The row is about the nodes that are taken where the user chooses none. */
	if (!strcmp(row->topic, "node") && device)
		return device->backend == LEND_BACKEND_AUTO && !options->has_iommu_fd;
	return true;
}

/* What taking a device from its driver does not change. */
static bool is_final_before(const struct run_options *options, const struct lend_check_row *row)
{
	return (!strcmp(row->topic, "reset") || !strcmp(row->topic, "rules")) && is_final(options, row);
}

/* The devices that are asked about, each with the ids that its guest finds. */
struct devices {
	struct lend_bdf bdfs[VMM_DEVICES_MAX];
	struct lend_ids ids[VMM_DEVICES_MAX];
	size_t count;
};

/* What is no address is a mediated device, or comes as a descriptor. */
static void list_devices(const struct run_options *options, struct devices *out)
{
	out->count = 0;
	for (unsigned i = 0; i < options->device_count; i++) {
		const struct run_device *device = &options->devices[i];

		if (!device->host[0] || lend_bdf_parse(device->host, &out->bdfs[out->count]))
			continue;
		out->ids[out->count++] = device->function.ids;
	}
}

static int ask(struct lend_context *context, const struct run_options *options, const struct devices *devices,
	       bool (*final)(const struct run_options *options, const struct lend_check_row *row),
	       const char **topic, struct lend_error *error)
{
	struct lend_check_options asked = asked_of(options);
	const struct lend_check_row *row;
	struct lend_check *check;
	int ret;

	asked.starting = true;
	asked.ids = devices->ids;
	ret = lend_check_new(context, devices->bdfs, devices->count, &asked, &check, error);
	if (ret)
		return ret;
	for (size_t i = 0; !ret && (row = lend_check_at(check, i)); i++) {
		if (row->verdict != LEND_FAILED || !final(options, row))
			continue;
		if (error)
			lend_check_sentence(row, error);
		if (topic)
			*topic = row->topic;
		ret = -EPERM;
	}
	lend_check_free(check);
	return ret;
}

static bool is_any_managed(const struct run_options *options)
{
	for (unsigned i = 0; i < options->device_count; i++)
		if (options->devices[i].managed)
			return true;
	return false;
}

/* Asked apart only where devices are taken between: with its devices it is asked all of this, too. */
static bool is_apart(const struct run_options *options)
{
	struct devices devices;

	list_devices(options, &devices);
	return is_any_managed(options) || !devices.count;
}

int preflight_computer(struct lend_context *context, const struct run_options *options,
		       const struct files *files, struct lend_error *error)
{
	const struct vmm_config images = {
		.memory = options->memory,
		.firmware = options->firmware.code[0] ? &files->firmware.config : NULL,
		.kernel_fd = files->kernel,
		.initrd_fd = files->initrd,
		.kernel_name = options->kernel,
		.initrd_name = options->initrd,
		.cmdline = options->append,
	};
	const struct devices none = {.count = 0};
	int ret = vmm_check(&images, error);

	return ret || !is_apart(options) ? ret : ask(context, options, &none, is_final, NULL, error);
}

int preflight_taking_topic(struct lend_context *context, const struct run_options *options,
			   const char **topic, struct lend_error *error)
{
	struct devices devices;

	if (!is_any_managed(options))
		return 0;
	list_devices(options, &devices);
	return ask(context, options, &devices, is_final_before, topic, error);
}

int preflight_devices_topic(struct lend_context *context, const struct run_options *options,
			    const char **topic, struct lend_error *error)
{
	struct devices devices;

	list_devices(options, &devices);
	return devices.count ? ask(context, options, &devices, is_final, topic, error) : 0;
}

int preflight_taking(struct lend_context *context, const struct run_options *options,
		     struct lend_error *error)
{
	return preflight_taking_topic(context, options, NULL, error);
}

int preflight_devices(struct lend_context *context, const struct run_options *options,
		      struct lend_error *error)
{
	return preflight_devices_topic(context, options, NULL, error);
}

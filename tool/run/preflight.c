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

/* Whether a row that failed is the last word. */
static bool is_final(const struct run_options *options, const struct lend_check_row *row)
{
	const struct run_device *device = row->device[0] ? device_of(options, row->device) : NULL;

	/* The machine tries it, and then knows it. */
	if (!strcmp(row->topic, "reset"))
		return false;
	/* The row is about the nodes that are taken where the user chooses none. */
	if (!strcmp(row->topic, "node") && device)
		return device->backend == LEND_BACKEND_AUTO && !options->has_iommu_fd;
	return true;
}

static int ask(struct lend_context *context, const struct run_options *options, const struct lend_bdf *bdfs,
	       size_t count, struct lend_error *error)
{
	struct lend_check_options asked = asked_of(options);
	const struct lend_check_row *row;
	struct lend_check *check;
	int ret;

	asked.starting = true;
	ret = lend_check_new(context, bdfs, count, &asked, &check, error);
	if (ret)
		return ret;
	for (size_t i = 0; !ret && (row = lend_check_at(check, i)); i++) {
		if (row->verdict != LEND_FAILED || !is_final(options, row))
			continue;
		if (error)
			lend_check_sentence(row, error);
		ret = -EPERM;
	}
	lend_check_free(check);
	return ret;
}

/* Asked apart only where devices are taken between: with its devices it is asked all of this, too. */
static bool is_apart(const struct run_options *options)
{
	struct lend_bdf bdf;
	bool any = false;

	for (unsigned i = 0; i < options->device_count; i++) {
		if (options->devices[i].managed)
			return true;
		any |= options->devices[i].host[0] && !lend_bdf_parse(options->devices[i].host, &bdf);
	}
	return !any;
}

int preflight_computer(struct lend_context *context, const struct run_options *options,
		       const struct files *files, struct lend_error *error)
{
	const struct vmm_config images = {
		.memory = options->memory,
		.kernel_fd = files->kernel,
		.initrd_fd = files->initrd,
		.kernel_name = options->kernel,
		.initrd_name = options->initrd,
		.cmdline = options->append,
	};
	int ret = vmm_check(&images, error);

	return ret || !is_apart(options) ? ret : ask(context, options, NULL, 0, error);
}

int preflight_devices(struct lend_context *context, const struct run_options *options,
		      struct lend_error *error)
{
	struct lend_bdf bdfs[VMM_DEVICES_MAX];
	size_t count = 0;

	/* What is no address is a mediated device, or comes as a descriptor. */
	for (unsigned i = 0; i < options->device_count; i++)
		if (options->devices[i].host[0] && !lend_bdf_parse(options->devices[i].host, &bdfs[count]))
			count++;
	return count ? ask(context, options, bdfs, count, error) : 0;
}

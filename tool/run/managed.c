/* SPDX-License-Identifier: MIT */
/* Devices before and after the machine; see managed.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lend/bind.h"
#include "lend/host.h"
#include "tool/run/managed.h"
#include "tool/take.h"

static void say_line(void *opaque, const char *line)
{
	(void)opaque;
	tool_say("%s", line);
}

static struct lend_bind_options options_of(const struct run_options *options)
{
	return (struct lend_bind_options){.size = sizeof(struct lend_bind_options),
					  .managed = true,
					  .note = options->verbose ? say_line : NULL};
}

/* An address alone needs no look at the host: the machine finds it, or says that it is not there. */
static bool is_plain(const struct run_options *options)
{
	for (unsigned i = 0; i < options->device_count; i++) {
		const struct run_device *device = &options->devices[i];

		if (device->name[0] || device->expect[0] || device->managed)
			return false;
	}
	return true;
}

static void add(struct lend_error *error, const char *text)
{
	size_t used = strlen(error->text);

	snprintf(error->text + used, sizeof(error->text) - used, "%s", text);
}

static int look_up(const struct lend_survey *survey, struct run_options *options, unsigned index,
		   struct lend_error *error)
{
	struct run_device *device = &options->devices[index];
	const struct lend_survey_device *found;
	int ret;

	if (!device->name[0] && !device->host[0])
		return 0; /* it comes as a descriptor, or is no device of this computer */
	ret = lend_survey_resolve(survey, device->name[0] ? device->name : device->host, &found, error);

	if (!ret && device->expect[0])
		ret = lend_survey_expect(survey, found, device->expect, error);
	if (ret == -ENOTUNIQ)
		add(error, "; each takes a -device of its own");
	if (ret)
		return ret;
	snprintf(device->host, sizeof(device->host), "%s", found->is.name);
	device->taken = device->managed && !lend_host_is_vfio(found->is.driver);
	for (unsigned i = 0; i < index; i++)
		if (!strcmp(options->devices[i].host, device->host))
			return tool_fail(error, -EINVAL,
					 "the device %s is given twice; leave one -device out", device->host);
	return 0;
}

int managed_find(struct managed *managed, struct run_options *options, struct lend_error *error)
{
	struct lend_survey *survey;
	int ret;

	*managed = (struct managed){0};
	if (is_plain(options))
		return 0;
	ret = host_context(&managed->context);
	if (!ret)
		ret = lend_survey_names(managed->context, &survey);
	if (ret)
		return tool_fail(error, ret, "cannot look at the devices of this computer: %s",
				 strerror(-ret));
	for (unsigned i = 0; !ret && i < options->device_count; i++)
		ret = look_up(survey, options, i, error);
	lend_survey_free(survey);
	return ret;
}

int managed_take(struct managed *managed, const struct run_options *options, struct lend_error *error)
{
	struct lend_bind_options bind = options_of(options);
	struct lend_bdf bdfs[VMM_DEVICES_MAX];
	size_t count = 0;

	for (unsigned i = 0; i < options->device_count; i++)
		if (options->devices[i].managed && !lend_bdf_parse(options->devices[i].host, &bdfs[count]))
			count++;
	if (!count)
		return 0;
	take_load_driver();
	managed->taken = true;
	return lend_bind(managed->context, bdfs, count, &bind, error);
}

int managed_give(const struct run_device *device, const struct run_options *options, struct lend_error *error)
{
	struct lend_bind_options bind = options_of(options);
	struct lend_host_device host;
	struct lend_context *context;
	struct lend_bdf bdf;
	int ret = lend_bdf_parse(device->host, &bdf) ? -EINVAL : host_context(&context);

	if (ret)
		return tool_fail(error, ret, "%s: cannot give it back: %s", device->host, strerror(-ret));
	if (lend_host_find(context, device->host, &host, sizeof(host), NULL) != -ENODEV)
		ret = lend_unbind(context, &bdf, 1, &bind, error);
	lend_context_free(context);
	return ret;
}

int managed_end(struct managed *managed, const struct run_options *options, struct lend_error *error)
{
	struct lend_bind_options bind = options_of(options);
	int ret = managed->taken ? lend_give_back(managed->context, &bind, error) : 0;

	lend_context_free(managed->context);
	*managed = (struct managed){0};
	return ret < 0 ? ret : 0;
}

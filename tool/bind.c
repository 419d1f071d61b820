/* SPDX-License-Identifier: MIT */
/* lend bind: takes devices from their drivers. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend/bind.h"
#include "tool/take.h"

static const char bind_help[] =
	"lend bind: takes devices from their drivers, for virtual machines.\n"
	"\n"
	"usage: lend bind [OPTION]... DEVICE...\n"
	"       lend bind --boot\n"
	"\n"
	"  --siblings    take all others of their IOMMU groups too\n"
	"  --user USER   give the groups' nodes to this user, who can then run machines\n"
	"  --persist     take them again at each boot, if the same device is in that slot\n"
	"  --force       take a device even if it is in use\n"
	"  --limit S     wait at most S seconds for a driver to let go (default: 30)\n"
	"  --boot        take the devices that --persist named; for the computer's start\n"
	"  --help        this text\n"
	"\n"
	"All are taken, or none. lend unbind gives them back.\n"
	"\n"
	"DEVICE: 0000:05:00.0, eth1, /dev/nvme0n1, 8086:10d3, or as in man lend-ls.\n";

static int find_user(const char *name, uid_t *out, struct lend_error *error)
{
	const struct passwd *entry = getpwnam(name);
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (entry)
		*out = entry->pw_uid;
	else if (end != name && !*end && number < (uid_t)-1)
		*out = (uid_t)number;
	else
		return tool_fail(error, -EINVAL, "there is no user '%.100s'", name);
	return 0;
}

static int bind_boot(const struct lend_bind_options *options)
{
	struct lend_context *context;
	struct lend_error error = {""};
	int ret = host_context(&context);

	if (ret) {
		tool_say("%s", strerror(-ret));
		return TOOL_FAILED;
	}
	ret = lend_bind_persistent(context, options, &error);
	lend_context_free(context);
	if (ret < 0)
		tool_say("%s", error.text);
	return ret < 0 ? TOOL_FAILED : TOOL_OK;
}

/* What this call took, not what VFIO had before it. */
static void give_back(struct lend_context *context, const struct lend_survey *survey,
		      const struct lend_survey_device *const *devices, size_t count,
		      const struct lend_bind_options *options)
{
	const struct lend_survey_device *device;
	struct lend_error error = {""};

	for (size_t i = 0; (device = lend_survey_at(survey, i)); i++) {
		bool taken = false;

		for (size_t k = 0; k < count; k++)
			taken |= device == devices[k] ||
				 (options->siblings && device->is.group >= 0 &&
				  device->is.group == devices[k]->is.group && !device->is.is_bridge);
		if (taken && !lend_host_is_vfio(device->is.driver) &&
		    lend_unbind(context, &device->is.bdf, 1, options, &error))
			tool_say("%s", error.text);
	}
}

/* Those that were named; siblings come along at the next boot as they do now. */
static int persist(struct lend_context *context, const struct lend_survey_device *const *devices,
		   size_t count, const struct lend_bind_options *options)
{
	struct lend_error error = {""};

	if (!lend_persist(context, devices, count, options, &error))
		return take_enable_boot();
	tool_say("%s", error.text);
	return TOOL_FAILED;
}

static int bind_devices(const struct args *args, const struct lend_bind_options *options, bool persistent)
{
	const struct lend_survey_device *devices[ARGS_DEVICES_MAX];
	struct lend_bdf bdfs[ARGS_DEVICES_MAX];
	struct lend_error error = {""};
	struct lend_context *context;
	struct lend_survey *survey;
	int status;

	if (host_open_names(&context, &survey))
		return TOOL_FAILED;
	status = (int)host_resolve(survey, args, devices);
	for (size_t i = 0; !status && i < args->device_count; i++)
		bdfs[i] = devices[i]->is.bdf;
	if (!status && lend_bind(context, bdfs, args->device_count, options, &error)) {
		tool_say("%s", error.text);
		status = TOOL_FAILED;
	}
	if (!status && persistent) {
		status = persist(context, devices, args->device_count, options);
		if (status)
			give_back(context, survey, devices, args->device_count, options);
	}
	host_close(context, survey);
	return status;
}

static int run_bind(int argc, char **argv)
{
	struct lend_bind_options take = {.size = sizeof(take), .note = take_note};
	const char *user = NULL, *limit = NULL;
	bool persistent = false, boot = false, done;
	const struct args_option options[] = {{"siblings", 0, &take.siblings, NULL},
					      {"persist", 0, &persistent, NULL},
					      {"force", 0, &take.force, NULL},
					      {"boot", 0, &boot, NULL},
					      {"user", 0, NULL, &user},
					      {"limit", 0, NULL, &limit},
					      {0}};
	struct args args = {.command = &tool_bind, .options = options};
	struct lend_error error = {""};
	int status = (int)args_begin(&args, argc, argv, &done);

	if (done)
		return status;
	if ((boot && (persistent || take.siblings || user) &&
	     tool_fail(&error, -EINVAL,
		       "--boot takes each device as its rule says; leave out --persist, --siblings and "
		       "--user")) ||
	    (limit && args_seconds("limit", limit, &take.limit_ms, &error)) ||
	    (user && find_user(user, &take.user, &error)) ||
	    (!boot != !!args.device_count &&
	     tool_fail(&error, -EINVAL,
		       boot ? "--boot takes the devices that --persist named; leave out '%.100s'"
			    : "a device is missing; lend ls lists them",
		       boot ? args.devices[0] : ""))) {
		tool_say("%s", error.text);
		return TOOL_USAGE;
	}
	take.has_user = user != NULL;
	take_load_driver();
	return boot ? bind_boot(&take) : bind_devices(&args, &take, persistent);
}

const struct tool_command tool_bind = {
	.name = "bind",
	.summary = "take devices from their drivers",
	.help = bind_help,
	.run = run_bind,
};

/* SPDX-License-Identifier: MIT */
/* lend unbind: gives devices back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lend/bind.h"
#include "tool/take.h"

static const char unbind_help[] =
	"lend unbind: gives devices back to the drivers that they were taken from.\n"
	"\n"
	"usage: lend unbind [OPTION]... DEVICE...\n"
	"       lend unbind --stale\n"
	"\n"
	"  --siblings    give back all others of their IOMMU groups too\n"
	"  --persist     do not take them at the next boot any more\n"
	"  --force       give back a device that a process has open, which is asked to\n"
	"                give it up\n"
	"  --limit S     wait at most S seconds for the kernel (default: 30)\n"
	"  --stale       give back what a killed lend bind, unbind, vf or run left behind\n"
	"  --help        this text\n"
	"\n"
	"DEVICE: 0000:05:00.0, 8086:10d3, or as in man lend-ls.\n";

static int unbind_stale(struct lend_context *context, const struct lend_bind_options *options)
{
	struct lend_error error = {""};
	int ret = lend_mend(context, options, &error);

	if (ret < 0)
		tool_say("%s", error.text);
	else if (!ret)
		printf("nothing was left behind\n");
	return ret < 0 ? TOOL_FAILED : TOOL_OK;
}

/* Those that are named, and with --siblings the rest of their groups; each once. */
static size_t collect(const struct lend_survey *survey, const struct lend_survey_device *const *named,
		      size_t count, bool siblings, const struct lend_survey_device *out[ARGS_DEVICES_MAX])
{
	const struct lend_survey_device *device;
	size_t found = 0;

	for (size_t i = 0; (device = lend_survey_at(survey, i)) && found < ARGS_DEVICES_MAX; i++) {
		bool wanted = false;

		for (size_t k = 0; k < count; k++)
			wanted |= device == named[k] ||
				  (siblings && device->is.group >= 0 && !device->is.is_bridge &&
				   device->state != LEND_STATE_UNFIT && device->state != LEND_STATE_BLOCKED &&
				   device->is.group == named[k]->is.group);
		if (wanted)
			out[found++] = device;
	}
	return found;
}

/* The rule of a slot that has no device now, as one of a virtual function that is not made; by its path. */
static bool forget_absent(struct lend_context *context, const struct lend_survey *survey, const char *name)
{
	struct lend_survey_device gone;

	if (!take_absent(survey, name, &gone) || lend_forget(context, &gone, NULL))
		return false;
	printf("%s: nothing is there; its rule is removed\n", name);
	return true;
}

static int end_rule(struct lend_context *context, const struct lend_survey_device *device, bool persistent)
{
	bool has = lend_is_persistent(context, device);
	struct lend_error error = {""};

	if (!persistent && has)
		printf("%s: a rule takes it again at the next boot; lend unbind --persist forgets it\n",
		       device->is.name);
	else if (persistent && !has)
		printf("%s: no rule takes it at the next boot\n", device->is.name);
	if (!persistent || !has)
		return TOOL_OK;
	if (lend_forget(context, device, &error)) {
		tool_say("%s", error.text);
		return TOOL_FAILED;
	}
	printf("%s: its rule is removed; it is not taken at the next boot\n", device->is.name);
	return TOOL_OK;
}

static int unbind_devices(struct lend_context *context, const struct lend_survey *survey, struct args *args,
			  const struct lend_bind_options *options, bool persistent)
{
	const struct lend_survey_device *named[ARGS_DEVICES_MAX], *devices[ARGS_DEVICES_MAX];
	struct lend_bdf bdfs[ARGS_DEVICES_MAX];
	struct lend_error error = {""};
	size_t count, left = 0;
	int status;

	for (size_t i = 0; i < args->device_count; i++)
		if (!persistent || !forget_absent(context, survey, args->devices[i]))
			args->devices[left++] = args->devices[i];
	args->device_count = left;
	status = (int)host_resolve(survey, args, named);
	if (status)
		return status;
	count = collect(survey, named, args->device_count, options->siblings, devices);
	for (size_t i = 0; i < count; i++)
		bdfs[i] = devices[i]->is.bdf;
	if (lend_unbind(context, bdfs, count, options, &error)) {
		tool_say("%s", error.text);
		status = TOOL_FAILED;
	}
	for (size_t i = 0; i < count; i++)
		if (end_rule(context, devices[i], persistent))
			status = TOOL_FAILED;
	return status;
}

static int run_unbind(int argc, char **argv)
{
	struct lend_bind_options give = {.size = sizeof(give), .note = take_note};
	bool stale = false, persistent = false, done;
	const char *limit = NULL;
	const struct args_option options[] = {{"siblings", 0, &give.siblings, NULL},
					      {"persist", 0, &persistent, NULL},
					      {"force", 0, &give.force, NULL},
					      {"stale", 0, &stale, NULL},
					      {"limit", 0, NULL, &limit},
					      {0}};
	struct args args = {.command = &tool_unbind, .options = options};
	struct lend_context *context;
	struct lend_survey *survey;
	struct lend_error error;
	int status = (int)args_begin(&args, argc, argv, &done);

	if (done)
		return status;
	if (limit && args_seconds("limit", limit, &give.limit_ms, &error)) {
		tool_say("%s", error.text);
		return TOOL_USAGE;
	}
	if (stale && (persistent || give.siblings)) {
		tool_say("--stale gives back what was left behind; leave out --persist and --siblings");
		return TOOL_USAGE;
	}
	if (!stale != !!args.device_count) {
		tool_say(stale ? "--stale finds the devices itself; leave them out"
			       : "a device is missing; lend ls lists them");
		return TOOL_USAGE;
	}
	if (host_open_names(&context, &survey))
		return TOOL_FAILED;
	status = stale ? unbind_stale(context, &give)
		       : unbind_devices(context, survey, &args, &give, persistent);
	host_close(context, survey);
	return status;
}

const struct tool_command tool_unbind = {
	.name = "unbind",
	.summary = "give them back",
	.help = unbind_help,
	.run = run_unbind,
};

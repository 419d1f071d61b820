/* SPDX-License-Identifier: MIT */
/* lend vf: makes and removes virtual functions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend/bind.h"
#include "tool/take.h"

static const char vf_help[] =
	"lend vf: makes virtual functions of a device with SR-IOV, or removes them.\n"
	"\n"
	"usage: lend vf [OPTION]... DEVICE COUNT\n"
	"\n"
	"  --persist  make as many at each boot, too, if the same device is in that slot;\n"
	"             with 0 not any more\n"
	"  --force    change the number even if some of them are in use\n"
	"  --limit S  wait at most S seconds for the driver (default: 30)\n"
	"  --help     this text\n"
	"\n"
	"COUNT is how many there are afterwards: 0 removes all.\n";

static void list(const char *pf)
{
	const struct lend_survey_device *device;
	struct lend_context *context;
	struct lend_survey *survey;

	if (host_open(&context, &survey))
		return;
	for (size_t i = 0; (device = lend_survey_at(survey, i)); i++)
		if (!strcmp(device->physfn, pf))
			printf("%s  %s\n", device->is.name, device->word);
	host_close(context, survey);
}

/* Says what the next boot makes of it, where that is not what there is now. */
static int tell_next_boot(const struct lend_survey_device *device, unsigned before, unsigned count,
			  bool persistent)
{
	if (persistent && count) {
		printf("%s: %u virtual function%s at each boot\n", device->is.name, count,
		       count == 1 ? "" : "s");
		return take_enable_boot();
	}
	if (persistent && before)
		printf("%s: its rule is removed; none is made at the next boot\n", device->is.name);
	if (!persistent && before && before != count)
		printf("%s: a rule makes %u at the next boot; lend vf --persist %s %u changes it\n",
		       device->is.name, before, device->is.name, count);
	return TOOL_OK;
}

/* The rule is written first, because it can be written back: what a change ends does not come back. */
static int change(struct lend_context *context, const struct lend_survey_device *device, unsigned count,
		  const struct lend_bind_options *options, bool persistent)
{
	unsigned before = lend_persistent_vfs(context, device);
	struct lend_error error = {""};

	if (persistent && lend_persist_vfs(context, device, count, &error)) {
		tool_say("%s", error.text);
		return TOOL_FAILED;
	}
	if (!lend_set_vfs(context, &device->is.bdf, count, options, &error))
		return tell_next_boot(device, before, count, persistent);
	tool_say("%s", error.text);
	if (persistent && lend_persist_vfs(context, device, before, &error))
		tool_say("%s", error.text);
	return TOOL_FAILED;
}

/* The rule of a slot that has no device now, by the slot's path. */
static bool forget_functions(struct lend_context *context, const struct lend_survey *survey, const char *name)
{
	struct lend_survey_device gone;

	if (!take_absent(survey, name, &gone) || !lend_persistent_vfs(context, &gone) ||
	    lend_persist_vfs(context, &gone, 0, NULL))
		return false;
	printf("%s: nothing is there; its rule is removed\n", name);
	return true;
}

static int set(struct args *args, unsigned count, const struct lend_bind_options *options, bool persistent)
{
	const struct lend_survey_device *devices[ARGS_DEVICES_MAX];
	struct lend_context *context;
	struct lend_survey *survey;
	char name[LEND_NAME_SIZE] = "";
	int status;

	if (host_open_names(&context, &survey))
		return TOOL_FAILED;
	if (persistent && !count && forget_functions(context, survey, args->devices[0])) {
		host_close(context, survey);
		return TOOL_OK;
	}
	args->device_count = 1;
	status = (int)host_resolve(survey, args, devices);
	if (!status)
		status = change(context, devices[0], count, options, persistent);
	if (!status)
		snprintf(name, sizeof(name), "%s", devices[0]->is.name);
	host_close(context, survey);
	if (name[0])
		list(name);
	return status;
}

static int run_vf(int argc, char **argv)
{
	struct lend_bind_options make = {.size = sizeof(make), .note = take_note};
	bool persistent = false, done;
	const char *limit = NULL;
	const struct args_option options[] = {{"persist", 0, &persistent, NULL},
					      {"force", 0, &make.force, NULL},
					      {"limit", 0, NULL, &limit},
					      {0}};
	struct args args = {.command = &tool_vf, .options = options};
	struct lend_error error;
	unsigned long count;
	char *end;
	int status = (int)args_begin(&args, argc, argv, &done);

	if (done)
		return status;
	if (args.device_count != 2) {
		tool_say("give a device and how many virtual functions it is to have: lend vf 05:00.0 4");
		return TOOL_USAGE;
	}
	count = strtoul(args.devices[1], &end, 10);
	if (end == args.devices[1] || *end || args.devices[1][0] == '-' || count > 65535) {
		tool_say("'%.100s' is not a number of virtual functions", args.devices[1]);
		return TOOL_USAGE;
	}
	if (limit && args_seconds("limit", limit, &make.limit_ms, &error)) {
		tool_say("%s", error.text);
		return TOOL_USAGE;
	}
	return set(&args, (unsigned)count, &make, persistent);
}

const struct tool_command tool_vf = {
	.name = "vf",
	.summary = "make virtual functions of a device, or remove them",
	.help = vf_help,
	.run = run_vf,
};

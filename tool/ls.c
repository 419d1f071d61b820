/* SPDX-License-Identifier: MIT */
/* lend ls: the devices of this computer. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/ls.h"

static const char ls_help[] =
	"lend ls: shows the PCI devices of this computer, and which can be lent.\n"
	"\n"
	"usage: lend ls [OPTION]... [DEVICE]...\n"
	"\n"
	"  -v, --verbose  print all that is known of each: group, reset, what uses it\n"
	"  --tree         print each device below the bridge that it is reached through\n"
	"  --json         print JSON, for scripts\n"
	"  --help         this text\n"
	"\n"
	"One word says what can be done with a device:\n"
	"  ready     lend run can use it\n"
	"  bindable  lend bind can take it\n"
	"  shared    lend bind --siblings can take it, with the others of its IOMMU group\n"
	"  busy      something uses it; -v says what\n"
	"  blocked   another of its IOMMU group stays with the host; -v says which\n"
	"  dead      it does not answer\n"
	"Any other word is the reason why it cannot be lent.\n"
	"\n"
	"DEVICE: 0000:05:00.0, eth1, /dev/nvme0n1, 8086:10d3, or as in man lend-ls.\n";

static int show_all(struct ls *ls, bool tree, bool json)
{
	if (json)
		return (int)show_print_json(ls_json(ls));
	if (tree)
		ls_tree(ls);
	else
		ls_table(ls);
	return fflush(stdout) || ferror(stdout) ? TOOL_FAILED : TOOL_OK;
}

static int show(struct ls *ls, const struct args *args, bool tree, bool json)
{
	size_t count = args->device_count ? args->device_count : lend_survey_count(ls->survey);
	const struct lend_survey_device **devices =
		calloc(count > ARGS_DEVICES_MAX ? count : ARGS_DEVICES_MAX, sizeof(*devices));
	int status;

	if (!devices) {
		tool_say("not enough memory");
		return TOOL_FAILED;
	}
	status = (int)host_resolve(ls->survey, args, devices);
	for (size_t i = 0; !args->device_count && i < count; i++)
		devices[i] = lend_survey_at(ls->survey, i);
	ls->devices = devices;
	ls->count = count;
	if (status == TOOL_OK)
		status = show_all(ls, tree, json);
	free(devices);
	return status;
}

static int run_ls(int argc, char **argv)
{
	bool tree = false, json = false, done;
	struct ls ls = {.colours = show_colours(), .width = show_width()};
	const struct args_option options[] = {
		{"verbose", 'v', &ls.verbose, NULL}, {"tree", 0, &tree, NULL}, {"json", 0, &json, NULL}, {0}};
	struct args args = {.command = &tool_ls, .options = options};
	struct lend_survey *survey;
	struct lend_context *context;
	int status;

	status = (int)args_begin(&args, argc, argv, &done);
	if (!done)
		status = (int)host_open(&context, &survey);
	if (done || status)
		return status;
	setlocale(LC_CTYPE, "");
	ls.survey = survey;
	ls.names = names_new();
	status = show(&ls, &args, tree, json);
	names_free(ls.names);
	host_close(context, survey);
	return status;
}

const struct tool_command tool_ls = {
	.name = "ls",
	.summary = "show the devices of this computer, and which can be lent",
	.help = ls_help,
	.run = run_ls,
};

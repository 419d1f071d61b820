/* SPDX-License-Identifier: MIT */
/* lend ctl: tells a machine that runs what to do. */
#include <stdio.h>
#include <string.h>

#include "tool/args.h"
#include "tool/ctl/ctl.h"
#include "tool/ctl/machines.h"
#include "tool/nearest.h"

static const char ctl_help[] =
	"lend ctl: tells a machine that runs what to do, or asks it.\n"
	"\n"
	"usage: lend ctl [OPTION]... NAME|PATH COMMAND [ARGUMENT]\n"
	"\n"
	"  status         whether it runs, who it is, the threads of its processors\n"
	"  devices        its devices, and where the guest has them\n"
	"  add DEVICE     give it a device: 05:00.0, or what lend run -device takes\n"
	"  remove ID      ask the guest to let a device go, and take it back\n"
	"  stop, cont     hold its processors, and let them go on\n"
	"  powerdown      press its power button, and wait for its end\n"
	"  reset          restart the guest at once\n"
	"  quit           end the machine at once\n"
	"  events         print what happens, until the machine ends\n"
	"  counters       what it has counted: exits, interrupts, maps\n"
	"\n"
	"  --force    with remove: do not ask the guest\n"
	"  --no-wait  do not wait for the guest\n"
	"  --limit S  wait at most S seconds for the guest (default: 120)\n"
	"  --json     print JSON, for scripts\n"
	"  --help     this text\n"
	"\n"
	"NAME is that of lend run -name; lend ps lists the machines. PATH is a socket of\n"
	"lend run -qmp unix:PATH. Exit status: 0 done, 1 failed, 2 wrong usage, 3 the\n"
	"guest refused, 4 nothing came of it in time.\n";

static const struct ctl_verb *find_verb(const char *name)
{
	const struct ctl_verb *row;

	for (size_t i = 0; (row = ctl_verb_row(i)); i++)
		if (!strcmp(row->name, name))
			return row;
	return NULL;
}

static int say_unknown_verb(const char *name)
{
	struct nearest nearest = {.word = name};
	const struct ctl_verb *row;

	for (size_t i = 0; (row = ctl_verb_row(i)); i++)
		nearest_offer(&nearest, row->name);
	if (nearest.best)
		tool_say("there is no command '%.100s' of lend ctl; the nearest is '%s'", name, nearest.best);
	else
		tool_say("there is no command '%.100s' of lend ctl; lend ctl --help lists those that there "
			 "are",
			 name);
	return TOOL_USAGE;
}

/* What the command line names: a machine, a command, and its argument if it takes one. */
static int check_words(const struct args *args, const struct ctl_verb **verb)
{
	if (args->device_count < 2) {
		tool_say("give a machine and a command: lend ctl NAME status; lend ps lists the machines");
		return TOOL_USAGE;
	}
	*verb = find_verb(args->devices[1]);
	if (!*verb)
		return say_unknown_verb(args->devices[1]);
	if ((*verb)->argument && args->device_count == 2) {
		tool_say("lend ctl %.100s %s needs %s after it", args->devices[0], (*verb)->name,
			 (*verb)->argument);
		return TOOL_USAGE;
	}
	if (args->device_count > ((*verb)->argument ? 3 : 2)) {
		tool_say("'%.100s' is too much: lend ctl %s takes %s", args->devices[args->device_count - 1],
			 (*verb)->name, (*verb)->argument ? "one argument" : "no argument");
		return TOOL_USAGE;
	}
	return TOOL_OK;
}

static int talk(struct ctl *ctl, const struct args *args, const struct ctl_verb *verb)
{
	struct ctl_machines machines;
	struct lend_error error;
	const char *path;
	int status = TOOL_FAILED;

	if (ctl_machines_read(&machines)) {
		tool_say("not enough memory");
		return TOOL_FAILED;
	}
	ctl->client = (struct ctl_client){.fd = -1, .event = ctl_event, .opaque = ctl};
	if (ctl_machines_find(&machines, args->devices[0], &path, &error) ||
	    ctl_connect(&ctl->client, path, &error)) {
		tool_say("%s", error.text);
	} else {
		status = verb->run(ctl, args->device_count > 2 ? args->devices[2] : NULL);
		ctl_close(&ctl->client);
	}
	ctl_machines_free(&machines);
	return status == TOOL_OK && (fflush(stdout) || ferror(stdout)) ? TOOL_FAILED : status;
}

static int run_ctl(int argc, char **argv)
{
	struct ctl ctl = {.limit_ms = CTL_LIMIT_MS};
	const struct ctl_verb *verb = NULL;
	const char *limit = NULL;
	const struct args_option options[] = {{"force", 0, &ctl.force, NULL},
					      {"no-wait", 0, &ctl.no_wait, NULL},
					      {"limit", 0, NULL, &limit},
					      {"json", 0, &ctl.json, NULL},
					      {0}};
	struct args args = {.command = &tool_ctl, .options = options};
	struct lend_error error;
	bool done;
	int status = (int)args_begin(&args, argc, argv, &done);

	if (done)
		return status;
	if (limit && args_seconds("limit", limit, &ctl.limit_ms, &error)) {
		tool_say("%s", error.text);
		return TOOL_USAGE;
	}
	status = check_words(&args, &verb);
	return status ? status : talk(&ctl, &args, verb);
}

const struct tool_command tool_ctl = {
	.name = "ctl",
	.summary = "tell a machine that runs what to do",
	.help = ctl_help,
	.run = run_ctl,
};

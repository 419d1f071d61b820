/* SPDX-License-Identifier: MIT */
/* lend ps: the machines of this computer that run. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tool/args.h"
#include "tool/clean.h"
#include "tool/ctl/ctl.h"
#include "tool/ctl/machines.h"

static const char ps_help[] = "lend ps: shows the machines of this computer that run.\n"
			      "\n"
			      "usage: lend ps [--json]\n"
			      "\n"
			      "  --json  print JSON, for scripts\n"
			      "  --help  this text\n"
			      "\n"
			      "A user sees his own machines, root those of all users.\n";

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

/* As ps has it: [days-]hours:minutes:seconds. */
static void format_uptime(char *out, size_t size, int64_t seconds)
{
	long long s = seconds > 0 ? seconds : 0;

	if (s >= DAY)
		snprintf(out, size, "%lld-%02lld:%02lld:%02lld", s / DAY, s % DAY / HOUR, s % HOUR / MINUTE,
			 s % MINUTE);
	else
		snprintf(out, size, "%02lld:%02lld:%02lld", s / HOUR, s % HOUR / MINUTE, s % MINUTE);
}

static void print_names(const json_t *devices)
{
	size_t i;
	json_t *device;

	if (!json_array_size(devices))
		printf("-");
	json_array_foreach(devices, i, device)
	{
		char name[LEND_NAME_SIZE];

		clean_copy(name, sizeof(name), json_string_value(device) ? json_string_value(device) : "?");
		printf("%s%s", i ? "," : "", name);
	}
}

static void print_table(const struct ctl_machines *machines)
{
	int width = 4;

	for (size_t i = 0; i < machines->count; i++)
		if ((int)strlen(machines->all[i].name) > width)
			width = (int)strlen(machines->all[i].name);
	printf("%-*s  %7s  %11s  %s\n", width, "NAME", "PID", "UPTIME", "SOCKET  DEVICES");
	for (size_t i = 0; i < machines->count; i++) {
		const struct ctl_machine *machine = &machines->all[i];
		char uptime[32];

		format_uptime(uptime, sizeof(uptime), time(NULL) - machine->started);
		printf("%-*s  %7d  %11s  %s  ", width, machine->name, (int)machine->pid, uptime,
		       machine->socket);
		print_names(json_object_get(machine->entry, "devices"));
		putchar('\n');
	}
}

static int print_all_json(const struct ctl_machines *machines)
{
	json_t *all = json_array();

	for (size_t i = 0; i < machines->count; i++)
		json_array_append(all, machines->all[i].entry);
	ctl_print_json(all);
	json_decref(all);
	return all ? TOOL_OK : TOOL_FAILED;
}

static int run_ps(int argc, char **argv)
{
	struct ctl_machines machines;
	bool json = false, done;
	const struct args_option options[] = {{"json", 0, &json, NULL}, {0}};
	struct args args = {.command = &tool_ps, .options = options};
	int status = (int)args_begin(&args, argc, argv, &done);

	if (done)
		return status;
	if (args.device_count) {
		tool_say("'%.100s' is too much: lend ps takes no argument", args.devices[0]);
		return TOOL_USAGE;
	}
	if (ctl_machines_read(&machines)) {
		tool_say("not enough memory");
		return TOOL_FAILED;
	}
	if (json)
		status = print_all_json(&machines);
	else
		print_table(&machines);
	ctl_machines_free(&machines);
	return fflush(stdout) || ferror(stdout) ? TOOL_FAILED : status;
}

const struct tool_command tool_ps = {
	.name = "ps",
	.summary = "show the machines of this computer that run",
	.help = ps_help,
	.run = run_ps,
};

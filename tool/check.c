/* SPDX-License-Identifier: MIT */
/* lend check: what stands between now and a started machine, and what cures it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/asked.h"
#include "tool/check_firmware.h"
#include "tool/check_ports.h"
#include "tool/clean.h"
#include "tool/host.h"
#include "tool/run/options.h"

static const char check_help[] =
	"lend check: says what stands between now and a machine with these devices.\n"
	"\n"
	"usage: lend check [OPTION]... DEVICE...\n"
	"\n"
	"  -m, --memory SIZE  the machine's memory, as for lend run (default: 512 MiB)\n"
	"  -c, --cpus N[,pin=LIST]\n"
	"                     its processors, as for lend run (default: 1)\n"
	"  --device vfio-pci,host=DEVICE,...\n"
	"                     a device, as lend run has it\n"
	"  --firmware CODE    also what UEFI firmware needs; then no device is needed\n"
	"  --ports N[,window=SIZE]\n"
	"                     also the ports for devices that come while the guest runs\n"
	"  --json             print JSON, for scripts\n"
	"  --help             this text\n"
	"\n"
	"A line that failed is followed by its cure: a command, a kernel argument or a\n"
	"setting. Cure them from the top, and check again after each. Nothing is changed.\n"
	"Exit status: 0 nothing stands in the way, 1 something does, 2 wrong usage.\n"
	"\n"
	"DEVICE: 0000:05:00.0, eth1, /dev/nvme0n1, 8086:10d3, or as in man lend-ls.\n";

static const char *const verdicts[] = {
	[LEND_PASSED] = "passed", [LEND_NOTE] = "note", [LEND_UNKNOWN] = "unknown", [LEND_FAILED] = "failed"};

static json_t *row_json(const struct lend_check_row *row)
{
	json_t *object = json_object();

	json_object_set_new(object, "topic", show_json(row->topic));
	json_object_set_new(object, "device", row->device[0] ? show_json(row->device) : json_null());
	json_object_set_new(object, "verdict", show_json(verdicts[row->verdict]));
	json_object_set_new(object, "text", show_json(row->text));
	if (row->command[0])
		json_object_set_new(object, "command", show_json(row->command));
	if (row->kernel_argument[0])
		json_object_set_new(object, "kernel_argument", show_json(row->kernel_argument));
	if (row->advice[0])
		json_object_set_new(object, "advice", show_json(row->advice));
	return object;
}

/* The rows of the tool's own. */
struct own_rows {
	struct check_rows firmware, ports;
};

static void add_json(json_t *array, const struct check_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		json_array_append_new(array, row_json(&rows->rows[i]));
}

static enum tool_status print_json(const struct lend_check *check, const struct own_rows *own, bool passed)
{
	json_t *object = json_object(), *rows = json_array();
	const struct lend_check_row *row;

	for (size_t i = 0; (row = lend_check_at(check, i)); i++)
		json_array_append_new(rows, row_json(row));
	add_json(rows, &own->firmware);
	add_json(rows, &own->ports);
	json_object_set_new(object, "passed", json_boolean(passed));
	json_object_set_new(object, "checks", rows);
	return show_print_json(object);
}

/* Whether a shell has more to do than to split words: outside of quotes, one of these. */
static bool needs_shell(const char *command)
{
	bool quoted = false;

	for (const char *at = command; *at; at++) {
		quoted ^= *at == '\'';
		if (!quoted && strchr(";>|&", *at))
			return true;
	}
	return false;
}

/* A command that root is to give, as this user types it. */
static void print_command(const char *command)
{
	if (!geteuid() || !needs_shell(command)) {
		printf("          cure: %s%s\n", geteuid() ? "sudo " : "", command);
		return;
	}
	printf("          cure: sudo sh -c \"");
	/* What the user's own shell would take for itself between double quotes. */
	for (const char *at = command; *at; at++)
		printf("%s%c", strchr("\\\"$`", *at) ? "\\" : "", *at);
	printf("\"\n");
}

static void print_row(const struct lend_check_row *row, bool colours)
{
	static const char *const marks[] = {
		[LEND_PASSED] = "ok", [LEND_NOTE] = "note", [LEND_UNKNOWN] = "?", [LEND_FAILED] = "FAILED"};
	static const char *const sequences[] = {[LEND_PASSED] = "\033[32m",
						[LEND_NOTE] = "\033[36m",
						[LEND_UNKNOWN] = "\033[33m",
						[LEND_FAILED] = "\033[31m"};
	char text[sizeof(row->text)], command[sizeof(row->command)], advice[sizeof(row->advice)];

	clean_copy(text, sizeof(text), row->text);
	clean_copy(command, sizeof(command), row->command);
	clean_copy(advice, sizeof(advice), row->advice);
	printf("  %s%-6s%s  %s\n", colours ? sequences[row->verdict] : "", marks[row->verdict],
	       show_plain(colours), text);
	if (row->kernel_argument[0])
		printf("          cure: add %s to the kernel's command line, and reboot\n"
		       "                (Debian: GRUB_CMDLINE_LINUX in /etc/default/grub, then "
		       "update-grub)\n",
		       row->kernel_argument);
	if (command[0])
		print_command(command);
	if (advice[0])
		printf("          %s: %s\n", command[0] || row->kernel_argument[0] ? "note" : "cure", advice);
}

/* Returns how many failed. */
static size_t print_rows(const char *title, const struct check_rows *rows)
{
	size_t failed = 0;

	if (rows->count)
		printf("%s\n", title);
	for (size_t i = 0; i < rows->count; i++) {
		print_row(&rows->rows[i], show_colours());
		failed += rows->rows[i].verdict == LEND_FAILED;
	}
	return failed;
}

static enum tool_status print_text(const struct lend_check *check, const struct own_rows *own)
{
	const struct lend_check_row *row;
	const char *device = "-";
	size_t failed = 0;

	for (size_t i = 0; (row = lend_check_at(check, i)); i++) {
		/* The computer comes first, the user last. */
		if (strcmp(row->device, device) != 0)
			printf("%s\n", row->device[0] ? row->device : i ? "you" : "this computer");
		device = row->device;
		print_row(row, show_colours());
		failed += row->verdict == LEND_FAILED;
	}
	failed += print_rows("the firmware", &own->firmware);
	failed += print_rows("the ports", &own->ports);
	if (failed)
		printf("%zu of these stand in the way; cure them from the top, and check again\n", failed);
	else
		printf("nothing stands in the way\n");
	return fflush(stdout) || ferror(stdout) ? TOOL_FAILED : TOOL_OK;
}

/* What is asked for beside the devices. */
struct check_asked {
	struct lend_check_options options;
	const char *firmware, *ports; /* NULL: none */
	bool json;
};

static int check_devices(struct lend_context *context, const struct lend_survey *survey,
			 const struct args *args, const struct check_asked *asked)
{
	const struct lend_survey_device *devices[ARGS_DEVICES_MAX];
	struct lend_bdf bdfs[ARGS_DEVICES_MAX];
	struct own_rows own = {.firmware.count = 0};
	const struct firmware_facts facts = {"/sys", check_rdrand(), devices, args->device_count};
	struct lend_check *made;
	struct lend_error error;
	enum tool_status status = host_resolve(survey, args, devices);
	bool passed;

	if (status)
		return (int)status;
	for (size_t i = 0; i < args->device_count; i++)
		bdfs[i] = devices[i]->is.bdf;
	if ((asked->firmware && check_firmware(asked->firmware, &facts, &own.firmware, &error)) ||
	    (asked->ports && check_ports(asked->ports, devices, args->device_count, &own.ports, &error))) {
		tool_say("%s", error.text);
		return TOOL_USAGE;
	}
	if (lend_check_new(context, bdfs, args->device_count, &asked->options, &made, &error)) {
		tool_say("%s", error.text);
		return TOOL_FAILED;
	}
	passed = lend_check_passed(made) && firmware_rows_passed(&own.firmware);
	status = asked->json ? print_json(made, &own, passed) : print_text(made, &own);
	lend_check_free(made);
	return status ? (int)status : passed ? TOOL_OK : TOOL_FAILED;
}

static int run_check(int argc, char **argv)
{
	const char *memory = NULL, *cpus = NULL;
	struct check_asked asked = {.firmware = NULL};
	bool done;
	const struct args_option table[] = {{"memory", 'm', NULL, &memory},
					    {"cpus", 'c', NULL, &cpus},
					    {"device", 0, NULL, NULL},
					    {"firmware", 0, NULL, &asked.firmware},
					    {"ports", 0, NULL, &asked.ports},
					    {"json", 0, &asked.json, NULL},
					    {0}};
	struct args args = {.command = &tool_check, .options = table};
	struct run_options machine = {0};
	struct lend_context *context;
	struct lend_survey *survey;
	struct lend_error error;
	int status = (int)args_begin(&args, argc, argv, &done);

	if (done)
		return status;
	if (!args.device_count && !asked.firmware && !asked.ports) {
		tool_say("no device is named; lend ls lists the devices");
		return TOOL_USAGE;
	}
	if (memory && memory_parse(&machine, memory, &error)) {
		tool_say("%s", error.text);
		return TOOL_USAGE;
	}
	if (cpus && cpus_parse(&machine, cpus, &error)) {
		tool_say("%s", error.text);
		return TOOL_USAGE;
	}
	asked.options = asked_of(&machine);
	asked.options.shell = getppid();
	if (host_open_names(&context, &survey))
		return TOOL_FAILED;
	status = check_devices(context, survey, &args, &asked);
	host_close(context, survey);
	return status;
}

const struct tool_command tool_check = {
	.name = "check",
	.summary = "say what stands between now and a machine with a device",
	.help = check_help,
	.run = run_check,
};

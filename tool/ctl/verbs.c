/* SPDX-License-Identifier: MIT */
/* The commands of lend ctl, as a table. */
#include <stdio.h>
#include <string.h>

#include "tool/clean.h"
#include "tool/ctl/ctl.h"
#include "tool/ctl/device_words.h"

/* Asks for something that has no answer but that it is done. */
static int order(struct ctl *ctl, const char *command, json_t *arguments)
{
	json_t *result = ctl_ask(ctl, command, arguments);

	json_decref(result);
	return result ? TOOL_OK : TOOL_FAILED;
}

static void print_field(const char *name, const char *text)
{
	char clean[256];

	clean_copy(clean, sizeof(clean), text);
	if (*clean)
		printf("%-10s%s\n", name, clean);
}

static void print_cpus(const json_t *cpus)
{
	size_t i;
	json_t *cpu;

	if (!json_array_size(cpus))
		return;
	printf("%-10s", "threads");
	json_array_foreach(cpus, i, cpu) printf(
		"%s%lld", i ? " " : "", (long long)json_integer_value(json_object_get(cpu, "thread-id")));
	putchar('\n');
}

static int run_status(struct ctl *ctl, const char *argument)
{
	static const char *const questions[] = {"query-status", "query-name", "query-uuid", "query-version",
						"query-cpus-fast"};
	json_t *all = json_object(), *answer;
	int status = TOOL_OK;

	(void)argument;
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions) && status == TOOL_OK; i++) {
		answer = ctl_ask(ctl, questions[i], NULL);
		status = answer && !json_object_set_new(all, questions[i], answer) ? TOOL_OK : TOOL_FAILED;
	}
	if (status == TOOL_OK && ctl->json)
		ctl_print_json(all);
	else if (status == TOOL_OK) {
		print_field("status", ctl_text(json_object_get(all, "query-status"), "status"));
		print_field("name", ctl_text(json_object_get(all, "query-name"), "name"));
		print_field("uuid", ctl_text(json_object_get(all, "query-uuid"), "UUID"));
		print_field("version", ctl_text(json_object_get(all, "query-version"), "package"));
		print_cpus(json_object_get(all, "query-cpus-fast"));
	}
	json_decref(all);
	return status;
}

static int show(struct ctl *ctl, const char *command, void (*print)(const json_t *value))
{
	json_t *answer = ctl_ask(ctl, command, NULL);

	if (!answer)
		return TOOL_FAILED;
	if (ctl->json)
		ctl_print_json(answer);
	else
		print(answer);
	json_decref(answer);
	return TOOL_OK;
}

static int run_devices(struct ctl *ctl, const char *argument)
{
	(void)argument;
	return show(ctl, "query-pci", ctl_print_devices);
}

static int run_counters(struct ctl *ctl, const char *argument)
{
	(void)argument;
	return show(ctl, "x-lend-counters", ctl_print_lines);
}

static const struct ctl_outcome added[] = {
	{.event = "LEND_DEVICE_READY", .text = "the guest uses it"},
	{.event = "LEND_DEVICE_PLUG_TIMEOUT",
	 .status = CTL_LATE,
	 .text = "the guest did not take it, and it is out of the guest",
	 .gives_back = true},
	{.event = "DEVICE_DELETED",
	 .status = TOOL_FAILED,
	 .text = "it was taken away again",
	 .gives_back = true},
	{.event = "SHUTDOWN", .status = TOOL_FAILED, .text = "the machine ends"},
	{0},
};

static int run_add(struct ctl *ctl, const char *argument)
{
	char id[CTL_ID_SIZE];
	struct lend_error error;
	json_t *device = ctl_device(argument, id, &error);
	int status;

	if (!device) {
		tool_say("%s", error.text);
		return TOOL_USAGE;
	}
	ctl->id = id;
	ctl->outcomes = added;
	ctl->client.reply_ms = ctl->limit_ms; /* the reply comes when the guest can see it */
	status = order(ctl, "device_add", device);
	if (status == TOOL_OK && !ctl->no_wait)
		status = ctl_await(ctl, id);
	else if (status == TOOL_OK)
		printf("%s: the guest is told of it\n", id);
	return status;
}

static const struct ctl_outcome removed[] = {
	{.event = "DEVICE_DELETED", .text = "it is out of the guest", .gives_back = true},
	{.event = "DEVICE_UNPLUG_GUEST_ERROR",
	 .status = CTL_REFUSED,
	 .text = "the guest does not let it go; lend ctl NAME remove --force takes it all the same"},
	{0},
};

static int run_remove(struct ctl *ctl, const char *argument)
{
	json_t *arguments = json_pack("{s:s}", "id", argument);
	int status;

	if (!arguments) {
		tool_say("the name of a device is text in UTF-8");
		return TOOL_USAGE;
	}
	if (ctl->force)
		json_object_set_new(arguments, "x-force", json_true());
	ctl->id = argument;
	ctl->outcomes = removed;
	status = order(ctl, "device_del", arguments);
	if (status == TOOL_OK && !ctl->no_wait)
		status = ctl_await(ctl, argument);
	else if (status == TOOL_OK)
		printf("%s: the guest is asked to let it go\n", argument);
	return status;
}

static int run_stop(struct ctl *ctl, const char *argument)
{
	(void)argument;
	return order(ctl, "stop", NULL);
}

static int run_cont(struct ctl *ctl, const char *argument)
{
	(void)argument;
	return order(ctl, "cont", NULL);
}

static const struct ctl_outcome ended[] = {
	{.event = "SHUTDOWN", .reason = "guest-shutdown", .text = "the guest has switched itself off"},
	{.event = "SHUTDOWN", .status = TOOL_FAILED, .text = "the machine ends otherwise"},
	{0},
};

static int run_powerdown(struct ctl *ctl, const char *argument)
{
	int status;

	(void)argument;
	ctl->outcomes = ended;
	status = order(ctl, "system_powerdown", NULL);
	return status == TOOL_OK && !ctl->no_wait ? ctl_await(ctl, "powerdown") : status;
}

static int run_reset(struct ctl *ctl, const char *argument)
{
	(void)argument;
	return order(ctl, "system_reset", NULL);
}

static int run_quit(struct ctl *ctl, const char *argument)
{
	(void)argument;
	return order(ctl, "quit", NULL);
}

static void print_event(void *opaque, const char *name, const json_t *event)
{
	const struct ctl *ctl = opaque;

	if (ctl->json)
		ctl_print_json(event);
	else
		ctl_print_event(name, event);
	fflush(stdout);
}

static int run_events(struct ctl *ctl, const char *argument)
{
	struct lend_error error = {""};
	int ret;

	(void)argument;
	ctl->client.event = print_event;
	do
		ret = ctl_wait(&ctl->client, UINT64_MAX, &error);
	while (!ret && !ferror(stdout));
	if (error.text[0])
		tool_say("%s", error.text);
	return error.text[0] || ferror(stdout) ? TOOL_FAILED : TOOL_OK;
}

static const struct ctl_verb verbs[] = {
	{"status", NULL, run_status},       {"devices", NULL, run_devices},   {"add", "DEVICE", run_add},
	{"remove", "ID", run_remove},       {"stop", NULL, run_stop},         {"cont", NULL, run_cont},
	{"powerdown", NULL, run_powerdown}, {"reset", NULL, run_reset},       {"quit", NULL, run_quit},
	{"events", NULL, run_events},       {"counters", NULL, run_counters},
};

const struct ctl_verb *ctl_verb_row(size_t index)
{
	return index < sizeof(verbs) / sizeof(*verbs) ? &verbs[index] : NULL;
}

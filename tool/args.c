/* SPDX-License-Identifier: MIT */
/* Command lines of the sub-commands that look at devices; see args.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/args.h"
#include "tool/nearest.h"

static const struct args_option *find_option(const struct args *args, const char *name, size_t length)
{
	for (const struct args_option *option = args->options; option->name; option++)
		if ((strlen(option->name) == length && !strncmp(option->name, name, length)) ||
		    (length == 1 && option->letter == *name))
			return option;
	return NULL;
}

/* Whether `argument` is one of ours: then it is no value that somebody left out. */
static bool is_option(const struct args *args, const char *argument)
{
	const char *name = argument + 1 + (argument[0] == '-' && argument[1] == '-');

	return argument[0] == '-' && argument[1] && find_option(args, name, strcspn(name, "="));
}

static int say_unknown(const struct args *args, const char *name, size_t length, struct lend_error *error)
{
	char word[64];
	struct nearest nearest = {.word = word};

	snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ? length : sizeof(word) - 1), name);
	nearest_offer(&nearest, "help");
	for (const struct args_option *option = args->options; option->name; option++)
		nearest_offer(&nearest, option->name);
	if (nearest.best)
		return tool_fail(error, -EINVAL,
				 "there is no option --%s; the nearest is --%s, and lend %s --help lists all",
				 word, nearest.best, args->command->name);
	return tool_fail(error, -EINVAL, "there is no option --%s; lend %s --help lists those that there are",
			 word, args->command->name);
}

/* The value of -device is cut behind the address, in place: its properties are the machine's. */
static int add_device(struct args *args, char *value, struct lend_error *error)
{
	static const char driver[] = "vfio-pci,", host[] = "host=";
	char *at = strncmp(value, driver, sizeof(driver) - 1) ? NULL : value + sizeof(driver) - 2;

	while (at && strncmp(++at, host, sizeof(host) - 1) != 0)
		at = strchr(at, ',');
	if (!at)
		return tool_fail(error, -EINVAL,
				 "--device %.100s: lend %s looks at devices of this computer: "
				 "vfio-pci,host=ADDRESS, or the address alone without --device",
				 value, args->command->name);
	if (args->device_count == ARGS_DEVICES_MAX)
		return tool_fail(error, -EINVAL, "more than %d devices are named", ARGS_DEVICES_MAX);
	at += sizeof(host) - 1;
	at[strcspn(at, ",")] = '\0';
	args->devices[args->device_count++] = at;
	return 0;
}

static int parse_option(struct args *args, int argc, char *const *argv, int *at, struct lend_error *error)
{
	const char *name = argv[*at] + (argv[*at][1] == '-' ? 2 : 1);
	size_t length = strcspn(name, "=");
	const char *value = name[length] ? name + length + 1 : NULL;
	const struct args_option *option = find_option(args, name, length);

	if ((length == 4 && !strncmp(name, "help", 4)) || (length == 1 && *name == 'h')) {
		args->help = true;
		return 0;
	}
	if (!option)
		return say_unknown(args, name, length, error);
	if (option->flag) {
		*option->flag = true;
		return value ? tool_fail(error, -EINVAL, "--%s takes no value; leave out '=%.100s'",
					 option->name, value)
			     : 0;
	}
	if (!value && *at + 1 < argc && is_option(args, argv[*at + 1]))
		return tool_fail(error, -EINVAL, "--%s needs a value after it, and %.100s is an option",
				 option->name, argv[*at + 1]);
	if (!value && ++*at < argc)
		value = argv[*at];
	if (!value)
		return tool_fail(error, -EINVAL, "--%s needs a value after it; lend %s --help shows which",
				 option->name, args->command->name);
	if (!option->value)
		return add_device(args, (char *)(uintptr_t)value, error);
	*option->value = value;
	return 0;
}

int args_parse(struct args *args, int argc, char *const *argv, struct lend_error *error)
{
	bool ended = false;
	int ret = 0;

	for (int at = 1; !ret && at < argc && !args->help; at++) {
		if (!ended && !strcmp(argv[at], "--"))
			ended = true;
		else if (!ended && argv[at][0] == '-' && argv[at][1])
			ret = parse_option(args, argc, argv, &at, error);
		else if (args->device_count == ARGS_DEVICES_MAX)
			ret = tool_fail(error, -EINVAL, "more than %d devices are named", ARGS_DEVICES_MAX);
		else
			args->devices[args->device_count++] = argv[at];
	}
	return ret;
}

enum tool_status args_begin(struct args *args, int argc, char *const *argv, bool *done)
{
	struct lend_error error;

	*done = true;
	if (args_parse(args, argc, argv, &error)) {
		tool_say("%s", error.text);
		return TOOL_USAGE;
	}
	if (args->help)
		return fputs(args->command->help, stdout) < 0 || fflush(stdout) ? TOOL_FAILED : TOOL_OK;
	*done = false;
	return TOOL_OK;
}

int args_seconds(const char *name, const char *value, unsigned *ms, struct lend_error *error)
{
	const double most = 86400;
	char *end;
	double seconds = strtod(value, &end);

	if (end == value || *end || !(seconds > 0) || seconds > most)
		return tool_fail(error, -EINVAL,
				 "--%s %.100s is not a number of seconds; give one up to %.0f", name, value,
				 most);
	*ms = (unsigned)(seconds * 1000);
	if (!*ms)
		*ms = 1;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The parser of `lend run`: a table of options, beside that of other monitors'
 * options (foreign.c).
 * One dash or two, "-name VALUE" or "-name=VALUE"; the last one given counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "lend/host.h"
#include "tool/nearest.h"
#include "tool/run/firmware_arg.h"
#include "tool/run/foreign.h"
#include "tool/run/options.h"
#include "tool/run/served_arg.h"
#include "tool/run/unseen.h"
#include "tool/tool.h"

enum { DEFAULT_MEMORY_MIB = 512 };

struct option {
	const char *name;
	bool takes_value;
	int (*set)(struct run_options *options, const char *value, struct lend_error *error);
};

static int set_kernel(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)error;
	options->kernel = value;
	return 0;
}

static int set_kernel_cache(struct run_options *options, const char *value, struct lend_error *error)
{
	if (!value[0])
		return tool_fail(error, -EINVAL, "-kernel-cache needs off, or a folder");
	options->no_kernel_cache = !strcmp(value, "off");
	options->kernel_cache = options->no_kernel_cache ? NULL : value;
	return 0;
}

static int set_initrd(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)error;
	options->initrd = value;
	return 0;
}

static int set_append(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)error;
	options->append = value;
	return 0;
}

static int set_uuid(struct run_options *options, const char *value, struct lend_error *error)
{
	if (lend_uuid_parse(value, options->uuid))
		return tool_fail(error, -EINVAL, "-uuid %.100s is not a UUID; give one as uuidgen prints it",
				 value);
	return 0;
}

static int set_no_reboot(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)value, (void)error;
	options->no_reboot = true;
	return 0;
}

static int set_verbose(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)value, (void)error;
	options->verbose++;
	return 0;
}

static int set_stats(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)error;
	options->stats = value;
	return 0;
}

static int set_trace(struct run_options *options, const char *value, struct lend_error *error)
{
	/* Another monitor's option of this name says what to log. */
	if (!strncmp(value, "enable=", 7) || !strncmp(value, "events=", 7) || !strncmp(value, "file=", 5))
		return tool_fail(
			error, -EINVAL,
			"--trace %.100s: it takes a file alone, and writes there where the time of the "
			"start goes; give -v, or twice, for all that can be said",
			value);
	options->trace = value;
	return 0;
}

static int set_no_sandbox(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)value, (void)error;
	options->sandbox.mode = RUN_SANDBOX_OFF;
	return 0;
}

static int set_help(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)value, (void)error;
	options->help = true;
	return 0;
}

static const struct option options_table[] = {
	{"m", true, memory_parse},
	{"c", true, cpus_parse},
	{"smp", true, cpus_parse},
	{"kernel", true, set_kernel},
	{"initrd", true, set_initrd},
	{"append", true, set_append},
	{"serial", true, serial_parse},
	{"uuid", true, set_uuid},
	{"no-reboot", false, set_no_reboot},
	{"ports", true, ports_parse},
	{"machine", true, machine_parse},
	{"device", true, device_parse},
	{"v", false, set_verbose},
	{"M", true, machine_parse},
	{"object", true, object_parse},
	{"stats", true, set_stats},
	{"help", false, set_help},
	{"h", false, set_help},
	{"disk", true, disk_parse},
	{"net", true, net_parse},
	{"firmware", true, firmware_parse},
	{"name", true, name_parse},
	{"qmp", true, qmp_parse},
	{"boot", true, boot_parse},
	{"sandbox", true, sandbox_parse},
	{"no-sandbox", false, set_no_sandbox},
	{"user", true, user_parse},
	{"rtc", true, rtc_parse},
	{"fw-cfg", true, fw_cfg_parse},
	{"fw_cfg", true, fw_cfg_parse},
	{"kernel-cache", true, set_kernel_cache},
	{"trace", true, set_trace},
};

/* "name" of "-name", "--name" and "-name=value". */
static const char *name_of(const char *argument, size_t *length)
{
	const char *name = argument + (argument[1] == '-' ? 2 : 1);

	*length = strcspn(name, "=");
	return name;
}

static const struct option *find(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(options_table) / sizeof(*options_table); i++)
		if (strlen(options_table[i].name) == length && !strncmp(name, options_table[i].name, length))
			return &options_table[i];
	return NULL;
}

static bool is_option(const char *argument)
{
	return argument[0] == '-' && argument[1] && strcmp(argument, "--") != 0;
}

/* Of ours, or of others: then it is no value that somebody left out. */
static bool is_known(const char *argument)
{
	size_t length;
	const char *name;

	if (!is_option(argument)) /* an empty one, for instance */
		return false;
	name = name_of(argument, &length);
	return find(name, length) || foreign_find(name, length);
}

/* The value of the option argv[*at]: behind its "=", or the next argument. NULL: with a sentence. */
static const char *take_value(int argc, char *const *argv, int *at, struct lend_error *error)
{
	size_t length;
	const char *name = name_of(argv[*at], &length), *next = argv[*at + 1];

	if (name[length])
		return name + length + 1;
	if (*at + 1 == argc)
		tool_fail(error, -EINVAL, "-%s needs a value after it; lend run --help shows which", name);
	else if (is_known(next))
		tool_fail(error, -EINVAL,
			  "-%s needs a value after it, and %.100s is an option; write -%s=%.100s if it is "
			  "the value",
			  name, next, name, next);
	else
		return argv[++*at];
	return NULL;
}

static int unknown_option(const char *given, size_t length, struct lend_error *error)
{
	char word[64];
	struct nearest nearest = {.word = word};

	snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ? length : sizeof(word) - 1), given);
	for (size_t i = 0; i < sizeof(options_table) / sizeof(*options_table); i++) {
		const struct option *option = &options_table[i];
		size_t end = strlen(option->name);

		/* "-m4G" */
		if (option->takes_value && !strncmp(word, option->name, end) && word[end] >= '0' &&
		    word[end] <= '9')
			return tool_fail(error, -EINVAL, "there is no option -%s; write -%s %s", word,
					 option->name, word + end);
		nearest_offer(&nearest, option->name);
	}
	if (nearest.best)
		return tool_fail(error, -EINVAL,
				 "there is no option -%s; the nearest is -%s, and lend run --help lists all",
				 word, nearest.best);
	return tool_fail(error, -EINVAL, "there is no option -%s; lend run --help lists those that there are",
			 word);
}

/* An option of another monitor: 0 where it means what is done anyway. */
static int take_foreign(const struct foreign *row, char *const *argv, int *at, struct lend_error *error)
{
	size_t length;
	const char *name = name_of(argv[*at], &length), *value = NULL;

	if (row->same && !*row->same && !name[length])
		return 0;
	if (row->same && *row->same)
		value = name[length] ? name + length + 1 : argv[*at + 1]; /* argv ends with NULL */
	if (value && foreign_is_same(row, value)) {
		*at += !name[length];
		return 0;
	}
	if (!row->advice)
		return tool_fail(error, -EINVAL, "-%.*s takes no value; leave it out", (int)length, name);
	return tool_fail(error, -EINVAL, "there is no option -%.*s: %s", (int)length, name, row->advice);
}

/* Takes argv[*at], and its value if that is the next argument. */
static int parse_one(int argc, char *const *argv, int *at, struct run_options *out, struct lend_error *error)
{
	size_t length;
	const char *name = name_of(argv[*at], &length), *value = NULL;
	const struct option *option = find(name, length);
	const struct foreign *other = option ? NULL : foreign_find(name, length);

	if (other)
		return take_foreign(other, argv, at, error);
	if (!option)
		return unknown_option(name, length, error);
	if (name[length] && !option->takes_value)
		return tool_fail(error, -EINVAL, "-%s takes no value; leave out '%.100s'", option->name,
				 name + length);
	if (option->takes_value) {
		value = take_value(argc, argv, at, error);
		if (!value)
			return -EINVAL;
	}
	return option->set(out, value, error);
}

int options_parse(int argc, char *const *argv, struct run_options *out, struct lend_error *error)
{
	int ret = 0;

	*out = (struct run_options){.memory = (uint64_t)DEFAULT_MEMORY_MIB << 20, .cpus = 1, .append = ""};
	for (int at = 1; !ret && at < argc && !out->help; at++) {
		out->at = at;
		if (is_option(argv[at]))
			ret = parse_one(argc, argv, &at, out, error);
		else if (unseen_dash(argv[at]))
			ret = tool_fail(error, -EINVAL, "'%.100s' begins with %s; type - there", argv[at],
					unseen_dash(argv[at]));
		else
			ret = tool_fail(error, -EINVAL,
					"'%.100s' is not an option; lend run --help lists them", argv[at]);
	}
	if (!ret)
		out->at = 0;
	return ret || out->help ? ret : firmware_agree(out, error);
}

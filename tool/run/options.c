/* SPDX-License-Identifier: MIT */
/*
 * The parser of `lend run`: a table of options, and a table of the options of
 * other monitors that people type out of habit, each with what to do instead.
 * One dash or two, "-name VALUE" or "-name=VALUE"; the last one given counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "tool/nearest.h"
#include "tool/run/options.h"
#include "tool/tool.h"

enum { DEFAULT_MEMORY_MIB = 512 };

struct option {
	const char *name;
	bool takes_value;
	int (*set)(struct run_options *options, const char *value, struct lend_error *error);
};

static int set_cpus(struct run_options *options, const char *value, struct lend_error *error)
{
	static const char prefix[] = "cpus=";

	if (!strncmp(value, prefix, sizeof(prefix) - 1))
		value += sizeof(prefix) - 1;
	if (value_number(value, 1, VMM_CPUS_MAX, &options->cpus))
		return tool_fail(error, -EINVAL,
				 "-c %.100s is not a number of processors; give one from 1 to %d", value,
				 VMM_CPUS_MAX);
	return 0;
}

static int set_kernel(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)error;
	options->kernel = value;
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

static int set_serial(struct run_options *options, const char *value, struct lend_error *error)
{
	static const struct {
		const char *word;
		enum serial_kind kind;
		bool has_path;
	} kinds[] = {
		{"stdio", SERIAL_STDIO, false},
		{"none", SERIAL_NONE, false},
		{"file:", SERIAL_FILE, true},
		{"unix:", SERIAL_UNIX, true},
	};
	const size_t path_max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t length = strlen(kinds[i].word);

		if (strncmp(value, kinds[i].word, length) || kinds[i].has_path != (value[length] != '\0'))
			continue;
		options->serial = kinds[i].kind;
		options->serial_path = kinds[i].has_path ? value + length : NULL;
		if (options->serial == SERIAL_UNIX && strlen(options->serial_path) > path_max)
			return tool_fail(
				error, -EINVAL,
				"-serial unix: takes a path of at most %zu bytes; give a shorter one",
				path_max);
		return 0;
	}
	return tool_fail(error, -EINVAL,
			 "-serial %.100s is not known; give stdio, none, file:PATH or unix:PATH", value);
}

static int set_uuid(struct run_options *options, const char *value, struct lend_error *error)
{
	if (value_uuid(value, options->uuid))
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

static int set_machine(struct run_options *options, const char *value, struct lend_error *error)
{
	static const char prefix[] = "cf8=";

	if (strncmp(value, prefix, sizeof(prefix) - 1) ||
	    value_switch(value + sizeof(prefix) - 1, &options->cf8))
		return tool_fail(error, -EINVAL,
				 "-machine %.100s is not known; lend has one machine, with cf8=on or cf8=off",
				 value);
	return 0;
}

/* "iommufd,id=NAME[,fd=N]". The name is not used: all devices of a machine share one iommufd. */
static int set_object(struct run_options *options, const char *value, struct lend_error *error)
{
	const char *fd = strstr(value, ",fd=");
	char *end;
	long number;

	if (strncmp(value, "iommufd", 7) || (value[7] && value[7] != ','))
		return tool_fail(error, -EINVAL, "-object %.100s is not known; the only one is iommufd",
				 value);
	if (!fd)
		return 0;
	number = strtol(fd + 4, &end, 10);
	if (end == fd + 4 || (*end && *end != ',') || number < 0 || number > INT_MAX)
		return tool_fail(error, -EINVAL,
				 "-object %.100s: fd= is the number of an open descriptor of /dev/iommu",
				 value);
	options->has_iommu_fd = true;
	options->iommu_fd = (int)number;
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

static int set_help(struct run_options *options, const char *value, struct lend_error *error)
{
	(void)value, (void)error;
	options->help = true;
	return 0;
}

static const struct option options_table[] = {
	{"m", true, memory_parse},      {"c", true, set_cpus},          {"smp", true, set_cpus},
	{"kernel", true, set_kernel},   {"initrd", true, set_initrd},   {"append", true, set_append},
	{"serial", true, set_serial},   {"uuid", true, set_uuid},       {"no-reboot", false, set_no_reboot},
	{"machine", true, set_machine}, {"device", true, device_parse}, {"v", false, set_verbose},
	{"object", true, set_object},   {"stats", true, set_stats},     {"help", false, set_help},
	{"h", false, set_help},
};

/* What people type out of habit, and what to do instead. */
static const struct {
	const char *name, *advice;
} foreign_table[] = {
	{"nographic", "there is no display to switch off; leave it out"},
	{"display", "there is no display; leave it out"},
	{"vga", "there is no display; leave it out"},
	{"enable-kvm", "KVM is always used; leave it out"},
	{"accel", "KVM is always used; leave it out"},
	{"cpu", "the guest sees the processor of the host; leave it out"},
	{"mem-path", "give -m SIZE,hugetlb=2M or hugetlb=1G for huge pages"},
	{"mem-prealloc", "memory is always taken at the start; leave it out"},
	{"M", "lend has one machine; leave it out, or give -machine cf8=on"},
	{"bios", "a guest is started from its kernel; give -kernel"},
	{"nodefaults", "nothing is there that is not asked for; leave it out"},
	{"monitor", "there is no monitor; leave it out"},
	{"nic", "every device of the guest is an assigned one; leave it out"},
	{"netdev", "every device of the guest is an assigned one; leave it out"},
	{"drive",
	 "every device of the guest is an assigned one; hand over the drive's controller with -device"},
	{"hda",
	 "every device of the guest is an assigned one; hand over the drive's controller with -device"},
	{"cdrom",
	 "every device of the guest is an assigned one; hand over the drive's controller with -device"},
};

/* "name" of "-name", "--name" and "-name=value". */
static bool is_option(const char *argument, size_t length, const char *name)
{
	return strlen(name) == length && !strncmp(argument, name, length);
}

static int unknown_option(const char *given, size_t length, struct lend_error *error)
{
	char word[64];
	struct nearest nearest = {.word = word};

	snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ? length : sizeof(word) - 1), given);
	for (size_t i = 0; i < sizeof(foreign_table) / sizeof(*foreign_table); i++)
		if (is_option(given, length, foreign_table[i].name))
			return tool_fail(error, -EINVAL, "there is no option -%s: %s", word,
					 foreign_table[i].advice);
	for (size_t i = 0; i < sizeof(options_table) / sizeof(*options_table); i++)
		nearest_offer(&nearest, options_table[i].name);
	return tool_fail(error, -EINVAL,
			 "there is no option -%s; the nearest is -%s, and lend run --help lists all", word,
			 nearest.best);
}

/* Takes argv[*at], and its value if that is the next argument. */
static int parse_one(int argc, char *const *argv, int *at, struct run_options *out, struct lend_error *error)
{
	const char *name = argv[*at] + (argv[*at][1] == '-' ? 2 : 1);
	size_t length = strcspn(name, "=");
	const char *value = name[length] ? name + length + 1 : NULL;

	for (size_t i = 0; i < sizeof(options_table) / sizeof(*options_table); i++) {
		const struct option *option = &options_table[i];

		if (!is_option(name, length, option->name))
			continue;
		if (value && !option->takes_value)
			return tool_fail(error, -EINVAL, "-%s takes no value; leave out '=%.100s'",
					 option->name, value);
		if (option->takes_value && !value) {
			if (++*at >= argc)
				return tool_fail(error, -EINVAL,
						 "-%s needs a value after it; lend run --help shows which",
						 option->name);
			value = argv[*at];
		}
		return option->set(out, value, error);
	}
	return unknown_option(name, length, error);
}

int options_parse(int argc, char *const *argv, struct run_options *out, struct lend_error *error)
{
	int ret = 0;

	*out = (struct run_options){.memory = (uint64_t)DEFAULT_MEMORY_MIB << 20, .cpus = 1, .append = ""};
	for (int at = 1; !ret && at < argc && !out->help; at++) {
		if (argv[at][0] == '-' && argv[at][1] && strcmp(argv[at], "--"))
			ret = parse_one(argc, argv, &at, out, error);
		else
			ret = tool_fail(error, -EINVAL,
					"'%.100s' is not an option; lend run --help lists them", argv[at]);
	}
	if (!ret && !out->help && !out->kernel)
		ret = tool_fail(error, -EINVAL, "the guest's kernel is missing; give it with -kernel FILE");
	return ret;
}

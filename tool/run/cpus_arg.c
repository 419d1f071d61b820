/* SPDX-License-Identifier: MIT */
/* The value of -c and -smp: "N[,pin=LIST]", and how other monitors spell N. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool/run/options.h"
#include "tool/tool.h"

enum { HOST_CPUS_MAX = 8192 /* of Linux on x86-64 */ };

/* Processors as the guest sees them: cores of one socket, with a thread each. Each part has to agree. */
static bool is_topology(const char *part, unsigned cpus)
{
	static const struct {
		const char *name;
		bool is_all; /* else it is 1 */
	} rows[] = {
		{"maxcpus", true},  {"cores", true},    {"sockets", false},
		{"threads", false}, {"dies", false},    {"clusters", false},
		{"modules", false}, {"drawers", false}, {"books", false},
	};
	size_t length = strcspn(part, "=");
	unsigned number;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strlen(rows[i].name) == length && !strncmp(part, rows[i].name, length))
			return part[length] && !value_number(part + length + 1, 1, VMM_CPUS_MAX, &number) &&
			       number == (rows[i].is_all ? cpus : 1);
	return false;
}

/* A number at `*at`, which moves behind it. */
static bool take_number(char **at, unsigned long *out)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	*out = strtoul(*at, &end, 10);
	*at = end;
	return *out < HOST_CPUS_MAX;
}

/* "5", "0-3", or "0-30:2", which is every second one, as taskset(1) has it. */
static bool add_range(struct run_options *options, char *part)
{
	unsigned long first, last, step = 1;

	if (!take_number(&part, &first))
		return false;
	last = first;
	if (*part == '-' && (part++, !take_number(&part, &last) || last < first))
		return false;
	if (*part == ':' && (part++, !take_number(&part, &step) || !step))
		return false;
	if (*part)
		return false;
	for (unsigned long cpu = first; cpu <= last; cpu += step) {
		/* Counted beyond the room, so that the sentence can say how many they are. */
		if (options->pin_count < VMM_CPUS_MAX)
			options->pin[options->pin_count] = (unsigned)cpu;
		options->pin_count++;
	}
	return true;
}

static int check_pins(const struct run_options *options, const char *value, struct lend_error *error)
{
	if (!options->pin_count || options->pin_count == options->cpus)
		return 0;
	return tool_fail(error, -EINVAL,
			 "-c %.100s: pin= lists %u processors of this computer for the guest's %u; list one "
			 "for each, in the guest's order",
			 value, options->pin_count, options->cpus);
}

/* Behind pin= a comma is followed by more of the list, or by another part, which begins with a letter. */
static int parse_rest(struct run_options *options, const char *value, const char *rest,
		      struct lend_error *error)
{
	static const char pin[] = "pin=";
	char part[VALUE_PART];
	bool in_list = false;

	while (*rest) {
		char *list = part;
		bool begins;

		rest = value_part(rest + 1, part);
		begins = rest && !strncmp(part, pin, sizeof(pin) - 1);
		if (begins)
			options->pin_count = 0;
		list += begins ? sizeof(pin) - 1 : 0;
		in_list = rest && (begins || (in_list && *part >= '0' && *part <= '9'));
		if (in_list && !add_range(options, list))
			return tool_fail(error, -EINVAL,
					 "-c %.100s: pin= takes processors of this computer in the guest's "
					 "order, like 0-3,8 or 0-6:2",
					 value);
		if (!in_list && (!rest || !is_topology(part, options->cpus)))
			return tool_fail(
				error, -EINVAL,
				"-smp %.100s: the guest's %u processors are the cores of one socket, all "
				"there from the start; give -smp %u alone, or with pin=LIST",
				value, options->cpus, options->cpus);
	}
	return check_pins(options, value, error);
}

int cpus_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	static const char prefix[] = "cpus=";
	const char *rest = value;
	char part[VALUE_PART];

	if (!strncmp(rest, prefix, sizeof(prefix) - 1))
		rest += sizeof(prefix) - 1;
	options->pin_count = 0;
	rest = value_part(rest, part);
	if (!rest || value_number(part, 1, VMM_CPUS_MAX, &options->cpus))
		return tool_fail(error, -EINVAL,
				 "-c %.100s is not a number of processors; give one from 1 to %d", value,
				 VMM_CPUS_MAX);
	return parse_rest(options, value, rest, error);
}

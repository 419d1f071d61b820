/* SPDX-License-Identifier: MIT */
/*
 * The values of -c and -smp, -machine and -object. Parts of them that say what
 * is so anyway are taken without a word, because other monitors' users, and
 * what writes command lines for them, spell them out.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tool/run/foreign.h"
#include "tool/run/options.h"
#include "tool/tool.h"

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

int cpus_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	static const char prefix[] = "cpus=";
	const char *rest = value;
	char part[VALUE_PART];

	if (!strncmp(rest, prefix, sizeof(prefix) - 1))
		rest += sizeof(prefix) - 1;
	rest = value_part(rest, part);
	if (!rest || value_number(part, 1, VMM_CPUS_MAX, &options->cpus))
		return tool_fail(error, -EINVAL,
				 "-c %.100s is not a number of processors; give one from 1 to %d", value,
				 VMM_CPUS_MAX);
	while (*rest) {
		rest = value_part(rest + 1, part);
		if (!rest || !is_topology(part, options->cpus))
			return tool_fail(
				error, -EINVAL,
				"-smp %.100s: the guest's %u processors are the cores of one socket, all "
				"there from the start; give -smp %u alone",
				value, options->cpus, options->cpus);
	}
	return 0;
}

int machine_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	static const struct foreign same = {
		.same = "accel=kvm kernel_irqchip=on kernel-irqchip=on usb=off graphics=off vmport=off "
			"smm=off hpet=off acpi=on dump-guest-core=off mem-merge=off nvdimm=off"};
	static const char prefix[] = "cf8=";
	const char *rest;
	char part[VALUE_PART];

	for (rest = value;; rest++) {
		rest = value_part(rest, part);
		if (!rest || (!foreign_is_same(&same, part) &&
			      (strncmp(part, prefix, sizeof(prefix) - 1) != 0 ||
			       value_switch(part + sizeof(prefix) - 1, &options->cf8))))
			return tool_fail(
				error, -EINVAL,
				"-machine %.100s is not known: lend has one machine; leave it out, or "
				"give cf8=on or cf8=off alone",
				value);
		if (!*rest)
			return 0;
	}
}

/* "iommufd,id=NAME[,fd=N]". The name is not used: all devices of a machine share one iommufd. */
int object_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	const char *fd = strstr(value, ",fd=");
	char *end;
	long number;

	if (*value == '{')
		return tool_fail(error, -EINVAL,
				 "-object is not read as JSON; only iommufd[,id=NAME][,fd=N] is known");
	if (strncmp(value, "iommufd", 7) || (value[7] && value[7] != ','))
		return tool_fail(error, -EINVAL, "-object %.100s is not known: %s", value,
				 foreign_object(value));
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

/* SPDX-License-Identifier: MIT */
/*
 * The values of -machine and -object. Parts of them that say what
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

/* SPDX-License-Identifier: MIT */
/*
 * Kernels that are known to lack a fix of VFIO. Distributions put fixes into kernels
 * with older numbers. If the version of a package tells that, it is compared; if nothing
 * tells it, the answer is "unknown".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/check/check.h"

struct version {
	unsigned major, minor, patch;
};

static bool parse(const char *text, struct version *out)
{
	out->patch = 0;
	return text && sscanf(text, "%u.%u.%u", &out->major, &out->minor, &out->patch) >= 2;
}

static bool is_before(const struct version *a, unsigned major, unsigned minor)
{
	return a->major != major ? a->major < major : a->minor < minor;
}

/* The three advisories of 2024 about line interrupts, by series. */
static bool has_intx_fixes(const struct version *version)
{
	static const struct version first[] = {{5, 4, 274}, {5, 10, 215}, {5, 15, 154}, {6, 1, 84},
					       {6, 6, 24},  {6, 7, 12},   {6, 8, 3}};

	if (!is_before(version, 6, 9))
		return true;
	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++)
		if (version->major == first[i].major && version->minor == first[i].minor)
			return version->patch >= first[i].patch;
	return false; /* its series ended before the fixes */
}

/*
 * The version by which the fixes are known. Debian's release is "6.1.0-43", and its
 * version line has "Debian 6.1.158-1", the number of the stable series. Ubuntu's
 * version_signature ends with the number of its base; it has more fixes than that.
 */
static bool find_version(struct lend_check *check, const char *release, struct version *out, bool *certain)
{
	const char *proc = context_proc(check->context);
	char *line = sysfs_load(proc, "version", NULL), *found, *signature;
	bool known;

	found = line ? strstr(line, " Debian ") : NULL;
	/* "(Debian 12.2.0-14)" is the compiler's. */
	while (found && sscanf(found, " Debian %u.%u.%u-%*u (", &out->major, &out->minor, &out->patch) < 3)
		found = strstr(found + 1, " Debian ");
	known = found && strchr(release, '-');
	free(line);
	*certain = true;
	if (known)
		return true;
	*certain = !strchr(release, '-');
	signature = sysfs_load(proc, "version_signature", NULL);
	found = signature ? strrchr(signature, ' ') : NULL;
	known = found && parse(found + 1, out);
	free(signature);
	return known || parse(release, out);
}

static void report(struct lend_check *check, const struct version *version, bool certain, const char *release,
		   const char *what, const char *number)
{
	struct lend_check_row *row;

	if (certain) {
		row = check_row(check, "kernel", NULL, LEND_FAILED,
				"the kernel %u.%u.%u lacks a fix: %s (%s)", version->major, version->minor,
				version->patch, what, number);
		CHECK_CURE(row, advice, "update the kernel");
	} else {
		check_row(check, "kernel", NULL, LEND_UNKNOWN,
			  "whether the kernel %.80s has this fix cannot be told from its number: %s (%s)",
			  release, what, number);
	}
}

void check_kernel(struct lend_check *check)
{
	char release[128];
	struct version version;
	bool certain, passed = true;

	if (sysfs_read(context_proc(check->context), "sys/kernel/osrelease", release, sizeof(release)) <= 0 ||
	    !find_version(check, release, &version, &certain)) {
		check_row(check, "kernel", NULL, LEND_UNKNOWN, "the kernel's version cannot be told");
		return;
	}
	if (is_before(&version, 5, 8)) {
		passed = false;
		report(check, &version, certain, release, "a guest can reach a BAR that is switched off",
		       "CVE-2020-12888");
	}
	if (!has_intx_fixes(&version)) {
		passed = false;
		report(check, &version, certain, release, "line interrupts can be lost, or crash the host",
		       "CVE-2024-26810, -26812, -27437");
	}
	if (passed)
		check_row(check, "kernel", NULL, LEND_PASSED, "the kernel %.80s has the fixes that are known",
			  release);
}

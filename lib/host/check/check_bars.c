/* SPDX-License-Identifier: MIT */
/*
 * Which BARs a guest reaches directly, from sysfs' list of resources and, where
 * this user may read it, the configuration space. What is decided when the
 * device is opened (lend_function_explain()) is told here beforehand.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/check/check.h"

/* linux/ioport.h */
enum { RESOURCE_IO = 0x100, RESOURCE_MEM = 0x200 };
enum { BARS = 6, ROM = 6, STATUS = 0x06, STATUS_CAP_LIST = 0x10, CAP_POINTER = 0x34, CAP_MSIX = 0x11 };
enum { MSIX_TABLE = 4, MSIX_BIR = 7, CAP_HOPS = 48, STANDARD_END = 0x100 };

/* The BAR with the MSI-X table; -1: none, or not readable for this user. */
static int find_msix(struct lend_check *check, const struct lend_survey_device *device)
{
	char dir[PATH_MAX], *config;
	size_t length = 0;
	unsigned at = 0;
	int bar = -1;

	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(check->context), device->is.name))
		return -1;
	config = sysfs_load(dir, "config", &length);
	if (config && length >= STANDARD_END && config[STATUS] & STATUS_CAP_LIST)
		at = (unsigned char)config[CAP_POINTER] & 0xfcu;
	for (int hops = 0; at >= 0x40 && at + 8 <= STANDARD_END && hops < CAP_HOPS; hops++) {
		if (config[at] == CAP_MSIX) {
			bar = config[at + MSIX_TABLE] & MSIX_BIR;
			break;
		}
		at = (unsigned char)config[at + 1] & 0xfcu;
	}
	free(config);
	return bar;
}

static const char *way_of(unsigned long long size, unsigned long long flags, bool has_table)
{
	const unsigned long long page = (unsigned long long)sysconf(_SC_PAGESIZE);

	if (flags & RESOURCE_IO)
		return "I/O ports are trapped";
	if (size < page && has_table)
		return "trapped: smaller than a page, with the MSI-X table in it";
	if (size < page)
		return "trapped where another device shares its page: smaller than a page";
	return has_table ? "reached directly, but for the pages of the MSI-X table" : "reached directly";
}

static void check_bar(struct lend_check *check, const struct lend_survey_device *device, int bar,
		      unsigned long long size, unsigned long long flags, bool has_table)
{
	const unsigned long long kib = 1024;
	const char *unit = size >= kib ? "KiB" : "bytes";
	bool slow = flags & RESOURCE_IO || size < (unsigned long long)sysconf(_SC_PAGESIZE);

	if (size >= kib)
		size /= kib;
	if (bar == ROM)
		check_row(check, "rom", device, LEND_PASSED, "it has an expansion ROM (%llu %s)", size, unit);
	else if (flags & (RESOURCE_IO | RESOURCE_MEM))
		check_row(check, "bar", device, slow ? LEND_NOTE : LEND_PASSED, "BAR %d (%llu %s): %s", bar,
			  size, unit, way_of(size * (unit[0] == 'K' ? kib : 1), flags, has_table));
}

void check_bars(struct lend_check *check, const struct lend_survey_device *device)
{
	char dir[PATH_MAX], *text, *rest, *line;
	unsigned long long first, last, flags;
	int msix = find_msix(check, device);

	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(check->context), device->is.name))
		return;
	rest = text = sysfs_load(dir, "resource", NULL);
	for (int bar = 0; bar <= ROM && (line = strsep(&rest, "\n")); bar++)
		if (sscanf(line, "%llx %llx %llx", &first, &last, &flags) == 3 && last > first)
			check_bar(check, device, bar, last - first + 1, flags, bar == msix);
	free(text);
}

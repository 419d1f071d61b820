/* SPDX-License-Identifier: MIT */
/*
 * Which BARs a guest will reach directly, by sysfs' list of resources and, if this user
 * may read it, config space. lend_function_explain() tells it when the device is open.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/check/check.h"
#include "lib/le.h"

/* linux/ioport.h */
enum { RESOURCE_IO = 0x100, RESOURCE_MEM = 0x200 };
enum {
	BARS = 6,
	ROM = 6,
	STATUS = 0x06,
	STATUS_CAP_LIST = 0x10,
	CAP_POINTER = 0x34,
	CAP_FIRST = 0x40,
	CAP_LEAST = 8, /* bytes of a capability that are read here */
	CAP_MSI = 0x05,
	CAP_MSIX = 0x11
};
enum { MSIX_TABLE = 4, MSIX_BIR = 7, MSIX_SIZE = 0x7ff, CAP_HOPS = 48, STANDARD_END = 0x100 };

unsigned char *check_config(const struct lend_check *check, const struct lend_survey_device *device,
			    size_t *length)
{
	char dir[PATH_MAX];

	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(check->context), device->is.name))
		return NULL;
	return (unsigned char *)sysfs_load(dir, "config", length);
}

unsigned check_capability(const unsigned char *config, size_t length, unsigned id, unsigned bytes)
{
	bool listed = config && length >= STANDARD_END && config[STATUS] & STATUS_CAP_LIST;
	unsigned at = listed ? config[CAP_POINTER] & 0xfcu : 0;

	for (int hops = 0; at >= CAP_FIRST && hops < CAP_HOPS; hops++) {
		if (config[at] == id && at + bytes <= STANDARD_END)
			return at;
		at = config[at + 1] & 0xfcu;
	}
	return 0;
}

/* Numbers of vectors: PCI Local Bus 3.0, 6.8.1.3 and 6.8.2.3. */
static void take_messages(const unsigned char *config, size_t length, struct check_messages *out)
{
	unsigned msix = check_capability(config, length, CAP_MSIX, CAP_LEAST);
	unsigned msi = check_capability(config, length, CAP_MSI, CAP_LEAST);

	if (msix) {
		out->table_bar = config[msix + MSIX_TABLE] & MSIX_BIR;
		out->vectors = (le16(config + msix + 2) & MSIX_SIZE) + 1u;
	} else if (msi) {
		out->vectors = 1u << (le16(config + msi + 2) >> 1 & 7);
	}
}

void check_messages(struct lend_check *check, const struct lend_survey_device *device,
		    struct check_messages *out)
{
	size_t length = 0;
	unsigned char *config = check_config(check, device, &length);

	*out = (struct check_messages){.table_bar = -1};
	out->known = config && length >= STANDARD_END;
	take_messages(config, length, out);
	free(config);
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
	struct check_messages messages;

	check_messages(check, device, &messages);
	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(check->context), device->is.name))
		return;
	rest = text = sysfs_load(dir, "resource", NULL);
	for (int bar = 0; bar <= ROM && (line = strsep(&rest, "\n")); bar++)
		if (sscanf(line, "%llx %llx %llx", &first, &last, &flags) == 3 && last > first)
			check_bar(check, device, bar, last - first + 1, flags, bar == messages.table_bar);
	free(text);
}

/* SPDX-License-Identifier: MIT */
/* -ports: root ports with nothing below, for devices that come while the guest runs. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/host.h"
#include "tool/run/options.h"
#include "tool/tool.h"

/* The least and the most that a window is made by itself; a user can give more. */
#define WINDOW_LEAST (UINT64_C(64) << 20)
#define WINDOW_MOST  (UINT64_C(64) << 30)
enum { PORTS_MAX = 28, WINDOW_GRAIN = 1 << 20, REGIONS = 6 };

/* Flags of sysfs' `resource` (linux/ioport.h of the kernel). */
#define RESOURCE_PREFETCH 0x2000u
#define RESOURCE_MEM_64   0x100000u

int ports_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	static const char window[] = "window=";
	char part[VALUE_PART];
	const char *rest = value_part(value, part);

	options->port_window = 0;
	if (!rest || value_number(part, 0, PORTS_MAX, &options->ports))
		return tool_fail(error, -EINVAL, "-ports %.100s: give a number of ports, from 0 to %d", value,
				 PORTS_MAX);
	if (!*rest)
		return 0;
	rest = value_part(rest + 1, part);
	if (!rest || *rest || strncmp(part, window, sizeof(window) - 1) != 0 ||
	    value_size(part + sizeof(window) - 1, &options->port_window) || !options->port_window ||
	    options->port_window % WINDOW_GRAIN)
		return tool_fail(
			error, -EINVAL,
			"-ports %.100s: behind the number stands window=SIZE, a multiple of 1 MiB, as "
			"in -ports 2,window=16G",
			value);
	return 0;
}

/* Bytes of prefetchable BARs of 64 bits of one device, each at a multiple of its size. */
static uint64_t prefetchable(const char *folder, const char *name)
{
	char path[PATH_MAX + 300];
	uint64_t bytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/resource", folder, name);
	file = fopen(path, "re");
	for (unsigned i = 0; file && i < REGIONS; i++) {
		unsigned long long start, end, flags;

		if (fscanf(file, "%llx %llx %llx", &start, &end, &flags) != 3)
			break;
		if (end > start && flags & RESOURCE_PREFETCH && flags & RESOURCE_MEM_64)
			bytes += end - start + 1;
	}
	if (file)
		fclose(file);
	return bytes;
}

/* What has no IOMMU group cannot be handed over; a bridge has no driver of VFIO. */
static bool is_bindable(const char *folder, const char *name)
{
	char path[PATH_MAX + 300], class[16] = "";
	FILE *file;
	bool read;

	snprintf(path, sizeof(path), "%s/%s/class", folder, name);
	file = fopen(path, "re");
	read = file && fgets(class, sizeof(class), file);
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "%s/%s/iommu_group", folder, name);
	return read && strncmp(class, "0x0604", 6) != 0 && !access(path, F_OK);
}

uint64_t ports_need(const char *name)
{
	char folder[PATH_MAX];

	return host_path("/sys/bus/pci/devices", folder) ? 0 : prefetchable(folder, name);
}

void ports_size(struct run_options *options)
{
	const struct dirent *entry;
	char folder[PATH_MAX];
	uint64_t most = WINDOW_LEAST;
	DIR *devices;

	if (!options->ports || options->port_window)
		return;
	devices = host_path("/sys/bus/pci/devices", folder) ? NULL : opendir(folder);
	while (devices && (entry = readdir(devices))) {
		uint64_t bytes = entry->d_name[0] == '.' || !is_bindable(folder, entry->d_name)
					 ? 0
					 : prefetchable(folder, entry->d_name);

		if (bytes > most)
			most = bytes;
	}
	if (devices)
		closedir(devices);
	if (most > WINDOW_MOST)
		most = WINDOW_MOST;
	options->port_window = (most + WINDOW_GRAIN - 1) / WINDOW_GRAIN * WINDOW_GRAIN;
}

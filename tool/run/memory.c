/* SPDX-License-Identifier: MIT */
/* What memory there is; see memory.h. Control groups of both versions, up to the root of each. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/run/memory.h"
#include "tool/tool.h"

/* Where a version of control groups keeps its figures. */
struct flavour {
	const char *mount; /* below the directory of control groups */
	const char *limit, *usage;
	const char *cache[2]; /* of memory.stat: what the kernel can drop */
};

static const struct flavour flavours[] = {
	{"", "memory.max", "memory.current", {"inactive_file", "active_file"}},
	{"/unified", "memory.max", "memory.current", {"inactive_file", "active_file"}},
	{"/memory",
	 "memory.limit_in_bytes",
	 "memory.usage_in_bytes",
	 {"total_inactive_file", "total_active_file"}},
};

static FILE *open_in(const char *dir, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return NULL;
	return fopen(path, "re");
}

/* A file of one number; "max" and the like are no number. */
static bool read_number(const char *dir, const char *name, uint64_t *out)
{
	FILE *file = open_in(dir, name);
	unsigned long long value;
	bool found;

	if (!file)
		return false;
	found = fscanf(file, "%llu", &value) == 1;
	fclose(file);
	*out = value;
	return found;
}

/* The line "name value" (a colon may follow the name) of a file of such. */
static bool read_line(const char *dir, const char *file_name, const char *name, uint64_t *out)
{
	FILE *file = open_in(dir, file_name);
	char line[256], word[128];
	unsigned long long value;
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%127s %llu", word, &value) != 2)
			continue;
		word[strcspn(word, ":")] = '\0';
		found = !strcmp(word, name);
	}
	fclose(file);
	if (found)
		*out = value;
	return found;
}

static void read_group(const struct flavour *flavour, const char *dir, const char *group,
		       struct memory_limit *least)
{
	uint64_t limit, usage, cache, available;

	if (!read_number(dir, flavour->limit, &limit) || !read_number(dir, flavour->usage, &usage))
		return;
	for (size_t i = 0; i < 2; i++)
		if (read_line(dir, "memory.stat", flavour->cache[i], &cache))
			usage -= cache < usage ? cache : usage;
	available = usage < limit ? limit - usage : 0;
	if (available >= least->available)
		return;
	least->available = available;
	snprintf(least->group, sizeof(least->group), "%s", *group ? group : "/");
}

/* The group and all above it. */
static void walk_up(const struct flavour *flavour, const char *sys, char *group, struct memory_limit *least)
{
	char dir[PATH_MAX];

	for (;;) {
		if (snprintf(dir, sizeof(dir), "%s/fs/cgroup%s%s", sys, flavour->mount, group) <
		    (int)sizeof(dir))
			read_group(flavour, dir, group, least);
		if (!*group)
			return;
		*strrchr(group, '/') = '\0';
	}
}

/* The path in "0::/path" (version 2) or "4:memory:/path" (version 1); NULL: another line. */
static char *group_of(char *line, bool unified)
{
	char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;

	if (!path || path[1] != '/')
		return NULL;
	*path++ = '\0';
	path[strcspn(path, "\n")] = '\0';
	if (!path[1])
		path++; /* the root is the empty path here */
	controllers++;
	return (unified ? !*controllers : !strcmp(controllers, "memory")) ? path : NULL;
}

static void look_at_flavour(const struct flavour *flavour, const char *proc, const char *sys,
			    struct memory_limit *least)
{
	bool unified = !strcmp(flavour->limit, "memory.max");
	FILE *file = open_in(proc, "self/cgroup");
	char line[PATH_MAX], *group;

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		group = group_of(line, unified);
		if (group)
			walk_up(flavour, sys, group, least);
	}
	fclose(file);
}

void memory_available(const char *proc, const char *sys, struct memory_limit *out)
{
	uint64_t kib;

	*out = (struct memory_limit){.available = UINT64_MAX};
	if (read_line(proc, "meminfo", "MemAvailable", &kib))
		out->available = kib << 10;
	for (size_t i = 0; i < sizeof(flavours) / sizeof(*flavours); i++)
		look_at_flavour(&flavours[i], proc, sys, out);
}

/* Page tables of KVM and of the IOMMU: 8 bytes for each 4 KiB, twice, in the worst case; and ourselves. */
static uint64_t overhead(uint64_t memory)
{
	return memory / 256 + (16 << 20);
}

/* Pages of hugetlb that nobody has taken or reserved. */
static int check_huge(const char *sys, uint64_t memory, uint64_t page, struct lend_error *error)
{
	unsigned long long needed = memory / page, kib = page >> 10;
	uint64_t free_pages = 0, reserved = 0;
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s/kernel/mm/hugepages/hugepages-%llukB", sys, kib);
	read_number(dir, "free_hugepages", &free_pages);
	read_number(dir, "resv_hugepages", &reserved);
	free_pages -= reserved < free_pages ? reserved : free_pages;
	if (needed <= free_pages)
		return 0;
	return tool_fail(
		error, -ENOMEM,
		"a guest of %llu MiB needs %llu huge pages of %llu MiB, but %llu are free; as root: echo N > "
		"%s/nr_hugepages, or leave out hugetlb=",
		(unsigned long long)memory >> 20, needed, kib >> 10, (unsigned long long)free_pages, dir);
}

int memory_check(const char *proc, const char *sys, uint64_t memory, uint64_t huge_page,
		 struct lend_error *error)
{
	struct memory_limit limit;
	unsigned long long asked = memory >> 20, needed, available;

	if (huge_page)
		return check_huge(sys, memory, huge_page, error);
	memory_available(proc, sys, &limit);
	if (memory <= UINT64_MAX / 2 && memory + overhead(memory) <= limit.available)
		return 0;
	needed = asked + (overhead(memory) >> 20);
	available = limit.available >> 20;
	if (limit.group[0])
		return tool_fail(error, -ENOMEM,
				 "a guest of %llu MiB needs %llu MiB of memory, but the control group %s "
				 "allows %llu MiB "
				 "more; give less with -m, or raise its limit",
				 asked, needed, limit.group, available);
	return tool_fail(
		error, -ENOMEM,
		"a guest of %llu MiB needs %llu MiB of memory, but this computer has %llu MiB available; "
		"give less with -m, or free some",
		asked, needed, available);
}

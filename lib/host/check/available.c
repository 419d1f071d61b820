/* SPDX-License-Identifier: MIT */
/* What memory there is; see available.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/check/available.h"
#include "lib/host/check/cgroup.h"
#include "lib/host/check/list.h"

/* A file of a control group that limits, and the one that it is compared with. */
struct limit {
	bool unified;
	const char *most, *now;
	const char *cache[2]; /* of memory.stat: what the kernel can drop */
};

static const struct limit memory_limits[] = {
	{true, "memory.max", "memory.current", {"inactive_file", "active_file"}},
	/* What goes above it is slowed down until it gives memory back, which a guest's never is. */
	{true, "memory.high", "memory.current", {"inactive_file", "active_file"}},
	{false,
	 "memory.limit_in_bytes",
	 "memory.usage_in_bytes",
	 {"total_inactive_file", "total_active_file"}},
};

/* By size of the page. */
static const struct {
	uint64_t page;
	struct limit limits[3];
} huge_limits[] = {
	{2 << 20,
	 {{true, "hugetlb.2MB.max", "hugetlb.2MB.current", {NULL}},
	  {true, "hugetlb.2MB.rsvd.max", "hugetlb.2MB.rsvd.current", {NULL}},
	  {false, "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.usage_in_bytes", {NULL}}}},
	{1 << 30,
	 {{true, "hugetlb.1GB.max", "hugetlb.1GB.current", {NULL}},
	  {true, "hugetlb.1GB.rsvd.max", "hugetlb.1GB.rsvd.current", {NULL}},
	  {false, "hugetlb.1GB.limit_in_bytes", "hugetlb.1GB.usage_in_bytes", {NULL}}}},
};

struct search {
	const struct limit *limits;
	size_t count;
	struct available *least;
};

static bool read_bytes(const char *dir, const char *name, uint64_t *out)
{
	long value; /* "max" is no number */

	if (sysfs_number(dir, name, &value) || value < 0)
		return false;
	*out = (uint64_t)value;
	return true;
}

/* The number after `name`, and perhaps a colon, in a file of such lines. */
static bool read_line(const char *dir, const char *file, const char *name, uint64_t *out)
{
	char *text = sysfs_load(dir, file, NULL), *rest = text, *line;
	size_t length = strlen(name);
	bool found = false;

	while (!found && (line = strsep(&rest, "\n"))) {
		char *end, *digits = line + length;

		if (strncmp(line, name, length) != 0 || (*digits != ' ' && *digits != ':'))
			continue;
		digits += *digits == ':';
		*out = strtoull(digits, &end, 10);
		found = end != digits;
	}
	free(text);
	return found;
}

static void look_at_limit(const struct limit *limit, const struct cgroup *group, struct available *least)
{
	uint64_t most, now, cache, left;

	if (limit->unified != group->unified || !read_bytes(group->dir, limit->most, &most) ||
	    !read_bytes(group->dir, limit->now, &now))
		return;
	for (size_t i = 0; i < 2 && limit->cache[i]; i++)
		if (read_line(group->dir, "memory.stat", limit->cache[i], &cache))
			now -= cache < now ? cache : now;
	left = now < most ? most - now : 0;
	if (left >= least->bytes)
		return;
	least->bytes = left;
	least->file = limit->most;
	snprintf(least->group, sizeof(least->group), "%.*s", (int)sizeof(least->group) - 1, group->name);
}

static void look_at_group(void *opaque, const struct cgroup *group)
{
	const struct search *search = opaque;

	for (size_t i = 0; i < search->count; i++)
		look_at_limit(&search->limits[i], group, search->least);
}

void available_memory(struct lend_context *context, struct available *out)
{
	struct search search = {memory_limits, sizeof(memory_limits) / sizeof(*memory_limits), out};
	uint64_t kib;

	*out = (struct available){.bytes = UINT64_MAX};
	if (read_line(context_proc(context), "meminfo", "MemAvailable", &kib))
		out->bytes = kib > UINT64_MAX >> 10 ? UINT64_MAX : kib << 10;
	cgroups_each(context, "memory", look_at_group, &search);
}

void available_huge(struct lend_context *context, uint64_t page, struct huge_pages *out)
{
	uint64_t reserved = 0, more = 0, surplus = 0;
	char dir[PATH_MAX];

	*out = (struct huge_pages){.of = {.bytes = UINT64_MAX}};
	for (size_t i = 0; i < sizeof(huge_limits) / sizeof(*huge_limits); i++)
		if (huge_limits[i].page == page)
			cgroups_each(context, "hugetlb", look_at_group,
				     &(struct search){huge_limits[i].limits, 3, &out->of});
	if (sysfs_path(dir, "%s/kernel/mm/hugepages/hugepages-%llukB", context_sysfs(context),
		       (unsigned long long)page >> 10))
		return;
	out->known = read_bytes(dir, "free_hugepages", &out->free);
	read_bytes(dir, "nr_hugepages", &out->total);
	read_bytes(dir, "resv_hugepages", &reserved);
	read_bytes(dir, "nr_overcommit_hugepages", &more);
	read_bytes(dir, "surplus_hugepages", &surplus);
	out->free -= reserved < out->free ? reserved : out->free;
	out->free += more > surplus ? more - surplus : 0;
}

/* cpuset(7) confines a process to some nodes. */
static bool may_have(struct lend_context *context, unsigned node)
{
	static const char name[] = "\nMems_allowed_list:";
	char *status = sysfs_load(context_proc(context), "self/status", NULL);
	char *found = status ? strstr(status, name) : NULL;
	bool may = true;

	if (found) {
		found += sizeof(name) - 1;
		found += strspn(found, " \t");
		found[strcspn(found, "\n")] = '\0';
		may = list_has(found, node);
	}
	free(status);
	return may;
}

/* UINT64_MAX: it is not known. */
static uint64_t free_of_node(const char *dir, unsigned node)
{
	static const char *const names[] = {"MemFree", "Active(file)", "Inactive(file)"};
	char folder[PATH_MAX], name[64];
	uint64_t kib, sum = 0;

	if (sysfs_path(folder, "%s/node%u", dir, node))
		return UINT64_MAX;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(name, sizeof(name), "Node %u %s", node, names[i]);
		if (read_line(folder, "meminfo", name, &kib))
			sum = kib > (UINT64_MAX - sum) >> 10 ? UINT64_MAX : sum + (kib << 10);
		else if (!i)
			return UINT64_MAX;
	}
	return sum;
}

void available_node(struct lend_context *context, unsigned node, uint64_t page, struct numa *out)
{
	char dir[PATH_MAX], folder[PATH_MAX];
	uint64_t number;

	*out = (struct numa){.free = UINT64_MAX};
	if (sysfs_path(dir, "%s/devices/system/node", context_sysfs(context)))
		return;
	/* Before Linux 3.8 there is no has_memory; a list that is empty lists nothing. */
	out->known = sysfs_read(dir, "has_memory", out->list, sizeof(out->list)) > 0 ||
		     sysfs_read(dir, "online", out->list, sizeof(out->list)) > 0;
	out->has = out->known && list_has(out->list, node);
	out->count = list_count(out->list);
	out->allow = may_have(context, node);
	if (!page) {
		out->free = free_of_node(dir, node);
		return;
	}
	if (sysfs_path(folder, "%s/node%u/hugepages/hugepages-%llukB", dir, node,
		       (unsigned long long)page >> 10))
		return;
	read_bytes(folder, "nr_hugepages", &out->total);
	if (read_bytes(folder, "free_hugepages", &number))
		out->free = number > UINT64_MAX / page ? UINT64_MAX : number * page;
}

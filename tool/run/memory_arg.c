/* SPDX-License-Identifier: MIT */
/* The value of -m: "SIZE[,hugetlb=2M|1G|on|off][,share=on|off][,node=N]". */
#include <errno.h>
#include <string.h>

#include "tool/run/options.h"
#include "tool/tool.h"

enum { MIB = 1 << 20, NODES_MAX = 1024 /* of the kernel */ };

/* What other monitors have behind the size. */
static const struct {
	const char *prefix, *advice;
} other_parts[] = {
	{"slots=", "no memory is added to a guest that runs; give the size alone"},
	{"maxmem=", "no memory is added to a guest that runs; give the size alone"},
	{"hotplug", "no memory is added to a guest that runs; give the size alone"},
	{"hugepage", "give hugetlb=2M or hugetlb=1G"},
	{"shared=", "give share=on"},
	{"prealloc=", "all memory is taken at the start; leave it out"},
	{"prefault=", "all memory is taken at the start; leave it out"},
	{"mergeable=", "the guest's memory is its own; leave it out"},
};

/* The sizes that x86-64 has; on: the one that each computer has. */
static int set_huge_page(struct run_options *options, const char *text)
{
	uint64_t page;
	bool on;

	if (!value_switch(text, &on))
		page = on ? 2 * MIB : 0;
	else if (value_size(text, &page) || (page != 2 * MIB && page != UINT64_C(1024) * MIB))
		return -EINVAL;
	options->huge_page = page;
	return 0;
}

static int set_part(struct run_options *options, const char *part)
{
	static const char hugetlb[] = "hugetlb=", share[] = "share=", node[] = "node=";

	if (!strncmp(part, share, sizeof(share) - 1))
		return value_switch(part + sizeof(share) - 1, &options->shared);
	if (!strncmp(part, node, sizeof(node) - 1)) {
		options->has_node = true;
		return value_number(part + sizeof(node) - 1, 0, NODES_MAX - 1, &options->node);
	}
	if (!strncmp(part, hugetlb, sizeof(hugetlb) - 1))
		return set_huge_page(options, part + sizeof(hugetlb) - 1);
	return -EINVAL;
}

static int fail_part(const char *value, const char *part, struct lend_error *error)
{
	for (size_t i = 0; i < sizeof(other_parts) / sizeof(*other_parts); i++)
		if (!strncmp(part, other_parts[i].prefix, strlen(other_parts[i].prefix)))
			return tool_fail(error, -EINVAL, "-m %.100s: %s is not known: %s", value, part,
					 other_parts[i].advice);
	return tool_fail(error, -EINVAL,
			 "-m %.100s: after the size only hugetlb=2M, hugetlb=1G, hugetlb=on, share=on, "
			 "share=off and node=N (0 to %d) are known",
			 value, NODES_MAX - 1);
}

static int parse_size(struct run_options *options, const char *text)
{
	return value_size(text, &options->memory) || !options->memory || options->memory % MIB ? -EINVAL : 0;
}

int memory_parse(struct run_options *options, const char *value, struct lend_error *error)
{
	static const char size[] = "size=";
	const char *rest;
	char part[VALUE_PART];

	options->huge_page = 0;
	options->shared = options->has_node = false;
	rest = value_part(strncmp(value, size, sizeof(size) - 1) ? value : value + sizeof(size) - 1, part);
	if (!rest || parse_size(options, part))
		return tool_fail(error, -EINVAL,
				 "-m %.100s is not a size of memory; give whole MiB, like 512 or 512M, or "
				 "GiB, like 4G",
				 value);
	while (*rest) {
		rest = value_part(rest + 1, part);
		if (!rest || set_part(options, part))
			return fail_part(value, rest ? part : "", error);
	}
	if (options->huge_page && options->memory % options->huge_page)
		return tool_fail(error, -EINVAL, "-m %.100s is not a multiple of its huge pages; give one",
				 value);
	return 0;
}

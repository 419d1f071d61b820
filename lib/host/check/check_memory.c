/* SPDX-License-Identifier: MIT */
/* Whether the guest's memory is there: of the computer, of its control groups, in huge pages, of a node. */
#include <stdio.h>
#include <string.h>

#include "lib/host/check/available.h"
#include "lib/host/check/check.h"

enum { MIB_SHIFT = 20 };

static unsigned long long mib(uint64_t bytes)
{
	return (unsigned long long)bytes >> MIB_SHIFT;
}

/* Page tables of KVM and of the IOMMU: 8 bytes for each 4 KiB, twice, in the worst case; and the monitor. */
static uint64_t overhead(uint64_t memory)
{
	return memory / 256 + (16 << MIB_SHIFT);
}

static void check_ordinary(struct lend_check *check)
{
	const uint64_t memory = check->options.memory;
	struct lend_check_row *row;
	struct available there;

	available_memory(check->context, &there);
	if (memory <= UINT64_MAX / 2 && memory + overhead(memory) <= there.bytes)
		return;
	if (there.group[0]) {
		row = check_row(check, "memory", NULL, LEND_FAILED,
				"a guest of %llu MiB needs %llu MiB of memory, but the control group %.120s "
				"allows %llu MiB more (%s)",
				mib(memory), mib(memory) + mib(overhead(memory)), there.group,
				mib(there.bytes), there.file);
		CHECK_CURE(row, advice, "give the guest less with -m, or raise %s of the control group",
			   there.file);
		return;
	}
	row = check_row(check, "memory", NULL, LEND_FAILED,
			"a guest of %llu MiB needs %llu MiB of memory, but this computer has %llu MiB "
			"available",
			mib(memory), mib(memory) + mib(overhead(memory)), mib(there.bytes));
	CHECK_CURE(row, advice, "give the guest less with -m, or end what uses memory");
}

/* "hugepages-2048kB" */
static int take_size(void *opaque, const char *name)
{
	char *sizes = opaque;
	size_t used = strlen(sizes);
	unsigned long long kib;

	if (sscanf(name, "hugepages-%llukB", &kib) == 1 && used + 32 < 128)
		snprintf(sizes + used, 32, "%s%llu KiB", used ? ", " : "", kib);
	return 0;
}

/* The kernel has a folder for each size that the processor and it can make. */
static void say_no_size(struct lend_check *check, uint64_t page)
{
	struct lend_check_row *row = check_row(check, "hugepages", NULL, LEND_FAILED,
					       "this computer has no huge pages of %llu MiB", mib(page));
	char dir[PATH_MAX], sizes[128] = "";

	if (!sysfs_path(dir, "%s/kernel/mm/hugepages", context_sysfs(check->context)))
		sysfs_each(dir, take_size, sizes);
	if (sizes[0])
		CHECK_CURE(row, advice, "it has those of %s: give that size with -m, or none", sizes);
	else
		CHECK_CURE(row, advice, "its kernel was built without them: leave hugetlb= away from -m");
}

/* Those that others use are counted in the number that is written. `dir`: of all nodes, or of one. */
static void cure_by_more(struct lend_check *check, struct lend_check_row *row, const char *dir,
			 unsigned long long more, unsigned long long need)
{
	const unsigned long long kib = (unsigned long long)check->options.huge_page >> 10;

	CHECK_CURE(row, command, "echo %llu > %.200s/%s/hugepages-%llukB/nr_hugepages", more,
		   context_sysfs(check->context), dir, kib);
	CHECK_CURE(
		row, advice,
		"if there are fewer afterwards, memory is in pieces: hugepagesz=%lluK hugepages=%llu on the "
		"kernel's command line keeps them from the start",
		kib, need);
}

static void check_huge(struct lend_check *check)
{
	const uint64_t page = check->options.huge_page;
	const unsigned long long need = check->options.memory / page + !!(check->options.memory % page);
	struct lend_check_row *row;
	struct huge_pages there;

	available_huge(check->context, page, &there);
	if (!there.known) {
		say_no_size(check, page);
		return;
	}
	if (there.free < need) {
		row = check_row(check, "hugepages", NULL, LEND_FAILED,
				"a guest of %llu MiB needs %llu huge pages of %llu MiB, but %llu are free",
				mib(check->options.memory), need, mib(page), (unsigned long long)there.free);
		cure_by_more(check, row, "kernel/mm/hugepages",
			     (unsigned long long)there.total + need - (unsigned long long)there.free, need);
		return;
	}
	if (there.of.bytes / page < need) {
		row = check_row(
			check, "hugepages", NULL, LEND_FAILED,
			"a guest of %llu MiB needs %llu huge pages of %llu MiB, but the control group "
			"%.120s allows %llu more (%s)",
			mib(check->options.memory), need, mib(page), there.of.group,
			(unsigned long long)(there.of.bytes / page), there.of.file);
		CHECK_CURE(row, advice,
			   "raise %s of the control group, or leave out hugetlb=", there.of.file);
		return;
	}
	check_row(check, "hugepages", NULL, LEND_PASSED, "%llu huge pages of %llu MiB are free",
		  (unsigned long long)there.free, mib(page));
}

int check_wanted_node(const struct lend_check *check)
{
	if (check->options.has_node)
		return (int)check->options.node;
	for (size_t i = 0; i < check->device_count; i++)
		if (check->devices[i]->is.numa_node >= 0)
			return check->devices[i]->is.numa_node;
	return -1;
}

static void refuse_node(struct lend_check *check, const struct numa *there)
{
	const unsigned node = check->options.node;
	struct lend_check_row *row;

	if (!there->known)
		row = check_row(check, "numa", NULL, LEND_FAILED,
				"node=%u: this computer's kernel knows no nodes of memory", node);
	else if (!there->has)
		row = check_row(
			check, "numa", NULL, LEND_FAILED,
			"node=%u: this computer has no memory of that node; those that have memory: %s", node,
			there->list);
	else
		row = check_row(check, "numa", NULL, LEND_FAILED,
				"node=%u: the control group keeps this process from that node (cpuset.mems)",
				node);
	CHECK_CURE(row, advice, "leave out node=%s", there->known ? ", or give another one" : "");
}

/* The user's node gives all of it, and another one gives nothing (memory.c of the machine). */
static void refuse_too_little(struct lend_check *check, const struct numa *there)
{
	const uint64_t memory = check->options.memory, page = check->options.huge_page;
	const unsigned node = check->options.node;
	struct lend_check_row *row;
	char dir[64];

	if (page) {
		const unsigned long long need = memory / page + !!(memory % page), free = there->free / page;

		row = check_row(check, "numa", NULL, LEND_FAILED,
				"node=%u: a guest of %llu MiB needs %llu huge pages of %llu MiB of that "
				"node, and %llu of it are free",
				node, mib(memory), need, mib(page), free);
		snprintf(dir, sizeof(dir), "devices/system/node/node%u/hugepages", node);
		cure_by_more(check, row, dir, (unsigned long long)there->total + need - free, need);
		return;
	}
	row = check_row(check, "numa", NULL, LEND_FAILED,
			"node=%u: a guest of %llu MiB needs %llu MiB of memory of that node, and %llu MiB of "
			"it are available",
			node, mib(memory), mib(memory) + mib(overhead(memory)), mib(there->free));
	CHECK_CURE(row, advice,
		   "give the guest less with -m, or leave out node=, so that other nodes give the rest");
}

/* Memory of the devices' node is preferred and not demanded. */
static void check_numa(struct lend_check *check)
{
	const uint64_t memory = check->options.memory;
	const int node = check_wanted_node(check);
	struct numa there;
	bool few;

	if (node < 0)
		return;
	available_node(check->context, (unsigned)node, check->options.huge_page, &there);
	few = there.has && there.count > 1 &&
	      (there.free < memory || (!check->options.huge_page && there.free - memory < overhead(memory)));
	if (check->options.has_node && (!there.known || !there.has || !there.allow))
		refuse_node(check, &there);
	else if (check->options.has_node && few)
		refuse_too_little(check, &there);
	else if (few)
		check_row(check, "numa", NULL, LEND_NOTE,
			  "node %d, that of the devices, has %llu MiB available%s: the rest of the guest's "
			  "%llu MiB comes from other nodes, which DMA takes longer to reach",
			  node, mib(there.free), check->options.huge_page ? " in huge pages" : "",
			  mib(memory));
}

/* Nothing to be said of a computer with one node. */
void check_node_of(struct lend_check *check, const struct lend_survey_device *device)
{
	const int node = check_wanted_node(check);
	struct numa numa;

	if (device->is.numa_node < 0)
		return;
	available_node(check->context, (unsigned)device->is.numa_node, 0, &numa);
	if (numa.count < 2)
		return;
	if (node == device->is.numa_node || check->options.device_alone)
		check_row(check, "numa", device, LEND_PASSED,
			  "it is on node %d of this computer, which has %u", device->is.numa_node,
			  numa.count);
	else
		check_row(check, "numa", device, LEND_NOTE,
			  "it is on node %d, and the guest's memory is to come from node %d: its DMA takes "
			  "longer to reach it",
			  device->is.numa_node, node);
}

void check_memory(struct lend_check *check)
{
	check_numa(check);
	if (check->options.huge_page)
		check_huge(check);
	else
		check_ordinary(check);
}

/* SPDX-License-Identifier: MIT */
/* What this user may do: open the nodes, use as much as the kernel's limits allow; and what is there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/host/check/check.h"

static void check_node(struct lend_check *check, const struct lend_survey_device *device, const char *path)
{
	struct lend_check_row *row;
	struct stat st;

	if (!faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS)) {
		check_row(check, "node", device, LEND_PASSED, "you may open %s", path);
		return;
	}
	if (errno == ENOENT)
		return; /* another row says how it is made */
	row = check_row(check, "node", device, LEND_FAILED, "you may not open %s", path);
	if (!stat(path, &st) && st.st_uid == geteuid() && (st.st_mode & 0600) == 0600)
		CHECK_CURE(row, advice,
			   "it is yours already: a container's device rules, or a mount that is read-only, "
			   "keep you from it");
	else if (!stat(path, &st) && st.st_uid == geteuid())
		CHECK_CURE(row, command, "chmod u+rw %.200s", path);
	else if (check->options.user)
		CHECK_CURE(row, command, "chown %.64s %.200s", check->options.user, path);
	else
		CHECK_CURE(row, advice, "run lend as root, or have the node given to you");
}

static void check_nodes(struct lend_check *check)
{
	const char *dev = context_dev(check->context);
	struct lend_check_row *row;
	char path[PATH_MAX];

	if (!sysfs_path(path, "%s/kvm", dev))
		check_node(check, NULL, path);
	/* The kernel lets everybody open the node of containers: each open makes a container of its own. */
	if (!sysfs_path(path, "%s/vfio/vfio", dev) && !access(path, F_OK) &&
	    faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS)) {
		row = check_row(check, "node", NULL, LEND_FAILED, "you may not open %s", path);
		CHECK_CURE(row, command, "chmod 666 %.200s", path);
	}
	for (size_t i = 0; i < check->device_count; i++)
		if (check->devices[i]->is.group >= 0 &&
		    !sysfs_path(path, "%s/vfio/%d", dev, check->devices[i]->is.group))
			check_node(check, check->devices[i], path);
}

/* Whether lend run would open it by its own node, as lib/open/choose.c decides. */
static bool goes_by_iommufd(struct lend_check *check, const struct lend_survey_device *device)
{
	char node[PATH_MAX], iommu[PATH_MAX];

	return device->is.vfio_node[0] &&
	       !sysfs_path(node, "%s/vfio/devices/%s", context_dev(check->context), device->is.vfio_node) &&
	       !sysfs_path(iommu, "%s/iommu", context_dev(check->context)) &&
	       !faccessat(AT_FDCWD, node, R_OK | W_OK, AT_EACCESS) &&
	       !faccessat(AT_FDCWD, iommu, R_OK | W_OK, AT_EACCESS);
}

/* Which parts of a BAR are cut out is known when the device is open; most BARs are one part. */
enum { BARS_A_DEVICE = 7 };

static void check_needs(struct lend_check *check)
{
	struct lend_check_needs needs = {.memory = check->options.memory,
					 .processors = check->options.processors,
					 .functions = (unsigned)check->device_count,
					 .areas = BARS_A_DEVICE * (unsigned)check->device_count};
	struct check_messages messages;

	for (size_t i = 0; i < check->device_count; i++) {
		check_messages(check, check->devices[i], &messages);
		needs.hidden += !messages.known;
		needs.vectors += messages.vectors;
		needs.iommufd |= goes_by_iommufd(check, check->devices[i]);
		if (messages.vectors <= needs.widest_vectors)
			continue;
		needs.widest = check->devices[i]->is.name;
		needs.widest_vectors = messages.vectors;
	}
	check_limits(check, &needs);
}

static uint64_t available(struct lend_check *check)
{
	char *text = sysfs_load(context_proc(check->context), "meminfo", NULL), *found;
	unsigned long long kib = 0;

	found = text ? strstr(text, "MemAvailable:") : NULL;
	if (found)
		sscanf(found, "MemAvailable: %llu", &kib);
	free(text);
	return found ? (uint64_t)kib << 10 : UINT64_MAX;
}

static void check_memory(struct lend_check *check)
{
	const uint64_t need = check->options.memory, there = available(check);
	struct lend_check_row *row;

	if (there >= need)
		return;
	row = check_row(check, "memory", NULL, LEND_FAILED,
			"the guest's %llu MiB are more than the %llu MiB that are free",
			(unsigned long long)need >> 20, (unsigned long long)there >> 20);
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

/* The kernel has a folder for each size that it and the processor know. */
static void say_no_size(struct lend_check *check, unsigned long long kib)
{
	struct lend_check_row *row = check_row(check, "hugepages", NULL, LEND_FAILED,
					       "this computer has no huge pages of %llu KiB", kib);
	char dir[PATH_MAX], sizes[128] = "";

	if (!sysfs_path(dir, "%s/kernel/mm/hugepages", context_sysfs(check->context)))
		sysfs_each(dir, take_size, sizes);
	if (sizes[0])
		CHECK_CURE(row, advice, "it has those of %s: give that size with -m, or none", sizes);
	else
		CHECK_CURE(row, advice, "its kernel was built without them: leave hugetlb= away from -m");
}

static void check_huge_pages(struct lend_check *check)
{
	const unsigned long long size = check->options.huge_page, kib = size >> 10;
	const unsigned long long need = (check->options.memory + size - 1) / size;
	struct lend_check_row *row;
	char dir[PATH_MAX];
	long there = 0, all = 0;

	if (sysfs_path(dir, "%s/kernel/mm/hugepages/hugepages-%llukB", context_sysfs(check->context), kib))
		return;
	if (access(dir, F_OK)) {
		say_no_size(check, kib);
		return;
	}
	sysfs_number(dir, "free_hugepages", &there);
	there = there < 0 ? 0 : there;
	if ((unsigned long long)there >= need) {
		check_row(check, "hugepages", NULL, LEND_PASSED, "%ld huge pages of %llu KiB are free", there,
			  kib);
		return;
	}
	row = check_row(check, "hugepages", NULL, LEND_FAILED,
			"the guest needs %llu huge pages of %llu KiB, and %ld are free", need, kib, there);
	/* The number that is written counts those that others use, too. */
	sysfs_number(dir, "nr_hugepages", &all);
	all = all < there ? there : all;
	CHECK_CURE(row, command, "echo %llu > %.200s/nr_hugepages",
		   need + (unsigned long long)all - (unsigned long long)there, dir);
	CHECK_CURE(
		row, advice,
		"if there are fewer afterwards, memory is in pieces: hugepagesz=%lluK hugepages=%llu on the "
		"kernel's command line keeps them from the start",
		kib, need);
}

void check_user(struct lend_check *check)
{
	check_nodes(check);
	check_needs(check);
	if (check->options.huge_page)
		check_huge_pages(check);
	else
		check_memory(check);
}

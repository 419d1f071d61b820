/* SPDX-License-Identifier: MIT */
/* Users who may not open a node, or whom a limit stops. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_cures.h"

static void put(struct person *person, const char *path, const char *text)
{
	tree_put(person->tree, path, text);
}

static void nothing(struct person *person)
{
	(void)person;
}

static void nodes(struct person *person)
{
	char path[64];

	snprintf(path, sizeof(path), "dev/vfio/%d", tree_device(person->tree, "01:00.0")->is.group);
	put(person, path, "");
	cure_deny(person, path);
	cure_deny(person, "dev/kvm");
	cure_deny(person, "dev/vfio/vfio");
	tree_bind(person->tree, "0000:01:00.0", "vfio-pci");
}

static void limited(struct person *person, int which, uint64_t limit)
{
	person->limits[which] = limit;
	put(person, "proc/self/status", "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n");
}

static void few_files(struct person *person)
{
	limited(person, 0, 20);
}
static void little_memory(struct person *person)
{
	limited(person, 1, 65536);
}
static void few_threads(struct person *person)
{
	limited(person, 2, 5);
}

static void fewest_files(struct person *person)
{
	few_files(person);
	put(person, "proc/sys/fs/nr_open", "30\n");
}

static void few_watches(struct person *person)
{
	put(person, "proc/sys/fs/epoll/max_user_watches", "10\n");
}
static void few_maps(struct person *person)
{
	put(person, "proc/sys/vm/max_map_count", "100\n");
}

static void few_entries(struct person *person)
{
	put(person, "sys/module/vfio_iommu_type1/parameters/dma_entry_limit", "3\n");
}

static void few_pids(struct person *person)
{
	put(person, "proc/self/cgroup", "0::/user\n");
	put(person, "sys/fs/cgroup/user/pids.max", "3\n");
	put(person, "sys/fs/cgroup/user/pids.current", "2\n");
}

static void huge_pages(struct person *person)
{
	put(person, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "300\n");
	put(person, "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "100\n");
}

static void no_huge_pages(struct person *person)
{
	tree_remove(person->tree, "sys/kernel/mm/hugepages");
}

const struct sick_host sick_users[] = {
	{"plain", {"01:00.0"}, nodes, "chown ann", NULL, {0}},
	{"plain", {"01:00.0"}, few_files, "prlimit --pid 77 --nofile=", NULL, {0}},
	{"plain", {"01:00.0"}, fewest_files, "sysctl -w fs.nr_open=", NULL, {0}},
	{"plain", {"01:00.0"}, little_memory, "prlimit --pid 77 --memlock=", NULL, {0}},
	{"plain", {"01:00.0"}, few_threads, "prlimit --pid 77 --nproc=", NULL, {0}},
	{"plain", {"01:00.0"}, few_watches, "sysctl -w fs.epoll", NULL, {0}},
	{"plain", {"01:00.0"}, few_maps, "sysctl -w vm.max_map_count", NULL, {0}},
	{"plain", {"01:00.0"}, few_entries, "dma_entry_limit", NULL, {0}},
	{"plain", {"01:00.0"}, few_pids, NULL, "raise pids.max", {0}},
	{"plain", {"01:00.0"}, nothing, NULL, "give the guest less", {.memory = 8ull << 30}},
	{"plain", {"01:00.0"}, huge_pages, "echo 712 >", NULL, {.memory = 1 << 30, .huge_page = 2 << 20}},
	{"plain",
	 {"01:00.0"},
	 huge_pages,
	 NULL,
	 "it has those of 2048 KiB",
	 {.memory = 1 << 30, .huge_page = 1 << 30}},
	{"plain",
	 {"01:00.0"},
	 no_huge_pages,
	 NULL,
	 "its kernel was built without",
	 {.memory = 1 << 30, .huge_page = 2 << 20}},
	{0},
};

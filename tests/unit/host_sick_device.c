/* SPDX-License-Identifier: MIT */
/* Devices that are in use, share their group, or are not to be lent. */
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

static void mounted(struct person *person)
{
	tree_append(person->tree, "proc/self/mountinfo",
		    "40 23 259:0 / /my\\040data rw - ext4 /dev/nvme0n1 rw\n");
	tree_append(person->tree, "proc/swaps", "/dev/nvme0n1 partition 1000 0 -2\n");
}

static void opened(struct person *person)
{
	tree_process(person->tree, 55, "dd", "/dev/nvme0n1");
}
static void no_reset(struct person *person)
{
	tree_remove(person->tree, "sys/bus/pci/devices/0000:01:00.0/reset_method");
	tree_remove(person->tree, "sys/bus/pci/devices/0000:01:00.0/reset");
}

static void firmware_memory(struct person *person)
{
	char path[80];

	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/reserved_regions",
		 tree_device(person->tree, "01:00.0")->is.group);
	put(person, path, "0x7b000000 0x7bffffff direct\n");
}

static void sibling_mounted(struct person *person)
{
	tree_append(person->tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme1n1 rw\n");
}

static void computers_bridge(struct person *person)
{
	tree_bind(person->tree, "0000:00:1f.0", "lpc_ich");
}

static void behind_vmd(struct person *person)
{
	tree_vmd(person->tree);
}

const struct sick_host sick_devices[] = {
	{"plain", {"01:00.0"}, mounted, "umount '/my data'", NULL, {0}},
	{"plain", {"01:00.0"}, opened, NULL, "end that first", {0}},
	{"plain", {"01:00.0"}, no_reset, NULL, "give it to guests", {0}},
	{"plain", {"01:00.0"}, firmware_memory, NULL, "switch off what uses it", {0}},
	{"plain", {"00:10.0"}, nothing, NULL, "choose another device", {0}},
	{"plain", {"00:1f.2"}, computers_bridge, NULL, "choose another device, or another slot", {0}},
	{"plain", {"00:1f.3"}, computers_bridge, NULL, "choose another device, or another slot", {0}},
	{"plain", {"10000:e1:00.0"}, behind_vmd, NULL, "lend 0000:03:00.0, with all that", {0}},
	{"plain", {"03:00.0"}, behind_vmd, "lend bind --user ann 0000:03:00.0", NULL, {0}},
	{"multifunction", {"01:00.0"}, sibling_mounted, "umount /data", NULL, {0}},
	{"multifunction", {"01:00.0"}, nothing, "lend bind --siblings", NULL, {0}},
	{"multifunction",
	 {"01:00.0", "01:00.1"},
	 nothing,
	 "lend bind --user ann 0000:01:00.0 0000:01:00.1",
	 NULL,
	 {0}},
	{"sriov", {"01:00.0"}, nothing, "lend vf 0000:01:00.0 0", NULL, {0}},
	{0},
};

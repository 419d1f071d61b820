/* SPDX-License-Identifier: MIT */
/*
 * Parts of the kernel that take the frames of an interface, which needs no address then:
 * protocols that are bound to it (FCoE, TIPC), and disks by ATA over Ethernet.
 */
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

/*
 * net/ptype: type, interface, function. A protocol of all interfaces names none. Sockets
 * are in this table, too: packets.c has them.
 */
static int add_protocol(void *opaque, char *line)
{
	struct lend_survey *survey = opaque;
	struct interface *interface;
	char name[32], function[64];

	if (sscanf(line, "%*s %31s %63s", name, function) != 2 || !strncmp(function, "packet_", 7) ||
	    !strncmp(function, "tpacket_", 8))
		return 0;
	interface = interface_named(survey, name);
	if (interface)
		survey_use(survey, interface->device, LEND_USE_BRIDGED,
			   "a protocol of the kernel takes the frames of %s (%s)", name, function);
	return 0;
}

/* "etherd!e0.1" has the attribute netif: "eth0,eth1". */
static int add_disk(void *opaque, const char *name)
{
	static const char is[] = "etherd!";
	struct lend_survey *survey = opaque;
	char dir[PATH_MAX], text[128], *rest = text, *word;

	if (strncmp(name, is, strlen(is)) != 0 ||
	    sysfs_path(dir, "%s/devices/virtual/block/%s", context_sysfs(survey->context), name) ||
	    look_read(survey, dir, "netif", text, sizeof(text)) <= 0)
		return 0;
	while ((word = strsep(&rest, ", \n"))) {
		struct interface *interface = interface_named(survey, word);

		if (interface)
			survey_use(survey, interface->device, LEND_USE_BRIDGED,
				   "the disk /dev/etherd/%.32s is reached through %s", name + strlen(is),
				   word);
	}
	return 0;
}

void survey_frames(struct lend_survey *survey)
{
	char dir[PATH_MAX];

	look_lines(survey, context_proc(survey->context), "net/ptype", add_protocol, survey);
	if (!sysfs_path(dir, "%s/devices/virtual/block", context_sysfs(survey->context)))
		look_each(survey, dir, add_disk, survey);
}

/* SPDX-License-Identifier: MIT */
/*
 * What is built on the network interfaces of each device: bridges, bonds, VLANs,
 * tunnels. Interfaces of other network namespaces are not in our sysfs: namespaces.c
 * counts them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/uses/ways.h"

struct walk {
	struct lend_survey *survey;
	struct interface *interface;
	const char *dir;
};

/*
 * A port of a switch (DSA): frames of the switch come by this interface, its conduit. The port
 * goes when the switch's driver does.
 */
static bool add_switch(struct lend_survey *survey, struct interface *interface, const char *name,
		       const char *dir)
{
	char uevent[256], owner[64];

	if (look_read(survey, dir, "uevent", uevent, sizeof(uevent)) < 0 || !strstr(uevent, "DEVTYPE=dsa"))
		return false;
	survey_use(survey, interface->device, LEND_USE_BRIDGED, "%s is the conduit of the switch's port %s",
		   interface->name, name);
	if (!look_link(survey, dir, "device", owner, sizeof(owner)) && survey_is_plain(owner) &&
	    survey_is_plain(name))
		survey_command(interface->device, "sh -c 'echo %s >/sys/class/net/%s/device/driver/unbind'",
			       owner, name);
	return true;
}

/* An interface of hardware that is above another one cannot be deleted. */
static bool is_hardware(struct lend_survey *survey, const char *dir)
{
	char target[PATH_MAX];

	return look_target(survey, dir, "device", target) > 0;
}

void upper_found(struct lend_survey *survey, struct interface *interface, const char *name)
{
	char dir[PATH_MAX];

	if (sysfs_path(dir, "%s/class/net/%s", context_sysfs(survey->context), name) ||
	    add_switch(survey, interface, name, dir))
		return;
	survey_use(survey, interface->device, LEND_USE_BRIDGED, "%s is below %s", interface->name, name);
	if (!is_hardware(survey, dir))
		survey_cure(interface->device, "ip link delete", name);
}

static int find_upper(void *opaque, const char *name)
{
	struct walk *walk = opaque;

	if (!strncmp(name, "upper_", 6))
		upper_found(walk->survey, walk->interface, name + 6);
	return 0;
}

/*
 * The command that takes an interface from its master. Open vSwitch has one of its own
 * for this. NULL: an interface of hardware (of the hypervisor, which takes this one as
 * its faster way) does not let go of it.
 */
static const char *free_from(struct lend_survey *survey, const char *master, const char *dir)
{
	char target[PATH_MAX];

	if (!strcmp(master, "ovs-system"))
		return "ovs-vsctl del-port";
	return look_target(survey, dir, "device", target) > 0 ? NULL : "ip link set nomaster dev";
}

/* The ports of the switch may be in other network namespaces. */
static void find_conduit(struct walk *walk, size_t before)
{
	struct device *device = walk->interface->device;
	char tagging[32];

	if (device->seen.use_count == before &&
	    look_read(walk->survey, walk->dir, "dsa/tagging", tagging, sizeof(tagging)) > 0)
		survey_use(walk->survey, device, LEND_USE_BRIDGED, "%s is the conduit of a switch (%s)",
			   walk->interface->name, tagging);
}

static void find_master(struct walk *walk)
{
	size_t before = walk->interface->device->seen.use_count;
	char master[32], path[PATH_MAX], target[PATH_MAX];
	const char *what = "belongs to", *command = NULL;

	if (look_link(walk->survey, walk->dir, "master", master, sizeof(master))) {
		look_each(walk->survey, walk->dir, find_upper, walk);
		find_conduit(walk, before);
		return;
	}
	if (!sysfs_path(path, "%s/class/net/%s", context_sysfs(walk->survey->context), master)) {
		if (look_read(walk->survey, path, "bridge/bridge_id", target, sizeof(target)) >= 0)
			what = "is a port of the bridge";
		else if (look_read(walk->survey, path, "bonding/mode", target, sizeof(target)) >= 0)
			what = "is in the bond";
		command = free_from(walk->survey, master, path);
	}
	survey_use(walk->survey, walk->interface->device, LEND_USE_BRIDGED, "%s %s %s", walk->interface->name,
		   what, master);
	if (command)
		survey_cure(walk->interface->device, command, walk->interface->name);
}

/* Interfaces of kinds without addresses are in use when they are up: CAN, 802.15.4, monitors of wireless. */
static void find_up(struct walk *walk)
{
	enum { UP = 1, CAN = 280, MONITOR_FIRST = 801, MONITOR_LAST = 805 };
	long type, flags;

	if (look_number(walk->survey, walk->dir, "type", &type) ||
	    (type != CAN && (type < MONITOR_FIRST || type > MONITOR_LAST)) ||
	    look_number(walk->survey, walk->dir, "flags", &flags) || !(flags & UP))
		return;
	survey_use(walk->survey, walk->interface->device, LEND_USE_ADDRESS, "%s is up",
		   walk->interface->name);
	survey_cure(walk->interface->device, "ip link set down dev", walk->interface->name);
}

void tunnel_found(struct lend_survey *survey, struct interface *interface, const char *name)
{
	char dir[PATH_MAX];

	if (!sysfs_path(dir, "%s/class/net/%s", context_sysfs(survey->context), name) &&
	    is_hardware(survey, dir)) {
		upper_found(survey, interface, name);
		return;
	}
	survey_use(survey, interface->device, LEND_USE_TUNNEL, "%s carries the tunnel %s", interface->name,
		   name);
	survey_cure(interface->device, "ip link delete", name);
}

/* Whether a folder of sysfs has the link: the use was found by it already. */
static bool is_upper(struct walk *walk, const char *name)
{
	char link[64], target[PATH_MAX];

	snprintf(link, sizeof(link), "upper_%.40s", name);
	return look_target(walk->survey, walk->dir, link, target) > 0;
}

/*
 * An interface without a device sends through another one, which it names by number.
 * One half of a pair (veth) is left out: it is plain Ethernet, and its number may be
 * of another namespace.
 */
static int add_tunnel(void *opaque, const char *name)
{
	enum { ETHERNET = 1, LOOPBACK = 772 };
	struct lend_survey *survey = opaque;
	char path[PATH_MAX], target[PATH_MAX], below_dir[PATH_MAX], uevent[256];
	struct walk walk = {.survey = survey, .dir = below_dir};
	long type, below, own;

	if (sysfs_path(path, "%s/class/net", context_sysfs(survey->context)) ||
	    look_target(survey, path, name, target) < 0 || !strstr(target, "/virtual/net/") ||
	    sysfs_path(path, "%s/class/net/%s", context_sysfs(survey->context), name) ||
	    look_number(survey, path, "iflink", &below) || look_number(survey, path, "ifindex", &own) ||
	    below == own)
		return 0;
	walk.interface = interface_at(survey, below);
	if (!walk.interface || look_number(survey, path, "type", &type) || type == LOOPBACK)
		return 0;
	if (type == ETHERNET &&
	    (look_read(survey, path, "uevent", uevent, sizeof(uevent)) < 0 || !strstr(uevent, "DEVTYPE=")))
		return 0;
	if (!sysfs_path(below_dir, "%s/class/net/%s", context_sysfs(survey->context), walk.interface->name) &&
	    !is_upper(&walk, name))
		tunnel_found(survey, walk.interface, name);
	return 0;
}

/* net/pppoe: number, address of the other end, interface. The interface has no IP address then. */
static int add_pppoe(void *opaque, char *line)
{
	struct lend_survey *survey = opaque;
	struct interface *interface;
	char name[32];

	if (sscanf(line, "%*x %*s %31s", name) != 1)
		return 0;
	interface = interface_named(survey, name);
	if (interface)
		survey_use(survey, interface->device, LEND_USE_TUNNEL, "%s carries a connection of PPPoE",
			   name);
	return 0;
}

void survey_network(struct lend_survey *survey)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < survey->interface_count; i++) {
		struct walk walk = {survey, &survey->interfaces[i], path};

		if (sysfs_path(path, "%s/class/net/%s", context_sysfs(survey->context), walk.interface->name))
			continue;
		find_master(&walk);
		find_up(&walk);
	}
	if (!survey->interface_count)
		return;
	if (!sysfs_path(path, "%s/class/net", context_sysfs(survey->context)))
		look_each(survey, path, add_tunnel, survey);
	look_lines(survey, context_proc(survey->context), "net/pppoe", add_pppoe, survey);
	survey_frames(survey);
	survey_routes(survey);
	survey_links(survey);
	survey_packets(survey);
}

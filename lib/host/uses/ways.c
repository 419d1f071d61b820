/* SPDX-License-Identifier: MIT */
/* The table of the ways in which a device can be in use (ways.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/uses/ways.h"

const struct way host_ways[] = {
	/* First: the rows below use the lists of open files and mounts. */
	{LEND_USE_OPEN, "open", "nodes that processes have open, sockets for the frames of an interface",
	 SEES_PROCESSES, survey_opened},
	{LEND_USE_MOUNT, "mount",
	 "file systems that are mounted, in any mount namespace, with all their disks", SEES_NAMESPACES,
	 survey_mounts},
	{LEND_USE_JOURNAL, "journal",
	 "journals and other parts of file systems of other disks, heartbeats of clusters", SEES_NAMESPACES,
	 survey_journals},
	{LEND_USE_POOL, "pool", "members of a pool of ZFS", SEES_ALL, survey_pools},
	{LEND_USE_SWAP, "swap", "swap space, on disks and in files", SEES_ALL, survey_swap},
	{LEND_USE_HIBERNATION, "hibernation", "where the computer hibernates to", SEES_ALL,
	 survey_hibernation},
	{LEND_USE_CRASH, "crash", "where the kernel records crashes", SEES_ALL, survey_crash},
	{LEND_USE_LOOP, "loop", "loop devices, on disks and on files", SEES_ALL, survey_loops},
	{LEND_USE_CACHE, "cache", "caches of bcache, disks that zram writes back to", SEES_ALL,
	 survey_caches},
	{LEND_USE_TARGET, "target",
	 "disks that the kernel serves to others: SCSI, NVMe, USB, RNBD; adapters that it serves them by",
	 SEES_ALL, survey_targets},
	{LEND_USE_VOLUME, "volume", "LVM, encryption, multipath and all that holds a disk", SEES_ALL,
	 survey_storage},
	{LEND_USE_RAID, "raid", "members of md", SEES_ALL, NULL},
	{LEND_USE_ADDRESS, "address", "network addresses and routes, of every table", SEES_ALL,
	 survey_network},
	{LEND_USE_ROUTE, "route", "default routes", SEES_ALL, NULL},
	{LEND_USE_BRIDGED, "bridged",
	 "bridges, bonds, VLANs, ports of switches and other interfaces above one, programs of XDP, "
	 "protocols of the kernel",
	 SEES_ALL, NULL},
	{LEND_USE_TUNNEL, "tunnel", "tunnels that are bound to an interface", SEES_ALL, NULL},
	{LEND_USE_NAMESPACE, "namespace", "network interfaces and RDMA devices in other network namespaces",
	 SEES_ALL, survey_namespaces},
	{LEND_USE_CONSOLE, "console",
	 "graphics, serial and debug ports of the console and of the debugger, netconsole", SEES_ALL,
	 survey_console},
	{LEND_USE_KEYBOARD, "keyboard", "the only keyboards of the computer", SEES_ALL, NULL},
	{LEND_USE_SOUND, "sound", "sound that plays or records", SEES_ALL, survey_sound},
	{LEND_USE_BLUETOOTH, "bluetooth", "connections by Bluetooth", SEES_ALL, survey_usb},
	{LEND_USE_EXPORT, "export",
	 "USB devices served by usbip, and USB ports by which the computer is a device itself", SEES_ALL,
	 NULL},
	{LEND_USE_MEDIATED, "mediated", "mediated devices", SEES_ALL, survey_children},
	{LEND_USE_DMA, "dma", "channels that the kernel copies with", SEES_ALL, NULL},
	{LEND_USE_WATCHDOG, "watchdog", "watchdogs that run", SEES_ALL, NULL},
	{LEND_USE_MEMORY, "memory",
	 "memory of CXL, of virtio-mem or by DAX that the computer uses, memory that other devices work in",
	 SEES_ALL, NULL},
	{LEND_USE_VFS, "vfs", "virtual functions, and what uses them", SEES_ALL, survey_others},
	{LEND_USE_LENT, "lent", "machines and programs that have it through VFIO", SEES_PROCESSES, NULL},
	/* Last: it passes on all uses that were found. */
	{LEND_USE_PARENT, "parent", "devices below it, as behind a VMD, or connected by Thunderbolt",
	 SEES_ALL, survey_parents},
};

const size_t host_way_count = sizeof(host_ways) / sizeof(*host_ways);

/* The number of the first PID namespace (PROC_PID_INIT_INO). In another one not all processes are seen. */
static bool is_in_container(struct lend_survey *survey)
{
	char dir[PATH_MAX], target[PATH_MAX];

	return !sysfs_path(dir, "%s/self/ns", context_proc(survey->context)) &&
	       look_target(survey, dir, "pid", target) > 0 && strcmp(target, "pid:[4026531836]") != 0;
}

/* Only root owns process 1. If procfs does not list it for another user, it hides other users' processes. */
static bool is_hidden(struct lend_survey *survey)
{
	char dir[PATH_MAX];

	return survey->hides_processes &&
	       (sysfs_path(dir, "%s/1", context_proc(survey->context)) || !look_exists(survey, dir));
}

/* How it can be looked at. */
static const char *advice(void)
{
	return geteuid() ? "root can look at them" : "this computer does not let root look at them";
}

static void say_unseen(struct lend_survey *survey)
{
	bool contained, hidden;

	look_for(survey, LOOK_KIND(LEND_USE_OPEN) | LOOK_KIND(LEND_USE_LENT) | LOOK_KIND(LEND_USE_MOUNT));
	contained = is_in_container(survey);
	hidden = is_hidden(survey);

	if (contained)
		snprintf(survey->unseen_processes, sizeof(survey->unseen_processes),
			 "processes outside this container; lend has to run outside");
	else if (hidden)
		snprintf(survey->unseen_processes, sizeof(survey->unseen_processes),
			 "processes of other users, which /proc does not list (hidepid); root can look at "
			 "them");
	else if (survey->hidden)
		snprintf(survey->unseen_processes, sizeof(survey->unseen_processes),
			 "processes of other users (%zu); %s", survey->hidden, advice());
	if (contained)
		snprintf(survey->unseen_mounts, sizeof(survey->unseen_mounts),
			 "mounts outside this container; lend has to run outside");
	else if (hidden)
		snprintf(survey->unseen_mounts, sizeof(survey->unseen_mounts),
			 "mounts of processes of other users, which /proc does not list (hidepid); root can "
			 "look at them");
	else if (survey->hidden_mounts)
		snprintf(survey->unseen_mounts, sizeof(survey->unseen_mounts),
			 "mounts of processes of other users (%zu); %s", survey->hidden_mounts, advice());
}

/*
 * What the finder of a row looks for: the kinds of its row and of those below that have none,
 * and those that rest on its list of processes or mounts.
 */
static uint64_t kinds_of(size_t at)
{
	uint64_t kinds = LOOK_KIND(host_ways[at].kind);

	for (size_t i = at + 1; i < host_way_count && !host_ways[i].find; i++)
		kinds |= LOOK_KIND(host_ways[i].kind);
	for (size_t i = 0; host_ways[at].sees != SEES_ALL && i < host_way_count; i++)
		if (host_ways[i].sees == host_ways[at].sees)
			kinds |= LOOK_KIND(host_ways[i].kind);
	return kinds;
}

void survey_uses(struct lend_survey *survey)
{
	for (size_t i = 0; i < host_way_count; i++)
		if (host_ways[i].find) {
			look_for(survey, kinds_of(i));
			host_ways[i].find(survey);
		}
	say_unseen(survey);
}

void use_passed_on(struct lend_survey *survey, struct device *device, enum lend_use_kind kind,
		   const struct device *from, const char *as, const struct lend_use *use)
{
	survey_use(survey, device, kind, "%s, %s, is in use: %.100s", from->seen.is.name, as, use->text);
	survey_command(device, "%s", use->cure);
	if (use->stays)
		survey_stays(device);
}

struct device *survey_owner(struct lend_survey *survey, const char *dir, const char *name)
{
	char target[PATH_MAX];
	struct lend_bdf owner;

	return look_target(survey, dir, name, target) > 0 && sysfs_owner(target, &owner)
		       ? survey_device(survey, &owner)
		       : NULL;
}

void survey_unseen(struct lend_survey *survey, enum lend_use_kind kind, const char *what)
{
	survey->unseen[kind] = what;
}

bool lend_survey_way(const struct lend_survey *survey, size_t index, struct lend_way *out)
{
	const struct way *way;
	const char *unseen = "";

	if (index >= host_way_count)
		return false;
	way = &host_ways[index];
	if (survey->names_only)
		unseen = "what uses the devices, which was not looked for";
	else if (survey->unseen[way->kind])
		unseen = survey->unseen[way->kind];
	else if (look_unread(survey, way->kind))
		unseen = look_unread(survey, way->kind);
	else if (way->sees == SEES_PROCESSES)
		unseen = survey->unseen_processes;
	else if (way->sees == SEES_NAMESPACES)
		unseen = survey->unseen_mounts;
	*out = (struct lend_way){way->kind, way->name, way->looks_at, unseen[0] ? unseen : NULL};
	return true;
}

static bool was_told(const struct lend_survey *survey, size_t before, const char *unseen)
{
	struct lend_way way;

	for (size_t i = 0; i < before && lend_survey_way(survey, i, &way); i++)
		if (way.unseen && !strcmp(way.unseen, unseen))
			return true;
	return false;
}

const char *lend_survey_unseen(const struct lend_survey *survey, size_t index)
{
	struct lend_way way;

	for (size_t i = 0; lend_survey_way(survey, i, &way); i++)
		if (way.unseen && !was_told(survey, i, way.unseen) && !index--)
			return way.unseen;
	return NULL;
}

const char *lend_use_name(enum lend_use_kind kind)
{
	for (size_t i = 0; i < host_way_count; i++)
		if (host_ways[i].kind == kind)
			return host_ways[i].name;
	return "other";
}

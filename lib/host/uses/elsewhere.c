/* SPDX-License-Identifier: MIT */
/*
 * The other network namespaces of this computer: which of them has an interface of
 * a device, or one that sends through an interface of ours (macvlan). A thread
 * enters each namespace and asks the kernel, which needs privilege.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/host/uses/elsewhere.h"
#include "lib/host/uses/ways.h"

#define NAMED "/run/netns"

struct list {
	struct lend_survey *survey;
	struct elsewhere *rows;
	size_t count;
	char own[32];
	size_t hidden;
	int own_fd;
};

static struct elsewhere *add(struct list *list, const char *id)
{
	struct elsewhere *row;

	if (!strcmp(id, list->own))
		return NULL;
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->rows[i].id, id))
			return &list->rows[i];
	row = survey_row(list->survey, &list->rows, &list->count, sizeof(*list->rows));
	if (row)
		snprintf(row->id, sizeof(row->id), "%.31s", id);
	return row;
}

static int add_process(void *opaque, const char *name)
{
	struct list *list = opaque;
	char dir[PATH_MAX], target[PATH_MAX];
	struct elsewhere *row;
	int ret;

	if (strspn(name, "0123456789") != strlen(name) || sysfs_path(dir, "/proc/%s/ns", name))
		return 0;
	ret = look_process(sysfs_target(dir, "net", target), &list->hidden);
	row = ret > 0 && strlen(target) < sizeof(row->id) ? add(list, target) : NULL;
	if (row && !row->pid)
		row->pid = (pid_t)strtol(name, NULL, 10);
	return 0;
}

/* Namespaces of ip-netns(8) have names, and perhaps no process. */
static int add_named(void *opaque, const char *name)
{
	struct list *list = opaque;
	char path[PATH_MAX], id[32];
	struct elsewhere *row;
	struct stat found;

	if (sysfs_path(path, NAMED "/%s", name) ||
	    look_failed(list->survey, path, NULL, stat(path, &found) ? -errno : 0))
		return 0;
	snprintf(id, sizeof(id), "net:[%lu]", (unsigned long)found.st_ino);
	row = add(list, id);
	if (row && strlen(name) < sizeof(row->name))
		strcpy(row->name, name);
	return 0;
}

/* The namespace's name for a person, and the command that runs another command in it. */
static void name_of(const struct elsewhere *row, char out[96])
{
	if (row->name[0])
		snprintf(out, 96, "the network namespace %s", row->name);
	else
		snprintf(out, 96, "the network namespace of process %d", (int)row->pid);
}

static void cure(struct lend_survey *survey, const struct elsewhere *row, struct device *device,
		 const char *command, const char *interface, const char *rest)
{
	char unit[80];
	const char *stop = row->pid ? process_unit(survey, row->pid, unit) : NULL;

	if (!survey_is_plain(interface) || !survey_is_plain(row->name))
		return;
	if (row->name[0])
		survey_command(device, "ip -n %s link %s %s%s", row->name, command, interface, rest);
	else if (stop)
		survey_cure(device, stop, unit);
	else
		survey_command(device, "nsenter -t %d -n ip link %s %s%s", (int)row->pid, command, interface,
			       rest);
}

/* An interface of a PCI device. Newer kernels tell the device's address. */
static void take_moved(const struct visit *visit, const struct attributes *of, const char *name)
{
	const char *bus = netlink_string(of->at[IFLA_PARENT_DEV_BUS_NAME]);
	const char *address = netlink_string(of->at[IFLA_PARENT_DEV_NAME]);
	struct device *device;
	struct lend_bdf bdf;
	char where[96];

	if (!bus || strcmp(bus, "pci") != 0 || !address || lend_bdf_parse(address, &bdf))
		return;
	device = survey_device(visit->survey, &bdf);
	if (!device)
		return;
	name_of(visit->row, where);
	survey_use(visit->survey, device, LEND_USE_NAMESPACE, "its network interface %.31s is in %s", name,
		   where);
	cure(visit->survey, visit->row, device, "set", name, " netns 1");
}

void elsewhere_take(void *opaque, const struct nlmsghdr *message, size_t size)
{
	const size_t head = NLMSG_ALIGN(sizeof(struct ifinfomsg));
	const struct visit *visit = opaque;
	struct interface *below;
	struct attributes of;
	const char *name;
	char where[96];

	if (message->nlmsg_type != RTM_NEWLINK || size < head)
		return;
	netlink_parse((const void *)((const char *)NLMSG_DATA(message) + head), size - head, &of);
	name = netlink_string(of.at[IFLA_IFNAME]);
	if (!name)
		return;
	take_moved(visit, &of, name);
	if (!of.at[IFLA_LINK] || !of.at[IFLA_LINK_NETNSID] || visit->ours < 0 ||
	    netlink_number(of.at[IFLA_LINK_NETNSID]) != visit->ours)
		return;
	below = interface_at(visit->survey, netlink_number(of.at[IFLA_LINK]));
	if (!below)
		return;
	name_of(visit->row, where);
	survey_use(visit->survey, below->device, LEND_USE_BRIDGED, "%s is below %.31s, in %s", below->name,
		   name, where);
	cure(visit->survey, visit->row, below->device, "delete", name, "");
}

/* Runs in a thread of its own: one thread may enter another namespace without the rest of the process. */
static void *ask(void *opaque)
{
	struct visit *visit = opaque;
	char path[PATH_MAX];
	int there, fd;

	if (visit->row->name[0] ? sysfs_path(path, NAMED "/%s", visit->row->name)
				: sysfs_path(path, "/proc/%d/ns/net", (int)visit->row->pid))
		return NULL;
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0) {
		/* The namespace ended with its last process. */
		visit->seen = errno == ENOENT || errno == ESRCH;
		return NULL;
	}
	if (!setns(there, CLONE_NEWNET)) {
		fd = netlink_open();
		visit->ours = netlink_namespace(fd, visit->own_fd);
		visit->seen = netlink_dump(fd, RTM_GETLINK, elsewhere_take, visit);
		if (fd >= 0)
			close(fd);
	}
	close(there);
	return NULL;
}

static void visit_all(struct list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct visit visit = {.survey = list->survey, .row = &list->rows[i], .own_fd = list->own_fd};
		pthread_t thread;

		if (!pthread_create(&thread, NULL, ask, &visit))
			pthread_join(thread, NULL);
		list->hidden += !visit.seen;
	}
}

void survey_elsewhere(struct lend_survey *survey)
{
	struct list list = {.survey = survey};
	char own[PATH_MAX];

	/* A recorded host has no namespaces that could be entered. */
	if (strcmp(context_proc(survey->context), "/proc") != 0 ||
	    look_target(survey, "/proc/self/ns", "net", own) < 0)
		return;
	snprintf(list.own, sizeof(list.own), "%.31s", own);
	look_each(survey, "/proc", add_process, &list);
	look_each(survey, NAMED, add_named, &list);
	list.own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	look_failed(survey, "/proc/self/ns/net", NULL, list.own_fd < 0 ? -errno : 0);
	if (list.own_fd >= 0) {
		visit_all(&list);
		close(list.own_fd);
	}
	if (list.hidden)
		survey_unseen(
			survey, LEND_USE_BRIDGED,
			geteuid()
				? "what is above an interface in other network namespaces; root can look "
				  "at it"
				: "what is above an interface in other network namespaces, which may not be "
				  "entered");
	free(list.rows);
}

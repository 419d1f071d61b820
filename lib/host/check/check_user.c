/* SPDX-License-Identifier: MIT */
/* What this user may do: open the nodes, use as much as the kernel's limits allow. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/host/check/check.h"
#include "lib/nodes.h"

/* A node that this user, or everybody, is to be let in by. */
static void refuse_node(struct lend_check *check, const struct lend_survey_device *device, const char *path,
			bool everybody)
{
	struct lend_check_row *row =
		check_row(check, "node", device, LEND_FAILED, "you may not open %s", path);
	struct stat st;

	if (everybody)
		CHECK_CURE(row, command, "chmod 666 %.200s", path);
	else if (!stat(path, &st) && st.st_uid == geteuid() && (st.st_mode & 0600) == 0600)
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

/* Where the node is a group's, as udev makes it, the user joins that group. */
static void refuse_kvm(struct lend_check *check, const char *path)
{
	const char *user = check->options.user;
	struct lend_check_row *row;
	struct group group, *found = NULL;
	char names[4096];
	struct stat st;

	if (user && !stat(path, &st) && st.st_gid && (st.st_mode & 0060) == 0060)
		getgrgid_r(st.st_gid, &group, names, sizeof(names), &found);
	if (!found) {
		refuse_node(check, NULL, path, false);
		return;
	}
	row = check_row(check, "node", NULL, LEND_FAILED, "you may not open %s", path);
	CHECK_CURE(row, command, "usermod -aG %.64s %.64s", found->gr_name, user);
	CHECK_CURE(row, advice, "a user who joins the group %.64s has to log in again", found->gr_name);
}

static void check_kvm_node(struct lend_check *check)
{
	char path[PATH_MAX];

	if (sysfs_path(path, "%s/kvm", context_dev(check->context)) || access(path, F_OK))
		return; /* another row says how it is made */
	if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS))
		refuse_kvm(check, path);
	else
		check_row(check, "node", NULL, LEND_PASSED, "you may open %s", path);
}

/* The kernel lets everybody open the node of containers: each open makes a container of its own. */
static void check_container(struct lend_check *check)
{
	char path[PATH_MAX];

	if (!sysfs_path(path, "%s/vfio/vfio", context_dev(check->context)) && !access(path, F_OK) &&
	    faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS))
		refuse_node(check, NULL, path, true);
}

/* Neither way is open: the group's takes one node, and is what every kernel but the newest has. */
static void refuse_device(struct lend_check *check, const struct lend_survey_device *device,
			  const struct nodes *nodes)
{
	struct lend_check_row *row;

	if (nodes->group_state != -ENOENT) {
		refuse_node(check, device, nodes->group, false);
		return;
	}
	if (nodes->own_state == -ENOENT)
		return; /* another row says how it is made */
	if (nodes->own_state)
		refuse_node(check, device, nodes->own, false);
	if (nodes->iommu_state == -ENOENT) {
		row = check_row(check, "node", device, LEND_FAILED,
				"%s is not there, and this kernel has no group of it", nodes->iommu);
		CHECK_CURE(row, command, "modprobe iommufd");
	} else if (nodes->iommu_state) {
		/* Like the container, it gives nothing by itself. */
		refuse_node(check, device, nodes->iommu, true);
	}
}

/* By the way that would be taken where the user chooses none. */
static void check_device_node(struct lend_check *check, const struct lend_survey_device *device)
{
	struct nodes nodes;

	nodes_look(check->context, &device->is, &nodes);
	if (nodes_by_iommufd(&nodes, false))
		check_row(check, "node", device, LEND_PASSED, "you may open %s, and %s", nodes.own,
			  nodes.iommu);
	else if (!nodes.group_state)
		check_row(check, "node", device, LEND_PASSED, "you may open %s", nodes.group);
	else
		refuse_device(check, device, &nodes);
}

/* What all devices share. */
static void check_ways(struct lend_check *check)
{
	bool by_group = false, has_iommufd = false;
	struct nodes nodes;

	for (size_t i = 0; i < check->device_count; i++) {
		nodes_look(check->context, &check->devices[i]->is, &nodes);
		has_iommufd |= nodes.iommu_state != -ENOENT;
		by_group |= !nodes_by_iommufd(&nodes, false) && nodes.group_state != -ENOENT;
	}
	if (check->device_count && !has_iommufd)
		check_row(check, "iommufd", NULL, LEND_PASSED,
			  "this kernel has no iommufd: devices are opened by their groups");
	if (by_group)
		check_container(check);
}

static void check_nodes(struct lend_check *check)
{
	if (!check->options.device_alone)
		check_kvm_node(check);
	check_ways(check);
	for (size_t i = 0; i < check->device_count; i++)
		check_device_node(check, check->devices[i]);
}

/* Which parts of a BAR are cut out is known when the device is open; most BARs are one part. */
enum { BARS_A_DEVICE = 7 };

static void check_needs(struct lend_check *check)
{
	bool has_memory = check->device_count && !check->options.device_alone;
	struct lend_check_needs needs = {.memory = has_memory ? check->options.memory : 0,
					 .processors = check->options.processors,
					 .functions = (unsigned)check->device_count,
					 .areas = BARS_A_DEVICE * (unsigned)check->device_count};
	struct check_messages messages;
	struct nodes nodes;

	for (size_t i = 0; i < check->device_count; i++) {
		check_messages(check, check->devices[i], &messages);
		needs.hidden += !messages.known;
		needs.vectors += messages.vectors;
		nodes_look(check->context, &check->devices[i]->is, &nodes);
		needs.iommufd |= nodes_by_iommufd(&nodes, false);
		if (messages.vectors <= needs.widest_vectors)
			continue;
		needs.widest = check->devices[i]->is.name;
		needs.widest_vectors = messages.vectors;
	}
	check_limits(check, &needs);
}

void check_user(struct lend_check *check)
{
	check_nodes(check);
	/* At the start a machine's limits are asked about with its devices. */
	if (check->device_count || !check->options.starting)
		check_needs(check);
	if (check->options.device_alone)
		return;
	check_memory(check);
	check_processors(check);
	if (!check->options.starting)
		check_populate(check);
}

/* SPDX-License-Identifier: MIT */
/*
 * The played kernel: driver_override, unbind, bind, drivers_probe, reset,
 * power/control, sriov_numvfs and the nodes of groups. A device's own driver is
 * the one that it was recorded with; what that driver made (net, nvme, a bus
 * behind it, virtual functions) goes with it, and comes where a driver makes that by itself.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/context.h"
#include "tests/unit/host_kernel.h"

static const char *const made[] = {"net", "nvme"};

const char *tree_driver(const struct host_tree *tree, const char *address)
{
	static char target[PATH_MAX];
	char path[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/driver", tree->sys, address);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return "";
	target[length] = '\0';
	return strrchr(target, '/') + 1;
}

void kernel_own_driver(const struct host_tree *tree, const char *address, char out[64])
{
	char path[128];
	const char *text;

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/.own", address);
	text = tree_get(tree, path);
	snprintf(out, 64, "%s", text ? text : "");
}

/* What is behind a device that is no bridge is there as long as its own driver works with it. */
static void move_behind(const struct host_tree *tree, const char *address, bool comes)
{
	char from[PATH_MAX], to[PATH_MAX], path[PATH_MAX], target[PATH_MAX], above[32];
	const struct dirent *entry;
	DIR *dir;

	snprintf(to, sizeof(to), "%s/bus/pci/%s", tree->sys, comes ? "devices" : ".behind");
	snprintf(from, sizeof(from), "%s/bus/pci/%s", tree->sys, comes ? ".behind" : "devices");
	snprintf(above, sizeof(above), "/%s/pci", address);
	mkdir(to, 0755);
	dir = opendir(from);
	while (dir && (entry = readdir(dir))) {
		ssize_t length;

		snprintf(path, sizeof(path), "%.2000s/%.64s", from, entry->d_name);
		length = readlink(path, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = '\0';
		if (!strstr(target, above))
			continue;
		unlink(path);
		snprintf(path, sizeof(path), "%.2000s/%.64s", to, entry->d_name);
		assert_int_equal(symlink(target, path), 0);
	}
	if (dir)
		closedir(dir);
}

/* VFIO leaves another power/control than it found. */
static void change_power(const struct host_tree *tree, const char *address, const char *from, const char *to)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/power/control", address);
	if (!tree_get(tree, path))
		return;
	if (strstr(from, "vfio"))
		tree_put(tree, path, "on\n");
	if (strstr(to, "vfio"))
		tree_put(tree, path, "auto\n");
}

/* The node of a group is there while VFIO has a member. */
static void make_group_node(const struct host_tree *tree, const char *address)
{
	char path[PATH_MAX], target[PATH_MAX], node[64];
	struct dirent *entry;
	bool wanted = false;
	ssize_t length;
	DIR *members;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/iommu_group", tree->sys, address);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return;
	target[length] = '\0';
	snprintf(node, sizeof(node), "dev/vfio/%.20s", strrchr(target, '/') + 1);
	snprintf(path, sizeof(path), "%s/kernel/iommu_groups/%.20s/devices", tree->sys,
		 strrchr(target, '/') + 1);
	members = opendir(path);
	while (members && (entry = readdir(members)))
		wanted |= strstr(tree_driver(tree, entry->d_name), "vfio") != NULL;
	if (members)
		closedir(members);
	if (!wanted || tree->no_groups)
		unlink(tree_path(tree, node));
	else if (access(tree_path(tree, node), F_OK))
		tree_put(tree, node, "");
}

void tree_bind(const struct host_tree *tree, const char *address, const char *driver)
{
	char path[PATH_MAX], from[PATH_MAX], target[128], own[64];

	kernel_own_driver(tree, address, own);
	move_behind(tree, address, driver && !strcmp(driver, own));
	for (int i = 0; i < 2; i++) {
		bool comes = driver && !strcmp(driver, own);

		snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s%s", tree->sys, address,
			 comes ? "" : ".", made[i]);
		snprintf(from, sizeof(from), "%s/bus/pci/devices/%s/%s%s", tree->sys, address,
			 comes ? "." : "", made[i]);
		rename(from, path);
	}
	change_power(tree, address, tree_driver(tree, address), driver ? driver : "");
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", address);
	if (driver) {
		snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
		tree_link(tree, path, target);
	} else {
		unlink(tree_path(tree, path));
	}
	make_group_node(tree, address);
}

static int take_off(struct host_tree *tree, const char *driver, const char *address)
{
	if (strcmp(tree_driver(tree, address), driver) != 0)
		return -ENODEV;
	/* The link goes first, and then the driver is asked. */
	tree_bind(tree, address, NULL);
	if (kernel_vfs(tree, address))
		kernel_set_vfs(tree, address, "0");
	return strcmp(driver, tree->stuck) ? 0 : -ETIMEDOUT;
}

/* What driver_override says; empty: nothing. */
static void wanted_driver(const struct host_tree *tree, const char *address, char out[64])
{
	char path[128];
	const char *text;

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver_override", address);
	text = tree_get(tree, path);
	snprintf(out, 64, "%s", text && strcmp(text, "(null)") != 0 ? text : "");
}

static bool is_loaded(const struct host_tree *tree, const char *driver)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/bus/pci/drivers/%s", tree->sys, driver);
	return driver[0] && !access(path, F_OK);
}

/* A virtual function without a driver_override, whose physical one says sriov_drivers_autoprobe 0. */
static bool may_not_probe(const struct host_tree *tree, const char *address)
{
	char path[128], wanted[64];
	const char *text;

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/physfn/sriov_drivers_autoprobe", address);
	text = tree_get(tree, path);
	if (!text || strcmp(text, "0") != 0)
		return false;
	wanted_driver(tree, address, wanted);
	return !wanted[0];
}

static int probe(struct host_tree *tree, const char *address)
{
	char driver[64];

	if (tree_driver(tree, address)[0] || may_not_probe(tree, address))
		return 0;
	wanted_driver(tree, address, driver);
	if (!driver[0] && tree->greedy[0]) {
		strcpy(driver, tree->greedy);
	} else if (!driver[0]) {
		kernel_own_driver(tree, address, driver);
		if (!strcmp(driver, tree->shy))
			return 0;
	}
	if (strcmp(driver, tree->refuses) != 0 && is_loaded(tree, driver))
		tree_bind(tree, address, driver);
	return 0;
}

static int attach(struct host_tree *tree, const char *driver, const char *address)
{
	char wanted[64];

	wanted_driver(tree, address, wanted);
	if (tree_driver(tree, address)[0])
		return -EBUSY;
	if (!is_loaded(tree, driver) || may_not_probe(tree, address) ||
	    (wanted[0] && strcmp(wanted, driver) != 0))
		return -ENODEV;
	tree_bind(tree, address, driver);
	return 0;
}

static int obey_device(struct host_tree *tree, const char *address, const char *attribute, const char *text)
{
	char path[PATH_MAX];

	if (!strcmp(address, tree->deny))
		return -EACCES;
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/%s", address, attribute);
	if (access(tree_path(tree, path), F_OK))
		return -ENOENT;
	if (!strcmp(attribute, "sriov_numvfs"))
		return kernel_set_vfs(tree, address, text);
	if (!strcmp(attribute, "reset"))
		tree->resets++;
	else if (!strcmp(attribute, "driver_override") && !strcmp(text, "\n"))
		tree_put(tree, path, "(null)\n");
	else
		tree_put(tree, path, text);
	return 0;
}

static int obey(struct host_tree *tree, const char *path, const char *text)
{
	char name[64], attribute[64];

	if (sscanf(path, "bus/pci/devices/%63[^/]/%63s", name, attribute) == 2)
		return obey_device(tree, name, attribute, text);
	if (sscanf(path, "bus/pci/drivers/%63[^/]/%63s", name, attribute) == 2)
		return strcmp(attribute, "unbind") ? attach(tree, name, text) : take_off(tree, name, text);
	return strcmp(path, "bus/pci/drivers_probe") ? -ENOENT : probe(tree, text);
}

/* Counts an order that comes, and ends or fails before it is done where that was asked for. */
static int before_order(struct host_tree *tree)
{
	tree->orders++;
	if (tree->orders == tree->full_at)
		tree_folder(tree, tree->full);
	if (tree->orders == tree->die_at && !tree->die_after)
		_exit(9);
	return tree->orders == tree->fail_at && !tree->fail_after ? -EIO : 0;
}

static int after_order(struct host_tree *tree, int ret)
{
	if (tree->orders == tree->die_at && tree->die_after)
		_exit(9);
	return tree->orders == tree->fail_at && tree->fail_after ? -EIO : ret;
}

static int write_attribute(void *opaque, const char *path, const char *text, unsigned limit_ms)
{
	struct host_tree *tree = opaque;
	size_t used = strlen(tree->log);
	int ret;

	(void)limit_ms;
	path += strlen(tree->sys) + 1;
	ret = before_order(tree);
	if (ret)
		return ret;
	snprintf(tree->log + used, sizeof(tree->log) - used, "%s %s%s", path, text,
		 strchr(text, '\n') ? "" : "\n");
	return after_order(tree, obey(tree, path, text));
}

static int change_owner(void *opaque, const char *path, uid_t owner)
{
	struct host_tree *tree = opaque;
	int ret = before_order(tree);

	return ret ? ret : after_order(tree, chown(path, owner, (gid_t)-1) ? -errno : 0);
}

/* What was not recorded of groups: the links to their members. */
static void tree_groups(struct host_tree *tree)
{
	const struct lend_survey_device *device;
	char path[PATH_MAX], target[PATH_MAX];

	for (size_t i = 0; (device = lend_survey_at(tree->survey, i)); i++) {
		if (device->is.group < 0)
			continue;
		snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/devices/%s", device->is.group,
			 device->is.name);
		snprintf(target, sizeof(target), "../../../../bus/pci/devices/%s", device->is.name);
		tree_link(tree, path, target);
	}
}

void kernel_play(struct host_tree *tree)
{
	struct context_kernel *kernel = context_kernel(tree->context);
	const struct lend_survey *survey = tree_survey(tree);
	const struct lend_survey_device *device;
	char path[PATH_MAX];

	for (size_t i = 0; (device = lend_survey_at(survey, i)); i++) {
		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/.own", device->is.name);
		tree_put(tree, path, device->is.driver);
	}
	tree_groups(tree);
	kernel->write = write_attribute;
	kernel->own = change_owner;
	kernel->opaque = tree;
}

void tree_kill(const struct host_tree *tree, const char *address)
{
	enum { HEADER = 64 };
	char path[80], ones[HEADER + 1];

	memset(ones, 0xff, HEADER);
	ones[HEADER] = '\0';
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/config", address);
	tree_put(tree, path, ones);
}

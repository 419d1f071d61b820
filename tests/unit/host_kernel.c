/* SPDX-License-Identifier: MIT */
/*
 * The played kernel: driver_override, unbind, bind, drivers_probe, reset and
 * sriov_numvfs. A device's own driver is the one that it was recorded with;
 * what that driver made (net, nvme, a bus behind the device) goes and comes with it.
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

static void own_driver(const struct host_tree *tree, const char *address, char out[64])
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

void tree_bind(const struct host_tree *tree, const char *address, const char *driver)
{
	char path[PATH_MAX], from[PATH_MAX], target[128], own[64];

	own_driver(tree, address, own);
	move_behind(tree, address, driver && !strcmp(driver, own));
	for (int i = 0; i < 2; i++) {
		bool comes = driver && !strcmp(driver, own);

		snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s%s", tree->sys, address,
			 comes ? "" : ".", made[i]);
		snprintf(from, sizeof(from), "%s/bus/pci/devices/%s/%s%s", tree->sys, address,
			 comes ? "." : "", made[i]);
		rename(from, path);
	}
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", address);
	if (!driver) {
		unlink(tree_path(tree, path));
		return;
	}
	snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
	tree_link(tree, path, target);
}

static int take_off(struct host_tree *tree, const char *driver, const char *address)
{
	if (strcmp(tree_driver(tree, address), driver) != 0)
		return -ENODEV;
	/* The link goes first, and then the driver is asked. */
	tree_bind(tree, address, NULL);
	return strcmp(driver, tree->stuck) ? 0 : -ETIMEDOUT;
}

static int probe(struct host_tree *tree, const char *address)
{
	char path[PATH_MAX], driver[64];
	const char *wanted;

	if (tree_driver(tree, address)[0])
		return 0;
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver_override", address);
	wanted = tree_get(tree, path);
	if (wanted && wanted[0] && strcmp(wanted, "(null)") != 0)
		snprintf(driver, sizeof(driver), "%s", wanted);
	else
		own_driver(tree, address, driver);
	snprintf(path, sizeof(path), "%s/bus/pci/drivers/%s", tree->sys, driver);
	if (!driver[0] || !strcmp(driver, tree->refuses) || access(path, F_OK))
		return 0;
	tree_bind(tree, address, driver);
	return 0;
}

/* All virtual functions go, lent ones too. */
static void remove_vfs(struct host_tree *tree, const char *address)
{
	char link[PATH_MAX], path[PATH_MAX], target[PATH_MAX];

	for (int i = 0; i < 256; i++) {
		ssize_t length;

		snprintf(link, sizeof(link), "%s/bus/pci/devices/%s/virtfn%d", tree->sys, address, i);
		length = readlink(link, target, sizeof(target) - 1);
		if (length < 0)
			return;
		target[length] = '\0';
		unlink(link);
		snprintf(path, sizeof(path), "%s/bus/pci/devices/%.32s", tree->sys, strrchr(target, '/') + 1);
		unlink(path);
	}
}

static int obey_device(struct host_tree *tree, const char *address, const char *attribute, const char *text)
{
	char path[PATH_MAX];

	if (!strcmp(address, tree->deny))
		return -EACCES;
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/%s", address, attribute);
	if (access(tree_path(tree, path), F_OK))
		return -ENOENT;
	if (tree->vfs_go && !strcmp(attribute, "sriov_numvfs") && !strcmp(text, "0"))
		remove_vfs(tree, address);
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
	if (sscanf(path, "bus/pci/drivers/%63[^/]/%63s", name, attribute) == 2) {
		if (!strcmp(attribute, "unbind"))
			return take_off(tree, name, text);
		tree_bind(tree, text, name);
		return 0;
	}
	return strcmp(path, "bus/pci/drivers_probe") ? -ENOENT : probe(tree, text);
}

static int write_attribute(void *opaque, const char *path, const char *text, unsigned limit_ms)
{
	struct host_tree *tree = opaque;
	size_t used = strlen(tree->log);
	int ret;

	(void)limit_ms;
	path += strlen(tree->sys) + 1;
	tree->orders++;
	if (tree->orders == tree->die_at && !tree->die_after)
		_exit(9);
	snprintf(tree->log + used, sizeof(tree->log) - used, "%s %s%s", path, text,
		 strchr(text, '\n') ? "" : "\n");
	ret = obey(tree, path, text);
	if (tree->orders == tree->die_at && tree->die_after)
		_exit(9);
	return ret;
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
	kernel->write = write_attribute;
	kernel->opaque = tree;
}

/* SPDX-License-Identifier: MIT */
/* The played kernel's virtual functions: as many as were recorded come and go. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/host_kernel.h"

unsigned kernel_vfs(const struct host_tree *tree, const char *address)
{
	char path[128];
	const char *text;

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/sriov_numvfs", address);
	text = tree_get(tree, path);
	return text ? (unsigned)strtoul(text, NULL, 10) : 0;
}

/* Links of one virtual function: to it from the physical one, and on the bus; hidden while it is not there.
 */
struct vf_links {
	char of_pf[2][PATH_MAX], on_bus[2][PATH_MAX];
};

static bool find_vf(const struct host_tree *tree, const char *pf, unsigned index, bool hidden,
		    struct vf_links *out)
{
	char target[PATH_MAX];
	ssize_t length;

	for (int i = 0; i < 2; i++)
		snprintf(out->of_pf[i], PATH_MAX, "%s/bus/pci/devices/%s/%svirtfn%u", tree->sys, pf,
			 i ? "." : "", index);
	length = readlink(out->of_pf[hidden], target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	for (int i = 0; i < 2; i++)
		snprintf(out->on_bus[i], PATH_MAX, "%s/bus/pci/%s/%.32s", tree->sys, i ? "gone" : "devices",
			 strrchr(target, '/') + 1);
	return true;
}

/* A device that comes has a folder that was not there before. */
static void renew(const struct host_tree *tree, const char *link)
{
	char old[PATH_MAX], fresh[PATH_MAX + 8], from[PATH_MAX * 2], to[PATH_MAX * 2];
	const char *address = strrchr(link, '/') + 1;
	struct dirent *entry;
	char path[128], own[64];
	DIR *dir;

	assert_non_null(realpath(link, old));
	snprintf(fresh, sizeof(fresh), "%s.new", old);
	assert_int_equal(mkdir(fresh, 0755), 0);
	dir = opendir(old);
	while ((entry = readdir(dir))) {
		snprintf(from, sizeof(from), "%s/%s", old, entry->d_name);
		snprintf(to, sizeof(to), "%s/%s", fresh, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			assert_int_equal(rename(from, to), 0);
	}
	closedir(dir);
	/* The old one stays, empty, so that its number is not given to another. */
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(to, sizeof(to), "%s/bus/pci/gone/%s.%u", tree->sys, address, i);
		if (!access(to, F_OK))
			continue;
		assert_int_equal(rename(old, to), 0);
		break;
	}
	assert_int_equal(rename(fresh, old), 0);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver_override", address);
	tree_put(tree, path, "(null)\n");
	kernel_own_driver(tree, address, own);
	tree_bind(tree, address, own[0] ? own : NULL);
}

/* As many as were recorded, at most; those that go lose what they were lent to. */
static void show_vfs(const struct host_tree *tree, const char *pf, unsigned count)
{
	struct vf_links links;

	tree_folder(tree, "sys/bus/pci/gone");
	for (unsigned i = 0; i < 256; i++) {
		bool hidden = i < count;

		if (!find_vf(tree, pf, i, hidden, &links))
			continue;
		if (!hidden)
			tree_bind(tree, strrchr(links.on_bus[0], '/') + 1, NULL);
		rename(links.of_pf[hidden], links.of_pf[!hidden]);
		rename(links.on_bus[hidden], links.on_bus[!hidden]);
		if (hidden)
			renew(tree, links.on_bus[0]);
	}
}

int kernel_set_vfs(struct host_tree *tree, const char *pf, const char *text)
{
	unsigned count = (unsigned)strtoul(text, NULL, 10);
	char path[128], number[16];

	if (count && kernel_vfs(tree, pf))
		return -EBUSY;
	if (tree->vfs_refuse && count >= tree->vfs_refuse)
		return -ENOSPC;
	if (tree->vfs_make && count > tree->vfs_make)
		count = tree->vfs_make;
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/sriov_numvfs", pf);
	snprintf(number, sizeof(number), "%u\n", count);
	tree_put(tree, path, number);
	show_vfs(tree, pf, count);
	return 0;
}

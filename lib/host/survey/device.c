/* SPDX-License-Identifier: MIT */
/*
 * One device of the host, as sysfs shows it. Only its folder must be there: if an
 * older kernel does not have an attribute, the field stays "not known".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/sysfs.h"
#include "lib/sized.h"

/* PCI Local Bus 3.0, 6.1: header type, and its layout without the multifunction bit. */
enum { HEADER_SIZE = 64, HEADER_TYPE = 0x0e, HEADER_LAYOUT = 0x7f, HEADER_BRIDGE = 1 };
/* Class code of bridges between PCI buses, without the programming interface. */
enum { CLASS_PCI_BRIDGE = 0x0604 };

/* Notes the first attribute that may hide a use, or that the device cannot be lent. */
static int note(struct unreadable *unreadable, const char *name, int ret)
{
	if (ret < 0 && ret != -ENOENT && !unreadable->name)
		*unreadable = (struct unreadable){name, ret};
	return ret;
}

static uint32_t read_id(const char *dir, const char *name, uint32_t mask, struct unreadable *unreadable)
{
	long value;

	return note(unreadable, name, sysfs_number(dir, name, &value)) ? 0 : (uint32_t)value & mask;
}

/*
 * A read that no device answers gives all ones (PCI Local Bus 3.0, 6.1). The ids alone say
 * nothing: those of a virtual function read so as long as it lives (PCI Express Base 6.0, 9.3.4.1).
 */
static bool is_all_ones(const char *header)
{
	for (size_t i = 0; i < HEADER_SIZE; i++)
		if ((unsigned char)header[i] != 0xff)
			return false;
	return true;
}

/* A dead bridge has no header type, but the kernel remembers its class. */
static void read_header(const char *dir, struct lend_host_device *out, struct unreadable *unreadable)
{
	char header[HEADER_SIZE + 1];
	int length = note(unreadable, "config", sysfs_read(dir, "config", header, sizeof(header)));

	out->is_dead = length == HEADER_SIZE && is_all_ones(header);
	if (length > HEADER_TYPE && !out->is_dead)
		out->is_bridge = (header[HEADER_TYPE] & HEADER_LAYOUT) == HEADER_BRIDGE;
	else
		out->is_bridge = out->class_code >> 8 == CLASS_PCI_BRIDGE;
}

static int read_group(const char *dir, struct unreadable *unreadable)
{
	char text[32], *end;
	long group;

	if (note(unreadable, "iommu_group", sysfs_link(dir, "iommu_group", text, sizeof(text))))
		return -1;
	group = strtol(text, &end, 10);
	return end == text || *end || group < 0 || group > INT_MAX ? -1 : (int)group;
}

int host_read_group(const char *dir)
{
	return read_group(dir, &(struct unreadable){NULL, 0});
}

static void read_attributes(const char *dir, struct lend_host_device *out, struct unreadable *unreadable)
{
	char physfn[PATH_MAX];
	long numa;

	out->vendor = (uint16_t)read_id(dir, "vendor", 0xffff, unreadable);
	out->device = (uint16_t)read_id(dir, "device", 0xffff, unreadable);
	out->class_code = read_id(dir, "class", 0xffffff, unreadable);
	read_header(dir, out, unreadable);
	out->is_vf = !note(unreadable, "physfn", sysfs_link(dir, "physfn", physfn, sizeof(physfn)));
	out->group = read_group(dir, unreadable);
	host_read_node(dir, out);
	if (!sysfs_number(dir, "numa_node", &numa) && numa >= 0 && numa <= INT_MAX)
		out->numa_node = (int)numa;
	if (note(unreadable, "driver", sysfs_link(dir, "driver", out->driver, sizeof(out->driver))))
		out->driver[0] = '\0';
	if (sysfs_read(dir, "reset_method", out->reset_methods, sizeof(out->reset_methods)) < 0)
		out->reset_methods[0] = '\0';
}

int host_read_device(struct lend_context *context, const struct lend_bdf *bdf, struct lend_host_device *out,
		     struct unreadable *unreadable)
{
	struct unreadable ignored = {NULL, 0};
	char dir[PATH_MAX];
	int ret;

	memset(out, 0, sizeof(*out));
	out->bdf = *bdf;
	out->group = -1;
	out->numa_node = -1;
	lend_bdf_format(bdf, out->name);
	ret = sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(context), out->name);
	if (ret)
		return ret;
	if (access(dir, F_OK))
		return errno == EACCES || errno == EIO || errno == ENOMEM ? -errno : -ENODEV;
	read_attributes(dir, out, unreadable ? unreadable : &ignored);
	return 0;
}

bool lend_host_is_vfio(const char *driver)
{
	return strstr(driver, "vfio") != NULL;
}

static int find(struct lend_context *context, const char *address, struct lend_host_device *out,
		struct lend_error *error)
{
	struct lend_bdf bdf;
	int ret;

	if (!host_find_mdev(address, out))
		return 0;
	ret = lend_bdf_parse(address, &bdf);
	if (ret)
		return error_say(
			error, ret,
			"'%.100s' is not the address of a PCI device; write it like 0000:05:00.0, as "
			"lspci -D does",
			address);
	ret = host_read_device(context, &bdf, out, NULL);
	if (ret == -ENODEV)
		return error_say(error, ret, "there is no PCI device %s; lspci -D lists those that there are",
				 out->name);
	return ret ? error_say(error, ret, "cannot look up %s: %s", out->name, strerror(-ret)) : 0;
}

int lend_host_find(struct lend_context *context, const char *address, struct lend_host_device *out,
		   size_t size, struct lend_error *error)
{
	struct lend_host_device device;
	int ret = find(context, address, &device, error);

	if (!ret)
		sized_give(out, size, &device, sizeof(device));
	return ret;
}

/* SPDX-License-Identifier: MIT */
/*
 * Reading what the transport says of a device, once, with checks. All other code
 * uses these numbers and never asks again: a second answer may differ (XSA-337).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lend/host.h"
#include "lib/backend/areas.h"
#include "lib/context.h"
#include "lib/dma/space.h"
#include "lib/error.h"
#include "lib/le.h"
#include "lib/open/device.h"

enum {
	/* A PCI function can have no more: PCI Local Bus 3.0, 6.8.1 and 6.8.2. */
	MSI_MAX = 32,
	MSIX_MAX = 2048,
};

static int read_info(struct lend_device *device, unsigned *irq_count, unsigned *region_count,
		     struct lend_error *error)
{
	struct backend_device_info info;
	const char *name = device->info.name;
	int ret = device->ops->info(device->transport, &info);

	if (ret < 0)
		return error_say(error, ret, "%s: cannot read what it is: %s", name, strerror(-ret));
	if (!info.is_pci)
		return error_say(error, -EPROTO, "%s is not described as a PCI device", name);
	if (info.region_count <= LEND_REGION_CONFIG || info.irq_count <= LEND_IRQ_MSIX)
		return error_say(
			error, -EPROTO,
			"%s: it has %u regions and %u interrupt indexes, fewer than a PCI device has", name,
			info.region_count, info.irq_count);
	device->info.can_reset = info.can_reset;
	device->info.atomics = info.atomics;
	*irq_count = info.irq_count;
	*region_count = info.region_count;
	return 0;
}

static int check_bar(struct lend_device *device, unsigned index, struct lend_error *error)
{
	uint64_t size = device->regions[index].size;

	if (size & (size - 1))
		return error_say(error, -EPROTO, "%s: BAR %u has %llu bytes, which is no power of two",
				 device->info.name, index, (unsigned long long)size);
	return 0;
}

static int read_regions(struct lend_device *device, unsigned count, struct lend_error *error)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	for (unsigned i = 0; i < LEND_REGION_COUNT && i < count; i++) {
		struct lend_region *region = &device->regions[i];
		struct lend_area *areas = device->areas[i];
		int ret = device->ops->region_info(device->transport, i, region, areas, AREAS_MAX);

		/* A device without ROM or VGA ranges refuses these regions. */
		if (ret < 0 && (i == LEND_REGION_ROM || i > LEND_REGION_CONFIG)) {
			*region = (struct lend_region){0};
			continue;
		}
		if (!ret && region->area_count > AREAS_MAX)
			ret = -EPROTO;
		if (!ret)
			ret = areas_store(region, areas, AREAS_MAX, areas, region->area_count);
		if (ret == -EPROTO)
			return error_say(error, ret, "%s: the description of its region %u makes no sense",
					 device->info.name, i);
		if (ret < 0)
			return error_say(error, ret, "%s: cannot read what region %u is: %s",
					 device->info.name, i, strerror(-ret));
		/* The kernel allows such a map, of a whole page, if nothing else is in that page. */
		region->sub_page = region->size && region->size < page && region->area_count == 1 &&
				   !areas[0].offset && areas[0].length == region->size;
		ret = i < LEND_REGION_ROM ? check_bar(device, i, error) : 0;
		if (ret < 0)
			return ret;
		areas_clip(region, areas, page);
	}
	return 0;
}

static int read_irqs(struct lend_device *device, unsigned count, struct lend_error *error)
{
	static const unsigned most[LEND_IRQ_COUNT] = {1, MSI_MAX, MSIX_MAX, 1, 1};

	for (unsigned i = 0; i < LEND_IRQ_COUNT && i < count; i++) {
		struct backend_irq_info irq = {0};
		int ret = device->ops->irq_info(device->transport, i, &irq);

		/*
		 * Old kernels and conventional devices have no error and request
		 * interrupt, and drivers of mediated devices name no index that
		 * they do not have.
		 */
		if (ret < 0 && i < LEND_IRQ_ERR && !(device->info.is_mdev && ret == -EINVAL))
			return error_say(error, ret, "%s: cannot read what interrupt index %u is: %s",
					 device->info.name, i, strerror(-ret));
		if (ret < 0)
			continue;
		device->info.vectors[i] = irq.count < most[i] ? irq.count : most[i];
		if (i == LEND_IRQ_MSIX)
			device->info.msix_noresize = irq.noresize;
	}
	return 0;
}

/* VFIO fills in the ids of virtual functions, which hardware reads as ffff. */
static int read_ids(struct lend_device *device, struct lend_error *error)
{
	struct lend_device_info *info = &device->info;
	uint64_t size = device->regions[LEND_REGION_CONFIG].size;
	uint8_t head[PCI_STD_HEADER_SIZEOF];
	int ret;

	/* The kernel's sample of a mediated device reports its config space one byte too short. */
	if (size < (info->is_mdev ? (uint64_t)PCI_STD_HEADER_SIZEOF : PCI_CFG_SPACE_SIZE))
		return error_say(error, -EPROTO, "%s: its config space has only %llu bytes", info->name,
				 (unsigned long long)size);
	info->config_size = size < PCI_CFG_SPACE_EXP_SIZE ? PCI_CFG_SPACE_SIZE : PCI_CFG_SPACE_EXP_SIZE;
	ret = device_read(device, LEND_REGION_CONFIG, 0, head, sizeof(head));
	if (ret < 0)
		return error_say(error, ret, "%s: cannot read its config space: %s", info->name,
				 strerror(-ret));
	info->vendor = le16(head + PCI_VENDOR_ID);
	info->device = le16(head + PCI_DEVICE_ID);
	info->class_code = le32(head + PCI_CLASS_REVISION) >> 8;
	info->subsystem_vendor = le16(head + PCI_SUBSYSTEM_VENDOR_ID);
	info->subsystem = le16(head + PCI_SUBSYSTEM_ID);
	return 0;
}

/* Lines of log for one who wants to see all: what the device is. */
static void say_opened(const struct lend_device *device)
{
	static const char *const ways[] = {[LEND_BACKEND_LEGACY] = "its group and a container",
					   [LEND_BACKEND_IOMMUFD] = "its own node and an iommufd",
					   [LEND_BACKEND_GIVEN] = "the monitor's tables",
					   [LEND_BACKEND_USER] = "its server's socket"};
	struct lend_context *context = space_context(device->space);
	const struct lend_device_info *info = &device->info;

	context_log(
		context, LEND_LOG_DEBUG,
		"%s: opened by %s: %04x:%04x, class %06x, %llu bytes of config space, %u vectors of MSI-X, "
		"%u of MSI; ways to reset it: %s",
		info->name, ways[info->backend], info->vendor, info->device, info->class_code,
		(unsigned long long)info->config_size, info->vectors[LEND_IRQ_MSIX],
		info->vectors[LEND_IRQ_MSI], device->reset_methods[0] ? device->reset_methods : "not known");
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++)
		if (device->regions[i].size)
			context_log(context, LEND_LOG_DEBUG,
				    "%s: BAR %u has %llu bytes, in %u parts that can be mapped", info->name,
				    i, (unsigned long long)device->regions[i].size,
				    device->regions[i].area_count);
}

int device_open_with(struct lend_space *space, const struct device_source *source, struct lend_device **out,
		     struct lend_error *error)
{
	struct lend_device *device = calloc(1, sizeof(*device));
	unsigned regions = 0, irqs = 0;
	int ret;

	if (!device)
		return error_say(error, -ENOMEM, "out of memory");
	device->space = space;
	device->ops = source->ops;
	device->transport = source->transport;
	device->info.size = sizeof(device->info);
	device->info.bdf = source->bdf;
	device->info.group = source->group;
	device->info.numa_node = source->numa_node;
	device->info.backend = source->backend;
	device->info.is_mdev = source->is_mdev;
	if (source->name)
		snprintf(device->info.name, sizeof(device->info.name), "%s", source->name);
	else
		lend_bdf_format(&source->bdf, device->info.name);
	if (source->reset_methods)
		snprintf(device->reset_methods, sizeof(device->reset_methods), "%s", source->reset_methods);
	device->raw_length =
		source->raw_length < sizeof(device->raw) ? source->raw_length : sizeof(device->raw);
	if (device->raw_length)
		memcpy(device->raw, source->raw, device->raw_length);
	ret = read_info(device, &irqs, &regions, error);
	if (!ret)
		ret = read_regions(device, regions, error);
	if (!ret)
		ret = read_irqs(device, irqs, error);
	if (!ret)
		ret = read_ids(device, error);
	if (ret < 0) {
		free(device);
		return ret;
	}
	device_register(device);
	say_opened(device);
	*out = device;
	return 0;
}

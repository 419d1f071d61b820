/* SPDX-License-Identifier: MIT */
/*
 * A device behind its VFIO descriptor: ioctls, pread, pwrite and mmap. The
 * offsets of regions are stored when their info is read, before anything else
 * is done with them, and do not change: no lock is needed.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/backend/areas.h"
#include "lib/backend/no_bus.h"
#include "lib/backend/transport.h"
#include "lib/sys/iommufd.h"
#include "lib/sys/vfio.h"

struct kernel_device {
	int fd;
	uint64_t offset[LEND_REGION_COUNT]; /* in fd */
	int prot[LEND_REGION_COUNT];        /* of a map */
};

static int kernel_info(void *dev, struct backend_device_info *out)
{
	struct kernel_device *device = dev;
	struct sys_device_info info;
	int ret = sys_vfio_device_info(device->fd, &info);

	if (ret < 0)
		return ret;
	*out = (struct backend_device_info){info.is_pci, info.can_reset, info.regions, info.irqs,
					    info.atomics};
	return 0;
}

static int store_areas(struct lend_region *region, struct lend_area *out, unsigned max,
		       const struct sys_region_info *info)
{
	struct lend_area *areas;
	int ret;

	if (!info->mappable)
		return 0;
	if (!info->sparse) {
		struct lend_area whole = {0, info->size};

		return areas_store(region, out, max, &whole, 1);
	}
	if (!info->area_count)
		return 0;
	areas = calloc(info->area_count, sizeof(*areas));
	if (!areas)
		return -ENOMEM;
	for (size_t i = 0; i < info->area_count; i++)
		areas[i] = (struct lend_area){info->areas[i].offset, info->areas[i].length};
	ret = areas_store(region, out, max, areas, info->area_count);
	free(areas);
	return ret;
}

static int kernel_region_info(void *dev, unsigned index, struct lend_region *out, struct lend_area *areas,
			      unsigned max)
{
	struct kernel_device *device = dev;
	struct sys_region_info info;
	int ret;

	*out = (struct lend_region){0};
	ret = sys_vfio_region_info(device->fd, index, &info);
	if (!ret) {
		out->size = info.size;
		out->readable = info.readable;
		out->writable = info.writable;
		out->msix_mappable = info.msix_mappable;
		device->offset[index] = info.offset;
		device->prot[index] = (info.readable ? PROT_READ : 0) | (info.writable ? PROT_WRITE : 0);
		ret = store_areas(out, areas, max, &info);
	}
	free(info.areas);
	return ret < 0 ? ret : 0;
}

static int kernel_irq_info(void *dev, unsigned index, struct backend_irq_info *out)
{
	struct kernel_device *device = dev;
	struct sys_irq_info info;
	int ret = sys_vfio_irq_info(device->fd, index, &info);

	if (ret < 0)
		return ret;
	*out = (struct backend_irq_info){info.eventfd ? info.count : 0, info.noresize};
	return 0;
}

static int kernel_set_irqs(void *dev, const struct backend_irqs *irqs)
{
	struct kernel_device *device = dev;

	static const enum sys_irq_action actions[] = {
		[BACKEND_IRQ_TRIGGER] = SYS_IRQ_TRIGGER,
		[BACKEND_IRQ_MASK] = SYS_IRQ_MASK,
		[BACKEND_IRQ_UNMASK] = SYS_IRQ_UNMASK,
	};

	return sys_vfio_set_irqs(device->fd, actions[irqs->action], irqs->index, irqs->start, irqs->count,
				 irqs->fds);
}

static int kernel_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct kernel_device *device = dev;
	ssize_t ret;

	do
		ret = pread(device->fd, data, length, (off_t)(device->offset[region] + offset));
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : (int)ret;
}

static int kernel_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct kernel_device *device = dev;
	ssize_t ret;

	do
		ret = pwrite(device->fd, data, length, (off_t)(device->offset[region] + offset));
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : (int)ret;
}

static int kernel_map(void *dev, unsigned region, uint64_t offset, uint64_t length, void *at)
{
	struct kernel_device *device = dev;
	void *va = mmap(at, length, device->prot[region], MAP_SHARED | MAP_FIXED, device->fd,
			(off_t)(device->offset[region] + offset));

	return va == MAP_FAILED ? -errno : 0;
}

static int kernel_dma_buf(void *dev, unsigned region, uint64_t offset, uint64_t length)
{
	struct kernel_device *device = dev;

	return sys_vfio_dma_buf(device->fd, region, offset, length);
}

static int kernel_file(void *dev, unsigned region, uint64_t *offset)
{
	struct kernel_device *device = dev;

	*offset = device->offset[region];
	return device->fd;
}

static int kernel_reset(void *dev)
{
	struct kernel_device *device = dev;

	return sys_vfio_device_reset(device->fd);
}

static int kernel_ioeventfd(void *dev, const struct backend_ioeventfd *what)
{
	struct kernel_device *device = dev;

	return sys_vfio_device_ioeventfd(device->fd, device->offset[what->region] + what->offset,
					 what->length, what->data, what->fd);
}

static int kernel_hot_reset_info(void *dev, struct backend_hot_reset *out)
{
	struct kernel_device *device = dev;
	struct sys_hot_reset info;
	int ret = sys_vfio_hot_reset_info(device->fd, &info);

	*out = (struct backend_hot_reset){0};
	if (ret < 0)
		return ret;
	out->at = calloc(info.count ? info.count : 1, sizeof(*out->at));
	if (!out->at)
		ret = -ENOMEM;
	for (size_t i = 0; i < info.count && !ret; i++) {
		const struct sys_dependent *one = &info.at[i];

		out->at[i].bdf = (struct lend_bdf){one->domain, one->bus, one->devfn >> 3, one->devfn & 7};
		out->at[i].group = info.by_id ? -1 : (int)one->id;
	}
	out->by_id = info.by_id;
	out->owned = info.owned;
	out->count = ret ? 0 : (unsigned)info.count;
	free(info.at);
	return ret;
}

static int kernel_hot_reset(void *dev, const int *fds, unsigned count)
{
	struct kernel_device *device = dev;

	return sys_vfio_hot_reset(device->fd, fds, count);
}

static void kernel_close(void *dev)
{
	struct kernel_device *device = dev;

	close(device->fd);
	free(device);
}

static const struct transport_ops kernel_ops = {
	.info = kernel_info,
	.region_info = kernel_region_info,
	.irq_info = kernel_irq_info,
	.set_irqs = kernel_set_irqs,
	.read = kernel_read,
	.write = kernel_write,
	.map = kernel_map,
	.dma_buf = kernel_dma_buf,
	.file = kernel_file,
	.reset = kernel_reset,
	.hot_reset_info = kernel_hot_reset_info,
	.hot_reset = kernel_hot_reset,
	.ioeventfd = kernel_ioeventfd,
	.doorbells = no_doorbells,
	.close = kernel_close,
};

int transport_new(int fd, const struct transport_ops **ops, void **dev)
{
	struct kernel_device *device = calloc(1, sizeof(*device));

	if (!device)
		return -ENOMEM;
	device->fd = fd;
	*ops = &kernel_ops;
	*dev = device;
	return 0;
}

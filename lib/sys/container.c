/* SPDX-License-Identifier: MIT */
/* Ioctls of a VFIO container and of its type1 IOMMU. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "lend/space.h"
#include "lib/sys/caps.h"
#include "lib/sys/info.h"
#include "lib/sys/vfio.h"

static int call(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int sys_vfio_api_version(int container)
{
	return call(container, VFIO_GET_API_VERSION, NULL);
}

int sys_vfio_check_extension(int container, unsigned long extension)
{
	int ret = ioctl(container, VFIO_CHECK_EXTENSION, extension);

	return ret < 0 ? -errno : ret > 0;
}

int sys_vfio_set_iommu(int container, unsigned long type)
{
	int ret = ioctl(container, VFIO_SET_IOMMU, type);

	return ret < 0 ? -errno : 0;
}

static int read_ranges(const struct sys_cap *cap, struct sys_iommu_info *out)
{
	struct vfio_iommu_type1_info_cap_iova_range head;
	size_t room = (cap->length - sizeof(head)) / sizeof(struct vfio_iova_range);

	memcpy(&head, cap->data, sizeof(head));
	if (head.nr_iovas > room)
		return -EPROTO;
	if (!head.nr_iovas)
		return 0;
	out->ranges = calloc(head.nr_iovas, sizeof(*out->ranges));
	if (!out->ranges)
		return -ENOMEM;
	for (size_t i = 0; i < head.nr_iovas; i++) {
		struct vfio_iova_range range;

		memcpy(&range, cap->data + sizeof(head) + i * sizeof(range), sizeof(range));
		out->ranges[i] = (struct sys_iova_range){range.start, range.end};
	}
	out->range_count = head.nr_iovas;
	return sys_iova_ranges_check(out->ranges, out->range_count);
}

static int read_caps(const void *answer, size_t size, uint32_t first, struct sys_iommu_info *out)
{
	struct sys_cap cap;
	int ret;

	ret = sys_caps_find(answer, size, first, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
			    sizeof(struct vfio_iommu_type1_info_cap_iova_range), &cap);
	return ret > 0 ? read_ranges(&cap, out) : ret;
}

int sys_vfio_iommu_info(int container, struct sys_iommu_info *out)
{
	struct vfio_iommu_type1_info info = {0};
	void *answer;
	size_t size;
	int ret;

	*out = (struct sys_iommu_info){0};
	ret = sys_info(container, VFIO_IOMMU_GET_INFO, &info, sizeof(info), &answer, &size);
	if (ret < 0)
		return ret;
	memcpy(&info, answer, sizeof(info));
	if (info.flags & VFIO_IOMMU_INFO_CAPS)
		ret = read_caps(answer, size, info.cap_offset, out);
	free(answer);
	return ret;
}

int sys_vfio_map_dma(int container, uint64_t iova, const void *va, uint64_t length, unsigned access)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = (access & LEND_ACCESS_READ ? VFIO_DMA_MAP_FLAG_READ : 0u) |
			 (access & LEND_ACCESS_WRITE ? VFIO_DMA_MAP_FLAG_WRITE : 0u),
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = length,
	};

	return call(container, VFIO_IOMMU_MAP_DMA, &map);
}

int sys_vfio_unmap_dma(int container, uint64_t iova, uint64_t length)
{
	struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof(unmap), .iova = iova, .size = length};
	int ret = call(container, VFIO_IOMMU_UNMAP_DMA, &unmap);

	if (ret < 0)
		return ret;
	if (!unmap.size)
		return -ENOENT;
	return unmap.size == length ? 0 : -EPROTO;
}

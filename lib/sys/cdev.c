/* SPDX-License-Identifier: MIT */
/* Ioctls of a VFIO device's own node. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/sys/abi.h"
#include "lib/sys/iommufd.h"

int sys_cdev_bind(int device, int iommufd, const uint8_t *token, uint32_t *id)
{
	struct abi_bind_iommufd bind = {.argsz = ABI_BIND_SIZE_PLAIN, .iommufd = iommufd};

	if (token) {
		bind.argsz = sizeof(bind);
		bind.flags = ABI_BIND_TOKEN;
		bind.token_uuid_ptr = (uintptr_t)token;
	}
	if (ioctl(device, ABI_DEVICE_BIND_IOMMUFD, &bind) < 0)
		return -errno;
	*id = bind.out_devid;
	return 0;
}

int sys_cdev_attach(int device, uint32_t table)
{
	struct abi_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = table};

	return ioctl(device, ABI_DEVICE_ATTACH_IOMMUFD_PT, &attach) < 0 ? -errno : 0;
}

int sys_cdev_detach(int device)
{
	struct abi_detach_iommufd_pt detach = {.argsz = sizeof(detach)};

	return ioctl(device, ABI_DEVICE_DETACH_IOMMUFD_PT, &detach) < 0 ? -errno : 0;
}

int sys_vfio_dma_buf(int device, unsigned region, uint64_t offset, uint64_t length)
{
	struct abi_feature_dma_buf ask = {
		.region_index = region, .open_flags = O_RDWR | O_CLOEXEC, .nr_ranges = 1};
	struct abi_dma_range range = {offset, length};
	struct vfio_device_feature *feature;
	size_t size = sizeof(*feature) + sizeof(ask) + sizeof(range);
	int fd;

	feature = calloc(1, size);
	if (!feature)
		return -ENOMEM;
	feature->argsz = (uint32_t)size;
	feature->flags = VFIO_DEVICE_FEATURE_GET | ABI_FEATURE_DMA_BUF;
	memcpy(feature->data, &ask, sizeof(ask));
	memcpy(feature->data + sizeof(ask), &range, sizeof(range));
	fd = ioctl(device, VFIO_DEVICE_FEATURE, feature);
	if (fd < 0)
		fd = -errno;
	free(feature);
	return fd;
}

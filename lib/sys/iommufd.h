/* SPDX-License-Identifier: MIT */
/*
 * Ioctls of iommufd (/dev/iommu), and those of a VFIO device's own node
 * (/dev/vfio/devices/vfioN, a cdev) that bind it to one. Each has one function, which
 * returns 0 or a negative errno. An id is the kernel's number of an object in one
 * iommufd. -ENOTTY: this kernel does not know the call.
 */
#ifndef LIB_SYS_IOMMUFD_H
#define LIB_SYS_IOMMUFD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/sys/vfio.h"

/* Devices. */

/** Binds a device. `token`: a VF token of 16 bytes, or NULL. `*id`: the device's id in the iommufd. */
int sys_cdev_bind(int device, int iommufd, const uint8_t *token, uint32_t *id);
/** Attaches a device to `table`, a page table or an address space, in place of the one that it has. */
int sys_cdev_attach(int device, uint32_t table);
int sys_cdev_detach(int device);

/** Returns a dma-buf of [offset, offset + length) of a region. -ENOTTY: this kernel exports none. */
int sys_vfio_dma_buf(int device, unsigned region, uint64_t offset, uint64_t length);

/* iommufd. */

/**
 * Charges locked memory to this process, in place of all processes of its user together. To be
 * called before there is anything in the iommufd. -EPERM: CAP_SYS_RESOURCE is needed.
 */
int sys_iommu_charge_process(int iommufd);
int sys_iommu_destroy(int iommufd, uint32_t id);
int sys_ioas_alloc(int iommufd, uint32_t *id);

struct sys_ioas_ranges {
	uint64_t alignment; /* of addresses and lengths; 0: not told */
	size_t count;
	struct sys_iova_range *ranges; /* to be freed */
};
/** Reads which addresses may be mapped. -EPROTO: the answer makes no sense. */
int sys_ioas_ranges(int iommufd, uint32_t ioas, struct sys_ioas_ranges *out);

struct sys_ioas_map {
	uint64_t iova, length;
	unsigned access; /* enum lend_access */
};
int sys_ioas_map(int iommufd, uint32_t ioas, const struct sys_ioas_map *map, const void *va);
/** Maps bytes of `fd` (a memfd, or a dma-buf) from `start` on. */
int sys_ioas_map_file(int iommufd, uint32_t ioas, const struct sys_ioas_map *map, int fd, uint64_t start);
/** As sys_vfio_unmap_dma(). */
int sys_ioas_unmap(int iommufd, uint32_t ioas, uint64_t iova, uint64_t length);

/** Makes page tables that fit the device, with all maps of the address space. */
int sys_hwpt_alloc(int iommufd, uint32_t device, uint32_t ioas, uint32_t *id);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The kernel's ABI that is newer than Debian 12's headers (6.1): cdevs of VFIO
 * (6.6), iommufd (6.2 and later), exports of BARs as dma-bufs (6.19). The
 * layouts are those of linux/vfio.h and linux/iommufd.h; abi_pins.c compares
 * them with the system's headers where these have them. For lib/sys alone.
 *
 * Left out on purpose, of what the headers of Linux 7.3 have anew:
 * VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2, because no device is migrated;
 * VFIO_DEVICE_FEATURE_ZPCI_ERROR, the error records of s390;
 * IOMMU_IOAS_NOIOMMU_GET_PA, because a device without an IOMMU is never lent;
 * IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED, because what a guest sees of ATS is the
 * device's capability on both ways, and a group does not tell.
 */
#ifndef LIB_SYS_ABI_H
#define LIB_SYS_ABI_H

#include <stdint.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

enum {
	ABI_DEVICE_BIND_IOMMUFD = _IO(VFIO_TYPE, VFIO_BASE + 18),
	ABI_DEVICE_ATTACH_IOMMUFD_PT = _IO(VFIO_TYPE, VFIO_BASE + 19),
	ABI_DEVICE_DETACH_IOMMUFD_PT = _IO(VFIO_TYPE, VFIO_BASE + 20),
};

struct abi_bind_iommufd {
	uint32_t argsz;
	uint32_t flags;
	int32_t iommufd;
	uint32_t out_devid;
	uint64_t token_uuid_ptr; /* later than the rest: only sent with ABI_BIND_TOKEN */
};
enum { ABI_BIND_SIZE_PLAIN = 16, ABI_BIND_TOKEN = 1 << 0 };

struct abi_attach_iommufd_pt {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pt_id;
};

struct abi_detach_iommufd_pt {
	uint32_t argsz;
	uint32_t flags;
};

enum { ABI_FEATURE_DMA_BUF = 11 };

struct abi_dma_range {
	uint64_t offset;
	uint64_t length;
};

struct abi_feature_dma_buf {
	uint32_t region_index;
	uint32_t open_flags;
	uint32_t flags;
	uint32_t nr_ranges;
	/* struct abi_dma_range follow */
};

/* iommufd: each struct starts with its size, as the caller knows it. */
enum { ABI_IOMMUFD_TYPE = ';' };
enum {
	ABI_IOMMU_DESTROY = _IO(ABI_IOMMUFD_TYPE, 0x80),
	ABI_IOMMU_IOAS_ALLOC = _IO(ABI_IOMMUFD_TYPE, 0x81),
	ABI_IOMMU_IOAS_IOVA_RANGES = _IO(ABI_IOMMUFD_TYPE, 0x84),
	ABI_IOMMU_IOAS_MAP = _IO(ABI_IOMMUFD_TYPE, 0x85),
	ABI_IOMMU_IOAS_UNMAP = _IO(ABI_IOMMUFD_TYPE, 0x86),
	ABI_IOMMU_OPTION = _IO(ABI_IOMMUFD_TYPE, 0x87),
	ABI_IOMMU_HWPT_ALLOC = _IO(ABI_IOMMUFD_TYPE, 0x89),
	ABI_IOMMU_IOAS_MAP_FILE = _IO(ABI_IOMMUFD_TYPE, 0x8f),
};

struct abi_iommu_destroy {
	uint32_t size;
	uint32_t id;
};

struct abi_ioas_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t out_ioas_id;
};

struct abi_iova_range {
	uint64_t start;
	uint64_t last;
};

struct abi_ioas_iova_ranges {
	uint32_t size;
	uint32_t ioas_id;
	uint32_t num_iovas;
	uint32_t reserved;
	uint64_t allowed_iovas;
	uint64_t out_iova_alignment;
};

enum { ABI_MAP_FIXED_IOVA = 1 << 0, ABI_MAP_WRITEABLE = 1 << 1, ABI_MAP_READABLE = 1 << 2 };

struct abi_ioas_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	uint32_t reserved;
	uint64_t user_va;
	uint64_t length;
	uint64_t iova;
};

struct abi_ioas_map_file {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	int32_t fd;
	uint64_t start;
	uint64_t length;
	uint64_t iova;
};

struct abi_ioas_unmap {
	uint32_t size;
	uint32_t ioas_id;
	uint64_t iova;
	uint64_t length;
};

/* ABI_OPTION_RLIMIT_MODE: who is charged for locked memory. 0: the user, 1: the process. */
enum { ABI_OPTION_RLIMIT_MODE = 0, ABI_OPTION_OP_SET = 0 };

struct abi_iommu_option {
	uint32_t size;
	uint32_t option_id;
	uint16_t op;
	uint16_t reserved;
	uint32_t object_id;
	uint64_t val64;
};

/* The layout of Linux 6.6, the first that has it. Fields that came later are not used. */
struct abi_hwpt_alloc {
	uint32_t size;
	uint32_t flags;
	uint32_t dev_id;
	uint32_t pt_id;
	uint32_t out_hwpt_id;
	uint32_t reserved;
};

#endif

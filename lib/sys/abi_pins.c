/* SPDX-License-Identifier: MIT */
/* abi.h against the headers of this system, as far as they go. No code. */
#include <stddef.h>

#include "lib/sys/abi.h"

#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#endif

#define SAME_PLACE(ours, theirs, field, their_field)                                                         \
	_Static_assert(offsetof(struct ours, field) == offsetof(struct theirs, their_field), #ours "." #field)

#ifdef VFIO_DEVICE_BIND_IOMMUFD
_Static_assert(ABI_DEVICE_BIND_IOMMUFD == VFIO_DEVICE_BIND_IOMMUFD, "BIND_IOMMUFD");
_Static_assert(ABI_DEVICE_ATTACH_IOMMUFD_PT == VFIO_DEVICE_ATTACH_IOMMUFD_PT, "ATTACH_IOMMUFD_PT");
_Static_assert(ABI_DEVICE_DETACH_IOMMUFD_PT == VFIO_DEVICE_DETACH_IOMMUFD_PT, "DETACH_IOMMUFD_PT");
_Static_assert(ABI_BIND_SIZE_PLAIN == offsetof(struct vfio_device_bind_iommufd, out_devid) + 4, "bind");
SAME_PLACE(abi_bind_iommufd, vfio_device_bind_iommufd, iommufd, iommufd);
SAME_PLACE(abi_bind_iommufd, vfio_device_bind_iommufd, out_devid, out_devid);
SAME_PLACE(abi_attach_iommufd_pt, vfio_device_attach_iommufd_pt, pt_id, pt_id);
_Static_assert(sizeof(struct abi_detach_iommufd_pt) <= sizeof(struct vfio_device_detach_iommufd_pt),
	       "detach");
#endif

#ifdef VFIO_DEVICE_BIND_FLAG_TOKEN
_Static_assert(ABI_BIND_TOKEN == VFIO_DEVICE_BIND_FLAG_TOKEN, "token");
SAME_PLACE(abi_bind_iommufd, vfio_device_bind_iommufd, token_uuid_ptr, token_uuid_ptr);
#endif

#ifdef VFIO_DEVICE_FEATURE_DMA_BUF
_Static_assert(ABI_FEATURE_DMA_BUF == VFIO_DEVICE_FEATURE_DMA_BUF, "dma-buf");
_Static_assert(sizeof(struct abi_feature_dma_buf) == sizeof(struct vfio_device_feature_dma_buf), "dma-buf");
SAME_PLACE(abi_feature_dma_buf, vfio_device_feature_dma_buf, nr_ranges, nr_ranges);
_Static_assert(sizeof(struct abi_dma_range) == sizeof(struct vfio_region_dma_range), "dma range");
#endif

#ifdef IOMMU_IOAS_MAP
_Static_assert(ABI_IOMMU_DESTROY == IOMMU_DESTROY, "DESTROY");
_Static_assert(ABI_IOMMU_IOAS_ALLOC == IOMMU_IOAS_ALLOC, "IOAS_ALLOC");
_Static_assert(ABI_IOMMU_IOAS_IOVA_RANGES == IOMMU_IOAS_IOVA_RANGES, "IOAS_IOVA_RANGES");
_Static_assert(ABI_IOMMU_IOAS_MAP == IOMMU_IOAS_MAP, "IOAS_MAP");
_Static_assert(ABI_IOMMU_IOAS_UNMAP == IOMMU_IOAS_UNMAP, "IOAS_UNMAP");
_Static_assert(ABI_MAP_FIXED_IOVA == (int)IOMMU_IOAS_MAP_FIXED_IOVA, "fixed");
_Static_assert(ABI_MAP_WRITEABLE == (int)IOMMU_IOAS_MAP_WRITEABLE, "writeable");
_Static_assert(ABI_MAP_READABLE == (int)IOMMU_IOAS_MAP_READABLE, "readable");
_Static_assert(sizeof(struct abi_iommu_destroy) == sizeof(struct iommu_destroy), "destroy");
_Static_assert(sizeof(struct abi_ioas_alloc) == sizeof(struct iommu_ioas_alloc), "ioas_alloc");
_Static_assert(sizeof(struct abi_ioas_iova_ranges) == sizeof(struct iommu_ioas_iova_ranges), "iova_ranges");
_Static_assert(sizeof(struct abi_iova_range) == sizeof(struct iommu_iova_range), "iova_range");
_Static_assert(sizeof(struct abi_ioas_map) == sizeof(struct iommu_ioas_map), "ioas_map");
_Static_assert(sizeof(struct abi_ioas_unmap) == sizeof(struct iommu_ioas_unmap), "ioas_unmap");
SAME_PLACE(abi_ioas_iova_ranges, iommu_ioas_iova_ranges, allowed_iovas, allowed_iovas);
SAME_PLACE(abi_ioas_map, iommu_ioas_map, user_va, user_va);
SAME_PLACE(abi_ioas_map, iommu_ioas_map, iova, iova);
SAME_PLACE(abi_ioas_unmap, iommu_ioas_unmap, length, length);
#endif

#ifdef IOMMU_OPTION
_Static_assert(ABI_IOMMU_OPTION == IOMMU_OPTION, "OPTION");
_Static_assert(ABI_OPTION_RLIMIT_MODE == (int)IOMMU_OPTION_RLIMIT_MODE, "rlimit mode");
_Static_assert(ABI_OPTION_OP_SET == (int)IOMMU_OPTION_OP_SET, "option set");
_Static_assert(sizeof(struct abi_iommu_option) == sizeof(struct iommu_option), "option");
SAME_PLACE(abi_iommu_option, iommu_option, object_id, object_id);
SAME_PLACE(abi_iommu_option, iommu_option, val64, val64);
#endif

#ifdef IOMMU_HWPT_ALLOC
_Static_assert(ABI_IOMMU_HWPT_ALLOC == IOMMU_HWPT_ALLOC, "HWPT_ALLOC");
_Static_assert(sizeof(struct abi_hwpt_alloc) <= sizeof(struct iommu_hwpt_alloc), "hwpt_alloc");
SAME_PLACE(abi_hwpt_alloc, iommu_hwpt_alloc, pt_id, pt_id);
SAME_PLACE(abi_hwpt_alloc, iommu_hwpt_alloc, out_hwpt_id, out_hwpt_id);
#endif

#ifdef IOMMU_IOAS_MAP_FILE
_Static_assert(ABI_IOMMU_IOAS_MAP_FILE == IOMMU_IOAS_MAP_FILE, "IOAS_MAP_FILE");
_Static_assert(sizeof(struct abi_ioas_map_file) == sizeof(struct iommu_ioas_map_file), "ioas_map_file");
SAME_PLACE(abi_ioas_map_file, iommu_ioas_map_file, start, start);
#endif

typedef int abi_pins; /* a file of C has at least one declaration */

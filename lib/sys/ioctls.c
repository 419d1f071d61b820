/* SPDX-License-Identifier: MIT */
/*
 * The ioctls that the library makes after all devices are open, as a table for
 * monitors that restrict their system calls. The reason stands above a group.
 */
#include "lend/context.h"
#include "lib/sys/abi.h"

static const uint32_t requests[] = {
	/* Interrupts that change. */
	VFIO_DEVICE_SET_IRQS,
	/* Writes that are learned (quirks). */
	VFIO_DEVICE_IOEVENTFD,
	/* BARs that move, for peers; memory that comes and goes. */
	VFIO_IOMMU_MAP_DMA,
	VFIO_IOMMU_UNMAP_DMA,
	ABI_IOMMU_IOAS_MAP,
	ABI_IOMMU_IOAS_MAP_FILE,
	ABI_IOMMU_IOAS_UNMAP,
	/* Reset, and giving everything back. */
	VFIO_DEVICE_RESET,
	VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
	VFIO_DEVICE_PCI_HOT_RESET,
	VFIO_GROUP_UNSET_CONTAINER,
	ABI_DEVICE_DETACH_IOMMUFD_PT,
	ABI_IOMMU_DESTROY,
};

static const uint32_t open_requests[] = {
	/* A group and its container. */
	VFIO_GROUP_GET_STATUS,
	VFIO_GROUP_SET_CONTAINER,
	VFIO_GET_API_VERSION,
	VFIO_CHECK_EXTENSION,
	VFIO_SET_IOMMU,
	VFIO_IOMMU_GET_INFO,
	VFIO_GROUP_GET_DEVICE_FD,
	/* A device's own node, and iommufd. */
	ABI_DEVICE_BIND_IOMMUFD,
	ABI_DEVICE_ATTACH_IOMMUFD_PT,
	ABI_IOMMU_IOAS_ALLOC,
	ABI_IOMMU_IOAS_IOVA_RANGES,
	ABI_IOMMU_HWPT_ALLOC,
	/* What the device has. */
	VFIO_DEVICE_GET_INFO,
	VFIO_DEVICE_GET_REGION_INFO,
	VFIO_DEVICE_GET_IRQ_INFO,
	VFIO_DEVICE_FEATURE,
};

size_t lend_open_ioctls(const uint32_t **out)
{
	*out = open_requests;
	return sizeof(open_requests) / sizeof(*open_requests);
}

size_t lend_ioctls(const uint32_t **out)
{
	*out = requests;
	return sizeof(requests) / sizeof(*requests);
}

static const char *const calls[] = {
	/* Config space and trapped BARs; eventfds that are read, and signalled again. */
	"pread64",
	"pwrite64",
	"read",
	"preadv2",
	"write",
	/* A vector's eventfd is made when it is unmasked for the first time. */
	"eventfd2",
	"close",
	/* BAR mappings that go, and malloc's memory. */
	"munmap",
	"madvise",
	"brk",
	"mremap",
	/* A device behind a socket: its messages, and who waits for them. */
	"sendmsg",
	"recvmsg",
	"poll",
	"epoll_ctl",
	"shutdown",
	"fstat",
	/* Locks; time, for limits of the log and for what a device needs after a reset. */
	"futex",
	"clock_gettime",
	"clock_nanosleep",
	"nanosleep",
};

size_t lend_syscalls(const char *const **out)
{
	*out = calls;
	return sizeof(calls) / sizeof(*calls);
}

static const char *const open_calls[] = {
	/* The caller's descriptors are duplicated; the name of a server; who waits for a socket. */
	"fcntl",
	"getpeername",
	"epoll_create1",
};

size_t lend_open_syscalls(const char *const **out)
{
	*out = open_calls;
	return sizeof(open_calls) / sizeof(*open_calls);
}

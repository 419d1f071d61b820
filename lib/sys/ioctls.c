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

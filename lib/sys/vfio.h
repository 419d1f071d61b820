/* SPDX-License-Identifier: MIT */
/*
 * VFIO's ioctls. Each has one function, which returns 0, or what its comment says, or a
 * negative errno. Nothing is decided here, and nothing is stored between calls.
 */
#ifndef LIB_SYS_VFIO_H
#define LIB_SYS_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Containers (/dev/vfio/vfio). */

/** Returns the version of the API; it is 0. */
int sys_vfio_api_version(int container);
/** 1: the container has the extension; 0: it has not. */
int sys_vfio_check_extension(int container, unsigned long extension);
int sys_vfio_set_iommu(int container, unsigned long type);

struct sys_iova_range {
	uint64_t first, last; /* inclusive */
};

struct sys_iommu_info {
	size_t range_count;            /* 0: not told */
	struct sys_iova_range *ranges; /* ascending, apart; to be freed */
};

/** -EPROTO: the answer makes no sense. */
int sys_vfio_iommu_info(int container, struct sys_iommu_info *out);

/** `access`: enum lend_access. */
int sys_vfio_map_dma(int container, uint64_t iova, const void *va, uint64_t length, unsigned access);
/** -ENOENT: nothing was mapped there; -EPROTO: the kernel says that it removed less than that, or more. */
int sys_vfio_unmap_dma(int container, uint64_t iova, uint64_t length);

/* Groups (/dev/vfio/N). */

int sys_vfio_group_get_status(int group, bool *viable, bool *in_container);
int sys_vfio_group_set_container(int group, int container);
int sys_vfio_group_unset_container(int group);
/** Returns the device's descriptor. */
int sys_vfio_group_get_device_fd(int group, const char *name);

/* Devices. */

struct sys_device_info {
	bool is_pci, can_reset;
	unsigned regions, irqs;
	unsigned atomics; /* completed by the host: bit 0 32 bits, 1 64, 2 128 */
};
int sys_vfio_device_info(int device, struct sys_device_info *out);

struct sys_area {
	uint64_t offset, length;
};

struct sys_region_info {
	uint64_t size;
	uint64_t offset; /* in the device's descriptor */
	bool readable, writable, mappable, msix_mappable;
	bool sparse;            /* only `areas` can be mapped, and not the whole */
	size_t area_count;      /* as the kernel gave them: unsorted, unchecked */
	struct sys_area *areas; /* to be freed */
};
/** -EPROTO: the answer makes no sense. */
int sys_vfio_region_info(int device, unsigned index, struct sys_region_info *out);

struct sys_irq_info {
	unsigned count;
	bool eventfd, noresize;
};
int sys_vfio_irq_info(int device, unsigned index, struct sys_irq_info *out);

enum sys_irq_action { SYS_IRQ_TRIGGER, SYS_IRQ_MASK, SYS_IRQ_UNMASK };

/**
 * Sets the triggers of interrupts [start, start + count) of an index: eventfds, -1 for
 * none. `fds` NULL: no data; with count 0 the index goes off. A positive result is the
 * number of vectors that the device has, which is less than `count`.
 */
int sys_vfio_set_irqs(int device, enum sys_irq_action action, unsigned index, unsigned start, unsigned count,
		      const int *fds);

int sys_vfio_device_reset(int device);

/** A function that a reset of the bus resets, too. */
struct sys_dependent {
	uint32_t id; /* its group, or its own with `by_id` */
	uint16_t domain;
	uint8_t bus, devfn;
};

struct sys_hot_reset {
	bool by_id; /* of a device opened by its own node */
	bool owned; /* then: all of them are ours to reset */
	size_t count;
	struct sys_dependent *at; /* to be freed */
};

/** -ENODEV: no bus that could be reset; -EPROTO: the answer makes no sense. */
int sys_vfio_hot_reset_info(int device, struct sys_hot_reset *out);

/** Resets the bus; `fds`: the groups of all functions on it, none for a device with `by_id`. */
int sys_vfio_hot_reset(int device, const int *fds, unsigned count);
/**
 * Writes `data` (1, 2, 4 or 8 bytes) at `offset` of the descriptor whenever the
 * eventfd is signalled; -1: no more. -ENOTTY: Linux before 4.17.
 */
int sys_vfio_device_ioeventfd(int device, uint64_t offset, unsigned length, uint64_t data, int eventfd);

#endif

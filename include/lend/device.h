/* SPDX-License-Identifier: MIT */
/*
 * A device: one physical PCI function that VFIO hands to us, opened into a
 * space. What the kernel says of it (regions, interrupts) is read once, when
 * it is opened, checked there, and never derived again from the device.
 */
#ifndef LEND_DEVICE_H
#define LEND_DEVICE_H

#include "space.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lend_device;

/** Region indexes, as linux/vfio.h numbers them: BARs are 0 to 5. */
enum { LEND_REGION_ROM = 6, LEND_REGION_CONFIG = 7, LEND_REGION_VGA = 8, LEND_REGION_COUNT = 9 };
/** Interrupt indexes, as linux/vfio.h numbers them. */
enum { LEND_IRQ_INTX, LEND_IRQ_MSI, LEND_IRQ_MSIX, LEND_IRQ_ERR, LEND_IRQ_REQ, LEND_IRQ_COUNT };

struct lend_area {
	uint64_t offset; /* in the region */
	uint64_t length;
};

/** Parts of a BAR that VFIO maps, and those that are left when what has to trap is cut out: at the most. */
enum { LEND_AREAS_MAX = 16, LEND_DIRECT_MAX = 24 };

struct lend_region {
	uint64_t size; /* 0: not implemented */
	bool readable, writable;
	bool sub_page;       /* smaller than a page, and a map of that whole page can be had */
	bool msix_mappable;  /* the kernel lets the MSI-X table be mapped */
	unsigned area_count; /* parts that can be mapped; ascending, no overlap */
	struct lend_area areas[LEND_AREAS_MAX];
};

struct lend_device_info {
	struct lend_bdf bdf;
	char name[16]; /* "0000:05:00.0" */
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code;  /* 24 bits */
	bool can_reset;       /* the kernel knows a way to reset this function alone */
	unsigned atomics;     /* as in struct lend_link */
	uint64_t config_size; /* 256 or 4096 */
	unsigned vectors[LEND_IRQ_COUNT];
	bool msix_noresize; /* vectors cannot be added while MSI-X is on */
	int group;
	int numa_node; /* -1: unknown */
};

/**
 * Opens the PCI function at `address` ("0000:05:00.0", "05:00.0" or a sysfs
 * path) into `space`: its IOMMU group is opened unless the space has it, put
 * in a container that fits (or a new one, into which the space's ranges go),
 * told to the hypervisor (host op vfio_add), and then the device opened.
 *
 * Several threads may open devices into one space at the same time.
 * Errors, each with a sentence: -ENODEV no such device; -ENXIO not bound to
 * vfio-pci; -EPERM group not viable, or no interrupt remapping; -ENOTSUP no
 * IOMMU; -EACCES node of the group not accessible; -EBUSY in use by another
 * process; -EEXIST already open in this space; -EPROTO the kernel's answer
 * makes no sense; else what the kernel said.
 */
LEND_API int lend_device_open(struct lend_space *space, const char *address, struct lend_device **out,
			      struct lend_error *error);

/**
 * Closes a device; every function on it must be freed. The kernel resets it.
 * The group is closed with its last device. NULL is allowed.
 */
LEND_API void lend_device_close(struct lend_device *device);

/** What is known of the device; lives as long as the device. Any thread. */
LEND_API const struct lend_device_info *lend_device_info(const struct lend_device *device);

/** A region of the device, index below LEND_REGION_COUNT, else NULL. Any thread. */
LEND_API const struct lend_region *lend_device_region(const struct lend_device *device, unsigned index);

#ifdef __cplusplus
}
#endif
#endif

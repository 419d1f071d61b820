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
/** BARs of a device; and those of the guest's function, whose last one is its expansion ROM, LEND_REGION_ROM.
 */
enum { LEND_DEVICE_BARS = 6, LEND_BARS = 7 };
/** Interrupt indexes, as linux/vfio.h numbers them. */
enum { LEND_IRQ_INTX, LEND_IRQ_MSI, LEND_IRQ_MSIX, LEND_IRQ_ERR, LEND_IRQ_REQ, LEND_IRQ_COUNT };

/** Ways to a device. */
enum lend_backend {
	LEND_BACKEND_AUTO,    /* iommufd where the kernel has it and the process may use it, else legacy */
	LEND_BACKEND_LEGACY,  /* the group's node /dev/vfio/N, and a container with type1 */
	LEND_BACKEND_IOMMUFD, /* the device's own node /dev/vfio/devices/vfioN, and /dev/iommu */
	LEND_BACKEND_GIVEN,   /* never asked for: tables of the caller (lend/backend.h) */
};

struct lend_area {
	uint64_t offset; /* in the region */
	uint64_t length;
};

/** Parts of a BAR that can be reached without a trap (lend_bar_map.direct_count): at the most. */
enum { LEND_DIRECT_MAX = 24 };

struct lend_region {
	uint64_t size; /* 0: not implemented */
	bool readable, writable;
	bool sub_page;       /* smaller than a page, and a map of that whole page can be had */
	bool msix_mappable;  /* the kernel lets the MSI-X table be mapped */
	unsigned area_count; /* parts that can be mapped: lend_device_areas() */
};

struct lend_device_info {
	size_t size; /* as the library has it: a field that does not lie within it is not there */
	struct lend_bdf bdf;
	char name[LEND_NAME_SIZE]; /* "0000:05:00.0"; of a mediated device, its UUID */
	enum lend_backend backend; /* the way to the device that was taken; never LEND_BACKEND_AUTO */
	bool is_mdev;              /* a mediated device: bdf is all zero */
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
 * What sysfs says of a device, for a process that cannot read sysfs: one in a
 * jail, which was handed descriptors. Start from LEND_DEVICE_FACTS_INIT.
 */
struct lend_device_facts {
	size_t size;
	const char *name;          /* "0000:05:00.0", as sysfs has it; of a mediated device, its UUID */
	int group;                 /* its IOMMU group; -1: not known, which the legacy way does not take */
	int numa_node;             /* -1: not known */
	const char *driver;        /* NULL: one of VFIO's */
	const char *reset_methods; /* sysfs reset_method, "flr bus"; NULL: not known */
	const void *config;        /* bytes of sysfs config; NULL: not known */
	size_t config_length;      /* 64 for a user, 256 or 4096 for root */
};

#define LEND_DEVICE_FACTS_INIT                                                                               \
	{                                                                                                    \
		sizeof(struct lend_device_facts), NULL, -1, -1, NULL, NULL, NULL, 0                          \
	}

/**
 * What is to be opened, and how. Start from LEND_DEVICE_CONFIG_INIT. A descriptor
 * that is 0 or -1 is none: one that has the number 0 is to be duplicated first.
 */
struct lend_device_config {
	size_t size;
	/**
	 * "0000:05:00.0", "05:00.0", or a sysfs path, also that of a mediated
	 * device. NULL: `fd` says which.
	 */
	const char *address;
	/**
	 * The device's open node (/dev/vfio/devices/vfioN), not bound to an
	 * iommufd yet; -1: the library opens it. It is duplicated: the caller
	 * keeps its own, and the device is free when both are closed. With
	 * `address` too, the two must be the same device.
	 */
	int fd;
	/**
	 * An open /dev/iommu, -1: the library opens it. Duplicated. All spaces of
	 * a context share one: that of the first device that asks for one.
	 */
	int iommu_fd;
	enum lend_backend backend;
	const char *vf_token; /* UUID that the driver of a VF's PF set; NULL: none */
	/**
	 * With it, no file is opened or looked at, also when something fails:
	 * neither in sysfs nor in /dev nor in /proc. `address` is NULL or the same
	 * name. Descriptors say which device it is: `fd` with `iommu_fd`, or
	 * `group_fd` with `container_fd`. `iommu_fd` and `container_fd` may be left
	 * out where the context has an iommufd, or the space a container that takes
	 * the group, already. NULL: sysfs is read.
	 */
	const struct lend_device_facts *facts;
	/** The open node of its group (/dev/vfio/N), in no container yet. Duplicated. With `facts` alone. */
	int group_fd;
	/** An open /dev/vfio/vfio that no group is in yet, for its group. Duplicated. With `facts` alone. */
	int container_fd;
};

#define LEND_DEVICE_CONFIG_INIT                                                                              \
	{                                                                                                    \
		sizeof(struct lend_device_config), NULL, -1, -1, LEND_BACKEND_AUTO, NULL, NULL, -1, -1       \
	}

/**
 * Opens a device into `space`. Legacy: its IOMMU group is opened unless the
 * space has it, put in a container that fits (or a new one, into which the
 * space's ranges go), told to the hypervisor (host op vfio_add), and then the
 * device opened. iommufd: its node is opened, told to the hypervisor, bound,
 * and attached to page tables that fit, or new ones.
 *
 * Several threads may open devices into one space at the same time. Blocks while
 * the kernel resets the device (100 ms, up to 60 s of one that is not ready) and
 * while the space's memory is pinned for it.
 * Errors, each with a sentence: -ENODEV no such device; -ENXIO not bound to
 * vfio-pci; -EPERM group not viable, or no interrupt remapping; -ENOTSUP no
 * IOMMU; -EACCES node of the group not accessible; -EBUSY in use by another
 * process; -EEXIST already open in this space; -EPROTO the kernel's answer
 * makes no sense; -EINVAL config->size, or a combination that cannot be;
 * -E2BIG a field is set that this library does not know;
 * -ENODEV `fd` is another device than `address`; -ENOTTY, -EBADF `fd` is no
 * device of VFIO, or closed; -EOPNOTSUPP the kernel lacks what was asked for;
 * else what the kernel said.
 */
LEND_API int lend_device_open_with(struct lend_space *space, const struct lend_device_config *config,
				   struct lend_device **out, struct lend_error *error);

/** lend_device_open_with() of an address, all else at its default. */
LEND_API int lend_device_open(struct lend_space *space, const char *address, struct lend_device **out,
			      struct lend_error *error);

/**
 * Closes a device; every function on it must be freed. The kernel resets it, and
 * the call blocks for as long.
 * A group is closed with its last device. NULL is allowed.
 */
LEND_API void lend_device_close(struct lend_device *device);

/**
 * Moves an open device to another space of the same context: from then on it
 * reaches the memory of that one. It must be quiet meanwhile: its DMA is
 * blocked from the first space to the second. No function may be on it.
 * -EOPNOTSUPP: the backend cannot (a legacy group is in one container as long
 * as its device is open); -EBUSY: it has a function; -EINVAL: of another
 * context; else what the new space said, and the device is in the old one.
 * -ENOTRECOVERABLE: it fits neither any more; close it. One thread a device.
 */
LEND_API int lend_device_move(struct lend_device *device, struct lend_space *space, struct lend_error *error);

/** What is known of the device; lives as long as the device. Any thread. */
LEND_API const struct lend_device_info *lend_device_info(const struct lend_device *device);

/** A region of the device. -EINVAL: `index` is not below LEND_REGION_COUNT. Any thread; does not block. */
LEND_API int lend_device_region(const struct lend_device *device, unsigned index, struct lend_region *out,
				size_t size);

/**
 * The parts of a region that can be mapped, ascending, without overlap: writes
 * at most `max` and returns how many there are. Any thread; does not block.
 */
LEND_API size_t lend_device_areas(const struct lend_device *device, unsigned index, struct lend_area *out,
				  size_t max);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/*
 * A device: one PCI function of the host, opened through VFIO into a space. What
 * the kernel says of it (regions, interrupts) is read once, when it is opened, and
 * checked then. It is never read again: a second answer may differ.
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
/** BARs of a device; and of the guest's function, where number LEND_REGION_ROM is the expansion ROM. */
enum { LEND_DEVICE_BARS = 6, LEND_BARS = 7 };
/** Interrupt indexes, as linux/vfio.h numbers them. */
enum { LEND_IRQ_INTX, LEND_IRQ_MSI, LEND_IRQ_MSIX, LEND_IRQ_ERR, LEND_IRQ_REQ, LEND_IRQ_COUNT };

/** Ways to a device. */
enum lend_backend {
	LEND_BACKEND_AUTO,    /* iommufd if the kernel has it and the process may use it, else legacy */
	LEND_BACKEND_LEGACY,  /* the group's node /dev/vfio/N, and a container with type1 */
	LEND_BACKEND_IOMMUFD, /* the device's own node /dev/vfio/devices/vfioN, and /dev/iommu */
	LEND_BACKEND_GIVEN,   /* the caller's tables (lend/backend.h); cannot be asked for */
	LEND_BACKEND_USER,    /* the socket of a process that serves the device by vfio-user */
};

/** Bytes [offset, offset + length) of a region. */
struct lend_area {
	uint64_t offset;
	uint64_t length;
};

/** The most parts of a BAR that can be direct (lend_bar_map.direct_count). */
enum { LEND_DIRECT_MAX = 24 };

/** A region of a device. */
struct lend_region {
	uint64_t size; /* bytes; 0: the device does not have it */
	bool readable, writable;
	bool sub_page;       /* it is smaller than a page, and can be mapped as that whole page */
	bool msix_mappable;  /* the kernel allows a map of the MSI-X table */
	unsigned area_count; /* parts that can be mapped: lend_device_areas() */
};

/** What is known of an open device. */
struct lend_device_info {
	size_t size; /* as the library has it: a field that does not lie within it is not there */
	struct lend_bdf bdf;
	/*
	 * "0000:05:00.0"; of a mediated device, its UUID; of one behind a socket, what
	 * lend_device_config.name says, or the end of its path.
	 */
	char name[LEND_NAME_SIZE];
	enum lend_backend backend; /* the way by which it was opened; never LEND_BACKEND_AUTO */
	/* A mediated device: bdf is all zero, as it is with LEND_BACKEND_USER. */
	bool is_mdev;
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code;  /* 24 bits */
	bool can_reset;       /* the kernel knows a way to reset this function alone */
	unsigned atomics;     /* as in struct lend_link */
	uint64_t config_size; /* bytes: 256 or 4096 */
	unsigned vectors[LEND_IRQ_COUNT];
	bool msix_noresize; /* no vector can be added while MSI-X is on */
	int group;          /* its IOMMU group; -1: none */
	int numa_node;      /* -1: unknown */
};

/**
 * What sysfs says of a device, for a process that cannot read sysfs, as one in a
 * jail that was handed descriptors. Start from LEND_DEVICE_FACTS_INIT. The library
 * copies what it uses.
 */
struct lend_device_facts {
	size_t size;
	const char *name;          /* "0000:05:00.0", as sysfs has it; of a mediated device, its UUID */
	int group;                 /* its IOMMU group; -1: not known. The legacy way needs it */
	int numa_node;             /* -1: not known */
	const char *driver;        /* NULL: one of VFIO's */
	const char *reset_methods; /* text of sysfs' reset_method, as "flr bus"; NULL: not known */
	const void *config;        /* bytes of sysfs' config; NULL: not known */
	size_t config_length;      /* bytes: 64 for a user, 256 or 4096 for root */
};

#define LEND_DEVICE_FACTS_INIT                                                                               \
	{                                                                                                    \
		sizeof(struct lend_device_facts), NULL, -1, -1, NULL, NULL, NULL, 0                          \
	}

/**
 * What is to be opened, and how. Start from LEND_DEVICE_CONFIG_INIT. A descriptor
 * of 0 or -1 is none; so one with the number 0 has to be duplicated before. Only
 * where `fd` alone names the device, 0 is taken as a descriptor.
 */
struct lend_device_config {
	size_t size;
	/**
	 * "0000:05:00.0", "05:00.0", or a sysfs path, also that of a mediated
	 * device. NULL: `fd` or `facts` name the device.
	 */
	const char *address;
	/**
	 * The device's open node (/dev/vfio/devices/vfioN), which is not bound to an
	 * iommufd; -1: the library opens it. The library duplicates it: the device
	 * is free when the caller has closed its own, too. If `address` is given
	 * too, both must name the same device.
	 *
	 * It must not be a node noiommu-vfioN, which newer kernels make for a device
	 * without an IOMMU: such a device reaches all memory of the host. The library
	 * refuses it, except with `facts`: it cannot see a node's name then, and the
	 * caller has to look.
	 */
	int fd;
	/**
	 * An open /dev/iommu; -1: the library opens it. Duplicated. All spaces of a
	 * context use one iommufd, which comes with the first device by that way.
	 */
	int iommu_fd;
	enum lend_backend backend;
	const char *vf_token; /* the UUID that the user of a VF's PF has set; NULL: none */
	/**
	 * The facts of the device; NULL: the library reads sysfs. With facts it opens
	 * and reads no file in sysfs, /dev and /proc, even if something fails.
	 * `address` is NULL then, or the same name. The caller passes descriptors:
	 * `fd` with `iommu_fd`, or `group_fd` with `container_fd`. `iommu_fd` may be
	 * left out if the context has an iommufd already, `container_fd` if the space
	 * has a container that takes the group.
	 */
	const struct lend_device_facts *facts;
	/** The open node of its group (/dev/vfio/N), in no container. Duplicated. Only with `facts`. */
	int group_fd;
	/** An open /dev/vfio/vfio without a group, for its group. Duplicated. Only with `facts`. */
	int container_fd;
	/**
	 * A device that another process serves by vfio-user: the path of the socket at
	 * which its server listens, or a socket that is connected to it, which is
	 * duplicated. One of the two alone names the device; no other field is set
	 * then but `backend` (AUTO or USER) and those below.
	 */
	const char *socket;
	int socket_fd;
	/** How long the server may take to answer, in ms; 0: 5000. Later, it counts as gone. */
	unsigned reply_ms;
	/**
	 * The server may come back: when it goes, the function does not fail, but reads
	 * all ones, and LEND_EVENT_LOST is sent. The monitor then calls
	 * lend_function_reconnect().
	 */
	bool reconnects;
	/**
	 * What messages call it, and lend_device_info(): at most LEND_NAME_SIZE with its NUL,
	 * of a longer one the beginning. NULL: the end of its socket's path.
	 */
	const char *name;
};

#define LEND_DEVICE_CONFIG_INIT                                                                              \
	{                                                                                                    \
		sizeof(struct lend_device_config), NULL, -1, -1, LEND_BACKEND_AUTO, NULL, NULL, -1, -1,      \
			NULL, -1, 0, false, NULL                                                             \
	}

/**
 * Opens a device into `space`. The caller closes it with lend_device_close().
 *
 *  - Legacy: opens the IOMMU group, unless the space has it, puts it into a
 *    container that fits or a new one, which gets the space's ranges, tells the
 *    hypervisor (host op vfio_add), and opens the device.
 *  - iommufd: opens the device's node, tells the hypervisor, binds the device,
 *    and attaches it to page tables that fit or new ones.
 *  - User: connects to the server's socket, agrees on a version, and tells the
 *    server of the space's ranges: of those with a file by the descriptor, which
 *    the server maps; the bytes of others it gets by messages, which is slow. The
 *    host op `watch` is needed for these, and to see the end of a server at once.
 *    If the server goes, or does not answer in time, the guest's function fails as
 *    after an error of the device (LEND_EVENT_ERROR).
 *
 * Several threads may open devices into one space at once. It blocks while the
 * kernel resets the device (100 ms, and up to 60 s if it does not get ready) and
 * while the space's memory is pinned for it.
 *
 * Errors, each with a sentence:
 *  - -ENODEV: there is no such device, or `fd` is another one than `address`;
 *  - -ENXIO: it is not bound to vfio-pci;
 *  - -EPERM: its group is not viable, or interrupts are not remapped;
 *  - -ENOTSUP: there is no IOMMU;
 *  - -EACCES: a node cannot be opened, or a VF token is wrong or missing;
 *  - -EBUSY: another process, or another space, has it;
 *  - -ENOENT, -ECONNREFUSED: no server listens at `socket`; -EAGAIN: it has another
 *    client; -ENOTCONN: it has closed the connection, or has not answered in time;
 *  - -EEXIST: it is open in this context already;
 *  - -EPROTO: what the kernel, or its server, says of it makes no sense;
 *  - -EINVAL: config->size is that of no version, or fields contradict each other;
 *  - -E2BIG: a field is set that this library does not know;
 *  - -ENOTTY, -EBADF: `fd` is no device of VFIO, or is not open;
 *  - -EOPNOTSUPP: the kernel cannot do what was asked for;
 *  - -ENOMEM; else what the kernel returned.
 */
LEND_API int lend_device_open_with(struct lend_space *space, const struct lend_device_config *config,
				   struct lend_device **out, struct lend_error *error);

/** Calls lend_device_open_with() with an address, and with the default of everything else. */
LEND_API int lend_device_open(struct lend_space *space, const char *address, struct lend_device **out,
			      struct lend_error *error);

/**
 * Closes a device. All functions on it must be freed before. The kernel resets
 * the device, and the call blocks for as long: 100 ms, and up to 60 s if it does
 * not get ready. A group is closed with its last device. NULL is allowed. One
 * thread for a device.
 */
LEND_API void lend_device_close(struct lend_device *device);

/**
 * Moves an open device to another space of the same context: from then on it
 * reaches the memory of that one. No function may be on it, and it must do no
 * DMA: between the two spaces DMA is blocked. One thread for a device; it blocks
 * while the memory of the new space is pinned.
 *
 * -EOPNOTSUPP: it was not opened by iommufd (a group stays in one container while
 * its device is open); -EBUSY: a function is on it; -EINVAL: `space` is of another
 * context; -ENOTRECOVERABLE: it is in no space any more, and has to be closed;
 * with any other error it is still in the old space.
 */
LEND_API int lend_device_move(struct lend_device *device, struct lend_space *space, struct lend_error *error);

/** What is known of the device. It lives as long as the device. Any thread; does not block. */
LEND_API const struct lend_device_info *lend_device_info(const struct lend_device *device);

/**
 * Writes what region `index` (LEND_REGION_ROM and its like; BARs are 0 to 5) is.
 * -EINVAL: `index` is not below LEND_REGION_COUNT. Any thread; does not block.
 */
LEND_API int lend_device_region(const struct lend_device *device, unsigned index, struct lend_region *out,
				size_t size);

/**
 * Writes at most `max` of the parts of a region that can be mapped, ascending and
 * without overlap, and returns how many there are. Any thread; does not block.
 */
LEND_API size_t lend_device_areas(const struct lend_device *device, unsigned index, struct lend_area *out,
				  size_t max);

#ifdef __cplusplus
}
#endif
#endif

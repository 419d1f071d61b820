/* SPDX-License-Identifier: MIT */
/*
 * A survey: all PCI functions of the host at one moment, with what uses each of them
 * and whether it can be lent. Nothing is changed, and no device is opened, with one
 * exception: while ZFS is loaded, the label of a disk that may be one of ZFS is read.
 * A survey does not change after it was made, and its maker frees it. Any thread may call
 * these functions. lend_survey_new() reads sysfs and procfs: that takes milliseconds, or
 * longer if a driver lets the kernel wait. The others do not block.
 */
#ifndef LEND_SURVEY_H
#define LEND_SURVEY_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The one word about a device. */
enum lend_survey_state {
	LEND_STATE_READY,    /* VFIO has it, its group is viable, and no process has it open */
	LEND_STATE_BINDABLE, /* lend_bind() takes it as it is */
	LEND_STATE_SHARED,   /* drivers of the host have others of its group, which have to be taken, too */
	LEND_STATE_BUSY,     /* it, or a member of its group, is in use */
	LEND_STATE_UNFIT,    /* it cannot be lent: a bridge of the host, or no IOMMU */
	/*
	 * It cannot be lent in this slot: a member of its group stays with the host, or it is
	 * behind a device that is lent as a whole.
	 */
	LEND_STATE_BLOCKED,
	LEND_STATE_DEAD, /* it does not answer: its configuration space reads all ones */
};

/** How a device is used. */
enum lend_use_kind {
	LEND_USE_MOUNT,       /* a mounted file system */
	LEND_USE_SWAP,        /* swap space */
	LEND_USE_VOLUME,      /* a device mapper's volume: LVM, encryption, multipath */
	LEND_USE_RAID,        /* a member of an md RAID */
	LEND_USE_ADDRESS,     /* a network interface with an address or a route, or one that is up */
	LEND_USE_BRIDGED,     /* a network interface below another one, or whose frames the kernel takes */
	LEND_USE_ROUTE,       /* the default route goes through it */
	LEND_USE_CONSOLE,     /* the console of this computer, or the debugger of its kernel */
	LEND_USE_SOUND,       /* a sound card that plays or records */
	LEND_USE_OPEN,        /* a process has its nodes or registers open, or takes its frames */
	LEND_USE_VFS,         /* virtual functions are made of it, or in use */
	LEND_USE_LENT,        /* a process has it open through VFIO */
	LEND_USE_LOOP,        /* a disk, or a file on it, behind a loop device */
	LEND_USE_POOL,        /* a member of a pool of ZFS */
	LEND_USE_JOURNAL,     /* a part of a file system that is mounted from another disk */
	LEND_USE_CACHE,       /* a disk of bcache, or one that zram writes to */
	LEND_USE_TARGET,      /* a disk that the kernel serves to others, or the adapter that it serves by */
	LEND_USE_HIBERNATION, /* the computer hibernates to it */
	LEND_USE_NAMESPACE,   /* a network interface, or an RDMA device, in another namespace */
	LEND_USE_TUNNEL,      /* a tunnel that is bound to a network interface */
	LEND_USE_KEYBOARD,    /* the only keyboards of the computer are connected to it */
	LEND_USE_BLUETOOTH,   /* a Bluetooth adapter below it has a connection */
	LEND_USE_EXPORT,      /* another computer has a USB device by it */
	LEND_USE_MEDIATED,    /* mediated devices are made of it */
	LEND_USE_DMA,         /* the kernel uses its DMA engine */
	LEND_USE_PARENT,      /* a device below it is in use, or is connected to it */
	LEND_USE_WATCHDOG,    /* its watchdog runs */
	LEND_USE_MEMORY,      /* its memory is part of the computer's, or other devices use it */
	LEND_USE_CRASH,       /* the kernel records crashes on it */
};

/** A way in which a survey looks for uses. */
struct lend_way {
	enum lend_use_kind kind;
	const char *name; /* one word for scripts, which does not change: "mount" */
	const char
		*looks_at;  /* what was looked at: "file systems that are mounted, in any mount namespace" */
	const char *unseen; /* what could not be looked at, and how it can be; NULL: nothing */
};

/** A use of a device. */
struct lend_use {
	enum lend_use_kind kind;
	char text[160]; /* "/dev/nvme0n1p2 is mounted at /" */
	char cure[96];  /* a command that ends it, for root: "umount /"; empty: none is known */
	bool stays;     /* nothing ends it while this host runs, which runs from it: take another device */
};

/** A device in a survey. */
struct lend_survey_device {
	size_t size; /* as the library has it */
	struct lend_host_device is;
	char path[128];  /* slot path, see lend_survey_resolve() */
	char parent[16]; /* address of the bridge above it; empty: it is on a root bus */
	char serial[64]; /* serial number, as its driver tells it; empty: not known */
	char dsn[24]; /* PCI Express serial number "52-54-00-ff-ff-12-34-56", empty: none, or no privilege */
	uint16_t subsystem_vendor, subsystem_device;
	uint8_t revision;
	bool boot_vga;         /* the firmware started its console on it */
	unsigned vfs, vfs_max; /* SR-IOV: how many virtual functions it has, and can have */
	char physfn[16];       /* address of a virtual function's physical one; else empty */
	char cdev[16];         /* "vfio3": its node below /dev/vfio/devices; empty: none */
	char interfaces[96];   /* its network interfaces and whole disks: "eth0", "nvme0n1 nvme0n2" */
	const struct lend_use *uses;
	size_t use_count;
	enum lend_survey_state state;
	const char *word; /* "ready", "bindable", "shared", "busy", "blocked", "dead", or in short why not */
	char why[256];    /* a sentence for all but ready and bindable */
};

struct lend_survey;

/**
 * Makes a survey of the whole host. A host without PCI has an empty one. -ENOMEM; else
 * why sysfs cannot be read. All that a survey returns lives as long as it does.
 */
LEND_API int lend_survey_new(struct lend_context *context, struct lend_survey **out);
/**
 * The same to find devices by name: nothing is asked about what uses them, which is most of
 * the work. No device of such a survey is known to be free: one that could be lent has the
 * state LEND_STATE_BUSY and the word "unknown". Who takes a device then by lend_bind() needs
 * no other survey, since that makes a whole one itself. Errors as lend_survey_new().
 */
LEND_API int lend_survey_names(struct lend_context *context, struct lend_survey **out);
/** Frees a survey. NULL is allowed. */
LEND_API void lend_survey_free(struct lend_survey *survey);

/** How many devices there are; and the one at `index`, ascending by address. NULL: beyond the end. */
LEND_API size_t lend_survey_count(const struct lend_survey *survey);
LEND_API const struct lend_survey_device *lend_survey_at(const struct lend_survey *survey, size_t index);

/**
 * Writes the way at `index` (0 and up) in which the survey looked for uses, in a fixed
 * order. False: `index` is beyond the last. A device without a use is not in use as far
 * as these ways can tell.
 */
LEND_API bool lend_survey_way(const struct lend_survey *survey, size_t index, struct lend_way *out);

/**
 * What could not be looked at, and how it can be: the sentences of lend_way.unseen, each once
 * (several ways may lack the same); `index` is 0 and up. NULL: there are no more; at 0: all
 * was looked at.
 */
LEND_API const char *lend_survey_unseen(const struct lend_survey *survey, size_t index);

/** The word for a kind of use, as in lend_way.name; static. */
LEND_API const char *lend_use_name(enum lend_use_kind kind);

/** The device at an address; NULL: there is none. */
LEND_API const struct lend_survey_device *lend_survey_find(const struct lend_survey *survey,
							   const struct lend_bdf *bdf);

/**
 * Finds the device that a person means by `name`:
 *  - an address, or a path in sysfs that ends in one
 *  - a slot path: "pci0000:00/1c.0/00.0", the root bus and the device and
 *    function number on each bus below, which stays when buses are numbered
 *    anew; a virtual function's is that of its physical function and "/vf3"
 *  - a network interface: "eth1"
 *  - a node of one: "/dev/nvme0n1", "/dev/disk/by-id/...", "/dev/dri/card0"
 *  - vendor and device, "8086:10d3", and perhaps a serial number after a slash
 * -EINVAL: it is none of these; -ENODEV: there is none; -ENOTUNIQ: several,
 * which the sentence lists. What is like an address and is none ("01:00", "1:0.0",
 * "pci_0000_01_00_0") is never taken for one; the sentence names what may be meant.
 */
LEND_API int lend_survey_resolve(const struct lend_survey *survey, const char *name,
				 const struct lend_survey_device **out, struct lend_error *error);

/**
 * Compares a device with the one expected: `expected` is "8086:10d3" or
 * "8086:10d3/SERIAL". 0: it is that one; -EINVAL: `expected` has neither form; -ESTALE: it
 * is another device; -ENODATA: its serial number is not known now. Each with a sentence.
 */
LEND_API int lend_survey_expect(const struct lend_survey *survey, const struct lend_survey_device *device,
				const char *expected, struct lend_error *error);

/** Whether `name` has a form that lend_survey_resolve() looks at the devices for. */
LEND_API bool lend_survey_is_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif

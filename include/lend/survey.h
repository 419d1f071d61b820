/* SPDX-License-Identifier: MIT */
/*
 * A survey: all PCI functions of the host at one moment, with what uses each
 * of them and whether it can be lent. No device is opened (but for the label of
 * a disk that may be one of ZFS, while ZFS is loaded), nothing is changed.
 * A survey does not change after it was made and belongs to whoever made it;
 * any thread. lend_survey_new() reads files of sysfs and procfs, which takes
 * milliseconds, and as long as the kernel does where a driver holds them; the
 * others do not block.
 */
#ifndef LEND_SURVEY_H
#define LEND_SURVEY_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The one word about a device. */
enum lend_survey_state {
	LEND_STATE_READY,    /* bound to VFIO, its group is viable, nobody has it open */
	LEND_STATE_BINDABLE, /* lend_bind() takes it as it is */
	LEND_STATE_SHARED,   /* the host works with other members of its group: siblings have to come along */
	LEND_STATE_BUSY,     /* it, or a member of its group, is in use */
	LEND_STATE_UNFIT,    /* it cannot be lent: a bridge, or no IOMMU */
	LEND_STATE_BLOCKED,  /* it cannot be lent where it is: for what stays with the host of its group */
};

enum lend_use_kind {
	LEND_USE_MOUNT,       /* a mounted file system */
	LEND_USE_SWAP,        /* swap space */
	LEND_USE_VOLUME,      /* a device mapper's volume: LVM, encryption, multipath */
	LEND_USE_RAID,        /* a member of an md RAID */
	LEND_USE_ADDRESS,     /* a network interface with an address */
	LEND_USE_BRIDGED,     /* a network interface in a bridge, a bond, or below another interface */
	LEND_USE_ROUTE,       /* the default route goes through it */
	LEND_USE_CONSOLE,     /* the graphics of the console */
	LEND_USE_SOUND,       /* a sound card that plays or records */
	LEND_USE_OPEN,        /* a process has one of its nodes open */
	LEND_USE_VFS,         /* virtual functions are made of it */
	LEND_USE_LENT,        /* a process has it open through VFIO */
	LEND_USE_LOOP,        /* a disk behind a loop device, itself or by a file on it */
	LEND_USE_POOL,        /* a member of a ZFS, btrfs or bcachefs on several disks */
	LEND_USE_JOURNAL,     /* a part of a file system that is mounted from another disk */
	LEND_USE_CACHE,       /* a cache of bcache, or what zram writes back to */
	LEND_USE_TARGET,      /* a disk that the kernel serves to others: SCSI, NVMe over fabrics */
	LEND_USE_HIBERNATION, /* where the computer hibernates to */
	LEND_USE_NAMESPACE,   /* a network interface in another network namespace */
	LEND_USE_TUNNEL,      /* a tunnel that is bound to a network interface */
	LEND_USE_KEYBOARD,    /* a keyboard of the console is connected to it */
	LEND_USE_BLUETOOTH,   /* something is connected through a Bluetooth adapter of it */
	LEND_USE_EXPORT,      /* a USB device of it is served to another computer */
	LEND_USE_MEDIATED,    /* mediated devices are made of it */
	LEND_USE_DMA,         /* the kernel copies with it */
	LEND_USE_PARENT,      /* a device below it is in use, or connected through it */
	LEND_USE_WATCHDOG,    /* a watchdog of it runs */
	LEND_USE_MEMORY,      /* its memory is a part of the computer's, or others work in it */
	LEND_USE_CRASH,       /* the kernel records crashes on it */
};

/** One way in which a device can be in use. */
struct lend_way {
	enum lend_use_kind kind;
	const char *name; /* one word for scripts, which stays: "mount" */
	const char
		*looks_at;  /* what was looked at: "file systems that are mounted, in any mount namespace" */
	const char *unseen; /* what could not be looked at, and how it can; NULL: all was */
};

/** Something that works with a device now. */
struct lend_use {
	enum lend_use_kind kind;
	char text[160]; /* "/dev/nvme0n1p2 is mounted at /" */
	char cure[96];  /* a command that ends it, for root: "umount /"; empty: none is known */
};

struct lend_survey_device {
	size_t size; /* as the library has it */
	struct lend_host_device is;
	char path[128];  /* slot path, see lend_survey_resolve() */
	char parent[16]; /* the bridge above it; empty: it is on a root bus */
	char serial[64]; /* as its driver tells it, empty: not known */
	char dsn[24]; /* PCI Express serial number "52-54-00-ff-ff-12-34-56", empty: none, or no privilege */
	uint16_t subsystem_vendor, subsystem_device;
	uint8_t revision;
	bool boot_vga;         /* the firmware started its console on it */
	unsigned vfs, vfs_max; /* SR-IOV: how many virtual functions there are, and can be */
	char physfn[16];       /* of a virtual function: what it was made of */
	char cdev[16];         /* "vfio3": its node below /dev/vfio/devices, empty: none */
	char interfaces[96];   /* its network interfaces and whole disks: "eth0", "nvme0n1 nvme0n2" */
	const struct lend_use *uses;
	size_t use_count;
	enum lend_survey_state state;
	const char *word; /* "ready", "bindable", "shared", "busy", "blocked", or in short why not */
	char why[256];    /* a sentence for all but ready and bindable */
};

struct lend_survey;

/** Looks at the whole host. -ENOMEM, or what reading sysfs failed with (no PCI at all: a survey of none). */
LEND_API int lend_survey_new(struct lend_context *context, struct lend_survey **out);
LEND_API void lend_survey_free(struct lend_survey *survey);

/** How many devices there are, and the one at `index`, ascending by address; NULL beyond the end. */
LEND_API size_t lend_survey_count(const struct lend_survey *survey);
LEND_API const struct lend_survey_device *lend_survey_at(const struct lend_survey *survey, size_t index);

/**
 * The ways that the survey looked for, in a fixed order; `index` ascends until
 * it returns false. What it gives lives as long as the survey. A device
 * without a use is not in use as far as these tell.
 */
LEND_API bool lend_survey_way(const struct lend_survey *survey, size_t index, struct lend_way *out);

/** The word for a kind of use, as lend_way has it. */
LEND_API const char *lend_use_name(enum lend_use_kind kind);

/** The device at an address; NULL: there is none. */
LEND_API const struct lend_survey_device *lend_survey_find(const struct lend_survey *survey,
							   const struct lend_bdf *bdf);

/**
 * The device that a person means by `name`:
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
 * Whether a device is the one expected: `expected` is "8086:10d3" or
 * "8086:10d3/SERIAL". 0; -EINVAL: not of that form; -ESTALE: it is another
 * one; -ENODATA: its serial number cannot be told now.
 */
LEND_API int lend_survey_expect(const struct lend_survey *survey, const struct lend_survey_device *device,
				const char *expected, struct lend_error *error);

/** Whether `name` has a form that lend_survey_resolve() looks at the devices for. */
LEND_API bool lend_survey_is_name(const char *name);

#ifdef __cplusplus
}
#endif
#endif

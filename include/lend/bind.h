/* SPDX-License-Identifier: MIT */
/*
 * Taking devices from the host's drivers and giving them back. Before anything is
 * changed, a record of what a device is taken from is written to the context's state
 * folder. So lend_mend() can finish an operation that was cut off at any point, also by
 * SIGKILL. Operations of several processes on one device exclude each other.
 *
 * These functions need the privilege to write to sysfs, and fork short-lived helpers.
 * One thread at a time calls them. They block: each device has a few steps, and each
 * step takes at most lend_bind_options.limit_ms. A driver that does not let go within
 * that is left behind. lend_is_persistent() and lend_persistent_vfs() only read a file.
 */
#ifndef LEND_BIND_H
#define LEND_BIND_H

#include "survey.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The limit of a step if the options have none, ms. */
enum { LEND_LIMIT_MS = 30000 };

/** How devices are taken and given back. Fields that are 0 have their default. */
struct lend_bind_options {
	size_t size;
	bool siblings; /* takes all other members of the IOMMU groups, too */
	bool force;    /* takes devices that are in use, or whose group the host would share */
	bool managed;  /* takes them for this process: when it is gone, lend_mend() gives them back */
	bool has_user; /* gives the devices' nodes to `user` */
	uid_t user;
	unsigned limit_ms;  /* limit of each step of the kernel; 0: LEND_LIMIT_MS */
	const char *driver; /* VFIO's driver; NULL: "vfio-pci" */
	/** Called with a line for each thing that was done; NULL: not called. */
	void (*note)(void *opaque, const char *line);
	void *opaque; /* handed to `note` */
};

/**
 * Takes `count` devices from their drivers, by driver_override, and checks that VFIO has
 * them. If one fails, all that this call took are put back. A device that VFIO has
 * already is left as it is. `options` NULL: all defaults.
 *
 * Errors, each with a sentence: -ENODEV: there is no such device, or no driver of VFIO;
 * -EBUSY: it is in use, or another process works on it; -EPERM: its group is shared with
 * the host, or the privilege is missing; -EOPNOTSUPP: it cannot be lent; -ETIMEDOUT: a
 * driver did not let go within the limit, and lend_mend() has to give that device back
 * later; -EINVAL, -E2BIG: the options' size is that of no version; -ENOMEM; else what the
 * kernel returned.
 */
LEND_API int lend_bind(struct lend_context *context, const struct lend_bdf *devices, size_t count,
		       const struct lend_bind_options *options, struct lend_error *error);

/**
 * Resets devices, gives each back to the driver that it was taken from, and checks that
 * this driver works with it: if there was a network interface, a live NVMe controller or
 * a disk, there must be one again. A device that lend_bind() did not take goes to the
 * driver that the kernel finds. One that somebody gave to another driver since stays with
 * that driver. All devices are tried; returns 0 or the first failure. -EBUSY: a process
 * has it open (with `force` that process is asked to give it up, and waited for within
 * the limit), or a VFIO driver took it again because its ids name it. Other errors as
 * lend_bind().
 */
LEND_API int lend_unbind(struct lend_context *context, const struct lend_bdf *devices, size_t count,
			 const struct lend_bind_options *options, struct lend_error *error);

/** Gives back all that this process took with `managed`. Returns how many, or the first failure. */
LEND_API int lend_give_back(struct lend_context *context, const struct lend_bind_options *options,
			    struct lend_error *error);

/**
 * Gives back what was left behind: devices of operations that were cut off, and managed
 * devices whose process is gone. Devices that were taken to stay are left alone. Returns
 * how many were given back, or the first failure; errors as lend_unbind().
 */
LEND_API int lend_mend(struct lend_context *context, const struct lend_bind_options *options,
		       struct lend_error *error);

/**
 * Makes `count` virtual functions of a physical one; 0 removes all. If that fails, there
 * are as many as before, and those that were lent are lent again. -ENOSPC: the driver
 * makes fewer, or the kernel has no room; -EBUSY: some that are there are in use;
 * -EOPNOTSUPP: it has no virtual functions, or VFIO has it and does not let it make any;
 * -ERANGE: more than it can have. Other errors as lend_bind().
 */
LEND_API int lend_set_vfs(struct lend_context *context, const struct lend_bdf *device, unsigned count,
			  const struct lend_bind_options *options, struct lend_error *error);

/**
 * Writes a rule for each: at each boot the device in this slot is to be taken, if it is this
 * one, by slot path, vendor, device and serial number. The rule of a virtual function also
 * has the number of functions that its physical one has now; at boot they are made first.
 * If a rule cannot be written, all of them stay as they were. -ENODEV: the physical function
 * is not there; -ENOSPC and others: why a rule cannot be written. Each with a sentence.
 */
LEND_API int lend_persist(struct lend_context *context, const struct lend_survey_device *const *devices,
			  size_t count, const struct lend_bind_options *options, struct lend_error *error);

/** Removes that rule. -ENOENT: there is none. */
LEND_API int lend_forget(struct lend_context *context, const struct lend_survey_device *device,
			 struct lend_error *error);

/** Whether there is such a rule for the slot of a device. */
LEND_API bool lend_is_persistent(struct lend_context *context, const struct lend_survey_device *device);

/**
 * Writes a rule: at each boot `count` virtual functions of the device in this slot are to
 * be made, if it is this one; 0 removes the rule. -EOPNOTSUPP: it has no virtual
 * functions; -ERANGE: more than it can have; else why the rule cannot be written. Each
 * with a sentence.
 */
LEND_API int lend_persist_vfs(struct lend_context *context, const struct lend_survey_device *device,
			      unsigned count, struct lend_error *error);

/** The number in that rule; 0: there is no such rule for the slot of a device. */
LEND_API unsigned lend_persistent_vfs(struct lend_context *context, const struct lend_survey_device *device);

/**
 * Carries out all rules, as at boot; virtual functions are made first. A slot with another
 * device, or with none, is left alone, and `note` is told. A file that is no rule is not
 * followed. All rules are tried; returns how many devices were taken, or the first failure.
 * -EINVAL: a file is no rule; -ENXIO: a virtual function that a rule is for is not made;
 * else why the rules cannot be read, or errors as lend_bind() and lend_set_vfs().
 */
LEND_API int lend_bind_persistent(struct lend_context *context, const struct lend_bind_options *options,
				  struct lend_error *error);

#ifdef __cplusplus
}
#endif
#endif

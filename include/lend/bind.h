/* SPDX-License-Identifier: MIT */
/*
 * Taking devices from the host's drivers and giving them back. What a device
 * was taken from is remembered in the context's state folder before anything is
 * changed: an operation that was cut off at any point, by SIGKILL too, is mended
 * by lend_mend(). Operations of several processes on one device exclude each
 * other. Each of these may take long, forks short-lived helpers, and is to be
 * called by one thread at a time; they need the privilege to write to sysfs.
 * lend_bind_options.limit_ms is the bound of each step, of which a device has a
 * few; a driver that does not let go is left behind then.
 */
#ifndef LEND_BIND_H
#define LEND_BIND_H

#include "survey.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LEND_LIMIT_MS = 30000 };

struct lend_bind_options {
	size_t size;
	bool siblings; /* all others of the IOMMU groups come along */
	bool force;    /* also a device that is in use, or that would share its group with the host */
	bool managed;  /* for this process: when it is gone, lend_mend() gives them back */
	bool has_user; /* the groups' nodes are given to `user` */
	uid_t user;
	unsigned limit_ms;  /* for each step of the kernel's; 0: LEND_LIMIT_MS */
	const char *driver; /* NULL: "vfio-pci" */
	/** Told what was done, a line each; NULL: nobody. */
	void (*note)(void *opaque, const char *line);
	void *opaque;
};

/**
 * Takes devices from their drivers, by driver_override, and verifies that VFIO
 * has them. If one fails, all that were taken by this call are put back. One
 * that VFIO has already is left as it is. `options` may be NULL.
 *
 * -ENODEV: there is no such device, or no VFIO driver; -EBUSY: in use, or
 * another process is at work on it; -EPERM: the group is shared, or no
 * privilege; -EOPNOTSUPP: it cannot be lent; -ETIMEDOUT: a driver did not let go
 * within the limit (that device then waits for lend_mend()); else what the
 * kernel said.
 */
LEND_API int lend_bind(struct lend_context *context, const struct lend_bdf *devices, size_t count,
		       const struct lend_bind_options *options, struct lend_error *error);

/**
 * Resets devices, gives each back to the driver that it was taken from, and
 * verifies that this driver works with it: that there is an interface, a live NVMe
 * controller or a disk again, where there was one. One that was not taken by
 * lend_bind() goes to whichever driver takes it; one that somebody gave to another
 * driver since stays there. Goes on after a failure, and
 * returns the first. -EBUSY: a process has it open (with `force` it is asked to
 * give it up, for as long as the limit). Else as lend_bind().
 */
LEND_API int lend_unbind(struct lend_context *context, const struct lend_bdf *devices, size_t count,
			 const struct lend_bind_options *options, struct lend_error *error);

/** Gives back what this process took with `managed`. Returns how many, or the first failure. */
LEND_API int lend_give_back(struct lend_context *context, const struct lend_bind_options *options,
			    struct lend_error *error);

/**
 * Gives back what was left behind: devices of operations that were cut off, and
 * managed ones whose process is gone. What was bound to stay is left alone.
 * Returns how many were mended, or the first failure.
 */
LEND_API int lend_mend(struct lend_context *context, const struct lend_bind_options *options,
		       struct lend_error *error);

/**
 * Makes `count` virtual functions of a physical one; 0 removes all. Where that
 * fails there are as many as before, and those that were lent are lent again.
 * -ENOSPC: the driver makes fewer, or the kernel has no room; -EBUSY: some
 * that are there are in use; -EOPNOTSUPP: it has none, or VFIO has it and keeps
 * it from making any; -ERANGE: more than it can have. Else as lend_bind().
 */
LEND_API int lend_set_vfs(struct lend_context *context, const struct lend_bdf *device, unsigned count,
			  const struct lend_bind_options *options, struct lend_error *error);

/**
 * Remembers across reboots that the device in this slot is to be bound, if it is
 * this very one: by slot path, vendor, device and serial number. Of a virtual
 * function the rule also has how many its physical one has now: at boot they are
 * made first. -ENOSPC and others: what writing the rule failed with; -ENODEV: the
 * physical function is not there.
 */
LEND_API int lend_persist(struct lend_context *context, const struct lend_survey_device *device,
			  const struct lend_bind_options *options, struct lend_error *error);

/** Forgets that. -ENOENT: there is no rule for it. */
LEND_API int lend_forget(struct lend_context *context, const struct lend_survey_device *device,
			 struct lend_error *error);

/** Whether a rule is there for the slot of a device. */
LEND_API bool lend_is_persistent(struct lend_context *context, const struct lend_survey_device *device);

/**
 * Remembers across reboots that `count` virtual functions are to be made of the
 * device in this slot, if it is this very one; 0 forgets that. -EOPNOTSUPP: it
 * has none; -ERANGE: more than it can have; else what writing the rule failed with.
 */
LEND_API int lend_persist_vfs(struct lend_context *context, const struct lend_survey_device *device,
			      unsigned count, struct lend_error *error);

/** How many that are; 0: there is no such rule for the slot of a device. */
LEND_API unsigned lend_persistent_vfs(struct lend_context *context, const struct lend_survey_device *device);

/**
 * Follows all rules, as is done at boot: virtual functions are made first. A slot
 * with another device in it, or with none, is left alone and noted; a virtual
 * function that nothing made is a failure (-ENXIO). Returns how many devices are bound, or the
 * first failure; goes on after one.
 */
LEND_API int lend_bind_persistent(struct lend_context *context, const struct lend_bind_options *options,
				  struct lend_error *error);

#ifdef __cplusplus
}
#endif
#endif

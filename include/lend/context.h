/* SPDX-License-Identifier: MIT */
/*
 * The context: the root of every object of liblend. There is no global state
 * beside it; two contexts in one process know nothing of each other.
 */
#ifndef LEND_CONTEXT_H
#define LEND_CONTEXT_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lend_context;

struct lend_context_config {
	size_t size;
	/** Where sysfs, devtmpfs and procfs are; NULL: "/sys", "/dev", "/proc". Copied. */
	const char *sysfs_root;
	const char *dev_root;
	const char *proc_root;
	/**
	 * Takes one line of log, without a newline; NULL: discarded. Called from
	 * any thread, possibly with a lock of the library held: it must not call
	 * back into the library. Lines that a guest can cause are rate limited
	 * before they come here.
	 */
	void (*log)(void *opaque, enum lend_log_level level, const char *line);
	void *opaque;
	/** Files of rules for single devices, lend-quirks(5); NULL: "/etc/lend/quirks.d", "": none. Copied.
	 */
	const char *quirks_dir;
	/**
	 * Where it is remembered what devices were taken from, until the next boot
	 * and beyond it; NULL: "/run/lend", "/etc/lend". Copied.
	 */
	const char *state_root;
	const char *config_root;
};

/**
 * Makes a context. `config` may be NULL for the defaults.
 * Any thread. Does not block. -ENOMEM; -EINVAL: a size that
 * is none; -E2BIG: something is set that this library does not know.
 */
LEND_API int lend_context_new(const struct lend_context_config *config, struct lend_context **out);

/** Frees a context; every space of it must be gone. NULL is allowed. One thread at a time. */
LEND_API void lend_context_free(struct lend_context *context);

/**
 * The ioctl requests that the library makes once all devices are open, up to
 * the end of their close: what a filter of system calls has to let through
 * then. `*out` is a static table; returns how many there are. Any thread.
 */
LEND_API size_t lend_ioctls(const uint32_t **out);

/**
 * The names of the system calls that the library makes then, beside ioctl (see
 * above), and mmap and mprotect, which it and malloc() never need with
 * PROT_EXEC. What the monitor's host operations and its log call is the
 * monitor's. `*out` is a static table; returns how many there are. Any thread;
 * does not block.
 */
LEND_API size_t lend_syscalls(const char *const **out);

#ifdef __cplusplus
}
#endif
#endif

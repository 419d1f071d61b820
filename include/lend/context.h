/* SPDX-License-Identifier: MIT */
/*
 * The context: all objects of liblend belong to one. There is no global state;
 * two contexts in one process know nothing of each other.
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
	 * Takes one line of log, without a newline; NULL: lines are discarded. Any
	 * thread may call it, perhaps with a lock of the library held, so it must not
	 * call the library. Lines that a guest can cause are rate limited before.
	 */
	void (*log)(void *opaque, enum lend_log_level level, const char *line);
	void *opaque; /* handed to `log` */
	/** Folder of the user's rules, lend-quirks(5). NULL: "/etc/lend/quirks.d"; "": no rules. Copied. */
	const char *quirks_dir;
	/**
	 * Folders for the records of lend_bind(), until the next boot, and for the
	 * rules of lend_persist(). NULL: "/run/lend" and "/etc/lend". Copied.
	 */
	const char *state_root;
	const char *config_root;
};

/**
 * Makes a context, which the caller frees. `config` NULL: all defaults. Any
 * thread; does not block. -ENOMEM; -EINVAL: config->size is that of no version;
 * -E2BIG: a field is set that this library does not know.
 */
LEND_API int lend_context_new(const struct lend_context_config *config, struct lend_context **out);

/** Frees a context. All its spaces must be freed before. NULL is allowed. One thread; does not block. */
LEND_API void lend_context_free(struct lend_context *context);

/**
 * The ioctl requests that the library may make from when all devices are open
 * until they are closed: a filter of system calls has to allow these. `*out`
 * becomes a static table; returns its length. Any thread; does not block.
 */
LEND_API size_t lend_ioctls(const uint32_t **out);

/**
 * The names of the other system calls that the library may make in that time.
 * Not in the table are ioctl, see above, and mmap and mprotect, which the library
 * and malloc() need without PROT_EXEC; nor what the monitor's host operations and
 * its log call. `*out` becomes a static table; returns its length. Any thread;
 * does not block.
 */
LEND_API size_t lend_syscalls(const char *const **out);

/**
 * What the library needs beside these while it opens a device with `facts` or behind
 * a connected socket, and makes a function on it: for a monitor behind a filter, to
 * which devices come later. Both set `*out` to a static table and return its length.
 * Any thread; do not block.
 */
LEND_API size_t lend_open_ioctls(const uint32_t **out);
LEND_API size_t lend_open_syscalls(const char *const **out);

/**
 * Reads the user's rules now (lend_context_config.quirks_dir), which the first
 * function of a context does otherwise: functions that are made later open no file.
 * A rule that is wrong is an error of each of these. Any thread; reads files.
 */
LEND_API void lend_context_read_rules(struct lend_context *context);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/* What the files of liblend see of the context. The strings live as long as it does. */
#ifndef LIB_CONTEXT_H
#define LIB_CONTEXT_H

#include <pthread.h>
#include <sys/types.h>
#include <time.h>

#include "lend/context.h"

/** Where sysfs, devtmpfs and procfs are mounted, without a trailing slash. */
const char *context_sysfs(const struct lend_context *context);
const char *context_dev(const struct lend_context *context);
const char *context_proc(const struct lend_context *context);
/** Where what was taken is remembered until the next boot, and beyond it; without a trailing slash. */
const char *context_state(const struct lend_context *context);
const char *context_config(const struct lend_context *context);

/**
 * What stands in for the kernel where host operations write to sysfs or give a
 * node to a user; NULL: it is done (lib/host/taking/write.c). Set by tests before
 * the first operation.
 */
struct context_kernel {
	int (*write)(void *opaque, const char *path, const char *text, unsigned limit_ms);
	int (*own)(void *opaque, const char *path, uid_t owner);
	void *opaque;
};
struct context_kernel *context_kernel(struct lend_context *context);

/**
 * One line of log, without a newline, cut at 511 bytes. Never limited: not for
 * lines that a guest can cause. Any thread.
 */
LEND_PRINTF(3, 4)
void context_log(struct lend_context *context, enum lend_log_level level, const char *format, ...);

/**
 * Limits the lines that a guest can cause: a burst, then one a second; what was
 * left out is counted and said with the next line that passes. One bucket an
 * object, so that one guest's noise hides nobody else's lines. Zeroed: full.
 */
struct log_bucket {
	pthread_mutex_t lock; /* guards the rest; leaf, not held while the sink runs */
	unsigned spent;
	unsigned long swallowed;
	time_t filled; /* seconds on the monotonic clock */
};

void log_bucket_init(struct log_bucket *bucket);
void log_bucket_destroy(struct log_bucket *bucket);

/** As context_log(), limited by `bucket` (NULL: not). Any thread. */
LEND_PRINTF(4, 5)
void context_log_limited(struct lend_context *context, struct log_bucket *bucket, enum lend_log_level level,
			 const char *format, ...);

/** The legacy groups that are open (lib/open/group.c); `lock` guards the list and each group in it. */
struct context_groups {
	pthread_mutex_t lock;
	struct lend_group *first;
};
struct context_groups *context_groups(struct lend_context *context);

/** The devices that are open (lib/open/device.c); `lock` is a leaf and guards the list. */
struct context_devices {
	pthread_mutex_t lock;
	struct lend_device *first;
	int given; /* counts down the devices that callers brought (lib/open/open_backend.c); atomic */
};
struct context_devices *context_devices(struct lend_context *context);
/**
 * What the monitor's loop calls functions by (lib/pci/ledger/bell.c): it outlives
 * them. `left` (atomic): things that functions could not take back when they were
 * freed; tests want 0.
 */
struct board;
struct context_boards {
	pthread_mutex_t lock; /* guards the list, whose members stay until the context goes */
	struct board *first;
	void (*free)(struct board *first);
	unsigned left;
};
struct context_boards *context_boards(struct lend_context *context);
/** The user's rules (lib/pci/rules/rules_match.c), read when the first function is made. */
struct context_rules {
	pthread_mutex_t lock; /* guards the rest */
	char *directory;      /* empty: none */
	bool read;
	int result;              /* of reading */
	struct lend_error error; /* the sentence, if it failed */
	struct rules *rules;     /* do not change once read; live as long as the context */
	void (*free)(struct rules *rules);
};
struct context_rules *context_rules(struct lend_context *context);
/** The iommufd that all spaces of the context share (lib/open/iommufd.c); `lock` guards the rest. */
struct context_iommufd {
	pthread_mutex_t lock;
	int fd; /* -1: none is open */
	struct lend_cdev *first;
};
struct context_iommufd *context_iommufd(struct lend_context *context);

#endif

/* SPDX-License-Identifier: MIT */
/* The context, as the files of liblend use it. Strings live as long as the context. */
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
/** The folders for records until the next boot, and for rules beyond it; without a trailing slash. */
const char *context_state(const struct lend_context *context);
const char *context_config(const struct lend_context *context);

/**
 * Stands in for the kernel in tests, when lib/host writes to sysfs or gives a node to a
 * user (lib/host/taking/write.c). NULL: the kernel is asked. Set before the first
 * operation.
 */
struct context_kernel {
	int (*write)(void *opaque, const char *path, const char *text, unsigned limit_ms);
	int (*own)(void *opaque, const char *path, uid_t owner);
	void *opaque;
};
struct context_kernel *context_kernel(struct lend_context *context);

/**
 * Writes one line of log, without a newline, of at most 511 bytes. It is not rate
 * limited, so it is not for lines that a guest can cause. Any thread.
 */
LEND_PRINTF(3, 4)
void context_log(struct lend_context *context, enum lend_log_level level, const char *format, ...);

/**
 * Limits the lines that a guest can cause: a burst, then one a second. What was left out
 * is counted, and the next line that passes tells the number. Each function has a bucket
 * of its own, so that one guest cannot hide the lines of another. A zeroed one is full.
 */
struct log_bucket {
	pthread_mutex_t lock; /* guards the rest; leaf, not held while the sink runs */
	unsigned spent;
	unsigned long swallowed;
	time_t filled; /* seconds on the monotonic clock */
};

void log_bucket_init(struct log_bucket *bucket);
void log_bucket_destroy(struct log_bucket *bucket);

/** As context_log(), but limited by `bucket`, unless that is NULL. Any thread. */
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
 * The boards by which the monitor's loop calls functions (lib/pci/ledger/bell.c). They
 * outlive the functions. `left` (atomic) counts things that functions could not take
 * back when they were freed; tests check that it is 0.
 */
struct board;
struct context_boards {
	pthread_mutex_t lock; /* guards the list, whose members stay until the context goes */
	struct board *first;
	void (*free)(struct board *first);
	unsigned left;
};
struct context_boards *context_boards(struct lend_context *context);
/** The user's rules (lib/rules/rules_match.c), read when the first device is asked about. */
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
	bool keeps; /* it stays open without a device; atomic */
};
struct context_iommufd *context_iommufd(struct lend_context *context);

#endif

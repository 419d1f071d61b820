/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of a device while it is not with its own driver: one
 * small file for each, replaced as a whole, and a lock file beside it that is
 * never removed. Whoever changes a device or its record holds the lock.
 */
#ifndef LIB_HOST_TAKING_RECORD_H
#define LIB_HOST_TAKING_RECORD_H

#include "lib/host/survey/survey.h"

enum phase {
	PHASE_NONE,   /* there is no record */
	PHASE_TAKING, /* between the first change and the last */
	PHASE_LENT,
	PHASE_GIVING,
};

struct record {
	enum phase phase;
	char driver[64];          /* that it was taken from; empty: none */
	char driver_override[64]; /* empty: none */
	char serial[64];
	uint64_t inode; /* of its folder in sysfs: another one for a device that was plugged in since */
	pid_t owner;    /* of a managed device; 0: bound to stay */
	uint64_t born;  /* the owner's start, so that its number means nobody else */
};

/** Takes the device's lock. Its descriptor; -EBUSY: another process has it. */
int record_lock(struct lend_context *context, const char *name, struct lend_error *error);

/** Reads the record of a device; one that is not there, or of another device in its place, is PHASE_NONE. */
void record_read(struct lend_context *context, const char *name, struct record *out);

int record_write(struct lend_context *context, const char *name, const struct record *record);
void record_remove(struct lend_context *context, const char *name);

/** Calls `each` with the name of every device that has a record. */
int record_each(struct lend_context *context, int (*each)(void *opaque, const char *name), void *opaque);

/** Identifies this process as an owner. */
void record_own(struct lend_context *context, struct record *record);

/** Whether the owner is still there. */
bool record_is_owned(struct lend_context *context, const struct record *record);
bool record_is_ours(const struct record *record);

/** The inode of a device's folder in sysfs; 0: it is gone. */
uint64_t record_inode(struct lend_context *context, const char *name);

#endif

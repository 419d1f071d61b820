/* SPDX-License-Identifier: MIT */
/*
 * The record of a device that is not with its own driver: a small file, which is
 * replaced as a whole, and a lock file beside it, which is never removed. The lock is
 * held while a device or its record is changed. The record says what there was before
 * lend changed anything; what lend itself wrote to the host is never recorded as that.
 */
#ifndef LIB_HOST_TAKING_RECORD_H
#define LIB_HOST_TAKING_RECORD_H

#include "lib/host/survey/survey.h"

enum phase {
	PHASE_NONE,   /* it is not taken */
	PHASE_TAKING, /* between the first change and the last */
	PHASE_LENT,
	PHASE_GIVING,
};

struct record {
	enum phase phase;
	uint64_t inode;   /* of its folder in sysfs: another one for a device that was plugged in since */
	char boot[40];    /* id of the boot in which it was written; empty: not known */
	uint32_t owner;   /* the process of a managed device; 0: bound to stay */
	uint64_t born;    /* when the owner was started: another process may get its number later */
	uint32_t to_user; /* the nodes were given to `user` */
	uint32_t user;

	/* What there was before. */
	char driver[64];          /* empty: none */
	char module[64];          /* the driver's module; empty: built in */
	char driver_override[64]; /* empty: none */
	char serial[64];
	char power[8];        /* power/control: "on", "auto"; empty: not known */
	uint32_t made;        /* what its driver had made of it: device_made() */
	uint32_t functions;   /* virtual functions of it */
	uint32_t group_owner; /* of the group's node */

	/* A change of its number of virtual functions that was not finished. */
	uint32_t counting; /* not 0: there is one */
	uint32_t counted;  /* how many functions there were */
};

/** Takes the device's lock. Its descriptor; -EBUSY: another process has it. */
int record_lock(struct lend_context *context, const char *name, struct lend_error *error);

/** Reads the record of a device. It is all zeros if there is none, one of another device or boot, or one that
 * was cut. */
void record_read(struct lend_context *context, const char *name, struct record *out);

/** The same for a device that was at this address before and is gone. */
void record_read_gone(struct lend_context *context, const char *name, struct record *out);

/** Whether a record says anything that has to be undone. */
bool record_is_any(const struct record *record);

int record_write(struct lend_context *context, const char *name, const struct record *record);
void record_remove(struct lend_context *context, const char *name);

/** Calls `each` with the name of every device that has a record. */
int record_each(struct lend_context *context, int (*each)(void *opaque, const char *name), void *opaque);

/** Identifies the device, in this boot. */
void record_identify(struct lend_context *context, const char *name, struct record *record);

/** Identifies this process as an owner. */
void record_own(struct lend_context *context, struct record *record);

/** Whether the owner is still there. */
bool record_is_owned(struct lend_context *context, const struct record *record);
bool record_is_ours(const struct record *record);

/** The inode of a device's folder in sysfs; 0: it is gone. */
uint64_t record_inode(struct lend_context *context, const char *name);

#endif

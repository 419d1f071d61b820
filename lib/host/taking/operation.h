/* SPDX-License-Identifier: MIT */
/*
 * What taking and giving back have in common. One device is worked on at a time, step
 * by step. Each step is an order to the kernel with a limit of time. Locks of several
 * devices are taken in ascending order of addresses, and nobody waits for one.
 */
#ifndef LIB_HOST_TAKING_OPERATION_H
#define LIB_HOST_TAKING_OPERATION_H

#include "lend/bind.h"
#include "lib/host/taking/record.h"

struct operation {
	struct lend_context *context;
	struct lend_bind_options options; /* with defaults filled in */
	struct lend_error *error;
};

/* A node that was given to a user, and its owner before. */
enum { NODE_PATH = 256 };
struct given_node {
	char path[NODE_PATH];
	uid_t owner;
};

/* A device that an operation has locked. */
struct held {
	char name[16];
	int lock; /* -1: not held */
	struct record record;
	uid_t group_owner;          /* of the group's node, when it was locked */
	bool changed;               /* something was done that has to be undone on failure */
	bool already;               /* VFIO has it already: only its nodes change */
	struct given_node nodes[2]; /* by this operation */
	unsigned node_count;
};

/** Begins an operation with the caller's options. -EINVAL, -E2BIG: their size is that of no version. */
int operation_init(struct operation *op, struct lend_context *context,
		   const struct lend_bind_options *options, struct lend_error *error);

/** Passes a line to the caller's `note`. */
LEND_PRINTF(2, 3) void operation_note(const struct operation *op, const char *format, ...);

/** The driver that has a device now; empty: none. */
void operation_driver(const struct operation *op, const char *name, char out[64]);

/** Writes `text` to an attribute of the device, of the bus or of a driver. With a sentence on failure. */
int operation_write(const struct operation *op, const char *name, const char *attribute, const char *text,
		    const char *what);
int operation_override(const struct operation *op, const char *name, const char *driver);
int operation_detach(const struct operation *op, const char *name, const char *driver);
int operation_attach(const struct operation *op, const char *name, const char *driver);
int operation_probe(const struct operation *op, const char *name);
int operation_reset(const struct operation *op, const char *name);

/** The driver_override of a device; empty: none. With a sentence on failure. */
int operation_read_override(const struct operation *op, const char *name, char out[64]);

/** Locks a device and reads its record. */
int held_lock(const struct operation *op, const char *name, struct held *held);
void held_unlock(struct held *held);

/** Takes a locked device from its driver (take.c). */
int held_take(const struct operation *op, const struct lend_survey_device *device, struct held *held);

/**
 * Gives the nodes of a device to the user that the options name, if they do
 * (node_owner.c): the group's and the device's own, those that the kernel makes.
 */
int held_give_nodes(const struct operation *op, struct held *held);
/** Notes who owns the group's node. Before anything is changed. */
void held_look_at_nodes(const struct operation *op, struct held *held);
/** Undoes what this operation did to the nodes. */
void held_take_nodes_back(const struct operation *op, struct held *held);
/** Restores the owner of the group's node, which stays while other members are lent, if no user needs it. */
int held_restore_nodes(const struct operation *op, const struct held *held);

/** Whether a device can have so many virtual functions (vfs.c). -EOPNOTSUPP, -ERANGE, with a sentence. */
int operation_check_vfs(const struct lend_survey_device *pf, unsigned count, struct lend_error *error);

/** Makes as many virtual functions of a device as there were (vfs.c); nothing where there are that many. */
int held_restore_functions(const struct operation *op, const struct held *held, unsigned count);
/** Undoes a change of their number that was cut off, or failed. */
int held_end_count(const struct operation *op, struct held *held);

/** Gives a locked device back to the driver that its record names (give.c). */
int held_give(const struct operation *op, struct held *held);

#endif

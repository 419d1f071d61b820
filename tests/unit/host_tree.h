/* SPDX-License-Identifier: MIT */
/*
 * A host as lab/record-sysfs recorded it (tests/data/NAME.tree), unpacked in a
 * folder of its own and edited there, and a kernel that is played on it.
 * Failures end the test.
 */
#ifndef TESTS_UNIT_HOST_TREE_H
#define TESTS_UNIT_HOST_TREE_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lend/survey.h"

struct host_tree {
	char root[64];
	char sys[80], proc[80], dev[80], state[80], config[80], quirks[96];
	struct lend_context *context;
	struct lend_survey *survey; /* of tree_survey(), freed with the tree */

	/* The played kernel. */
	unsigned orders;     /* how many it was given */
	unsigned die_at;     /* the process ends at that one, before it is done; 0: never */
	bool die_after;      /* or after it is done */
	unsigned fail_at;    /* that one fails with EIO; 0: none */
	bool fail_after;     /* but is done */
	unsigned full_at;    /* at that one a file can no more be written; 0: never */
	char full[64];       /* the file: "run/lend/0000:01:00.0.new" */
	char stuck[64];      /* a driver that does not let go */
	char refuses[64];    /* a driver that does not take a device */
	char shy[64];        /* one that takes only what it is told to */
	char greedy[64];     /* one that has the ids of all devices */
	bool no_groups;      /* VFIO makes no nodes of groups */
	char deny[16];       /* a device none of whose attributes can be written */
	unsigned vfs_refuse; /* from this number of virtual functions on, the driver refuses; 0: never */
	unsigned vfs_make;   /* it makes no more than this, and does not say so; 0: all */
	unsigned resets;
	char log[4096]; /* "unbind nvme 0000:01:00.0\n" ... */
};

struct host_tree *tree_new(const char *name);
void tree_free(struct host_tree *tree);

/** Looks anew at the edited tree. */
const struct lend_survey *tree_survey(struct host_tree *tree);
/** The device of the last survey. */
const struct lend_survey_device *tree_device(struct host_tree *tree, const char *address);

/* Paths are relative to the root: "proc/swaps". */
const char *tree_path(const struct host_tree *tree, const char *path);
void tree_put(const struct host_tree *tree, const char *path, const char *text);
void tree_append(const struct host_tree *tree, const char *path, const char *text);
void tree_link(const struct host_tree *tree, const char *path, const char *target);
void tree_remove(const struct host_tree *tree, const char *path);
void tree_folder(const struct host_tree *tree, const char *path);
/** The file, one newline at its end cut; static storage. */
const char *tree_get(const struct host_tree *tree, const char *path);

/** Puts a device with a driver, or with none (NULL), by hand. */
void tree_bind(const struct host_tree *tree, const char *address, const char *driver);
/** The driver of a device; "" for none; static storage. */
const char *tree_driver(const struct host_tree *tree, const char *address);
/**
 * All that lend may change, as text: of each device its driver, driver_override,
 * power/control and number of virtual functions, whose nodes are whose, records.
 */
const char *tree_state(const struct host_tree *tree);
/** A process with a file open. */
void tree_process(const struct host_tree *tree, int pid, const char *command, const char *file);

/** A device does not answer any more: its configuration space reads all ones. */
void tree_kill(const struct host_tree *tree, const char *address);

/**
 * Makes 03:00.0 of "plain" a VMD: 10000:e1:00.0, an NVMe drive, is behind it and
 * in its group, 99.
 */
void tree_vmd(struct host_tree *tree);

struct lend_bdf tree_bdf(const char *address);

#endif

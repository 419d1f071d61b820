/* SPDX-License-Identifier: MIT */
/*
 * The devices of a run before there is a machine, and after it: names are
 * looked up, the device is the one expected, and those with managed=on are
 * taken from their drivers and given back. All this is the keeper's.
 */
#ifndef TOOL_RUN_MANAGED_H
#define TOOL_RUN_MANAGED_H

#include "tool/run/options.h"

struct managed {
	struct lend_context *context;
	bool taken; /* there may be something to give back */
};

/**
 * Fills in the address of each device that was named otherwise and whether it will be taken, and
 * checks what is expected. 0, or a negative errno with the sentence in `error`; managed_end() is to be
 * called in any case.
 */
int managed_find(struct managed *managed, struct run_options *options, struct lend_error *error);

/**
 * Takes the managed devices from their drivers, after managed_find(): all of them, or
 * none. Signals that end the run are to be blocked. 0, or a negative errno with the
 * sentence in `error`.
 */
int managed_take(struct managed *managed, const struct run_options *options, struct lend_error *error);

/**
 * Gives back one that another process of this run has taken, and nobody has open any more. One that is
 * gone from the computer is no error. 0, or a negative errno with the sentence in `error`.
 */
int managed_give(const struct run_device *device, const struct run_options *options,
		 struct lend_error *error);

/** Gives back what was taken. 0, or a negative errno with the sentence in `error`. */
int managed_end(struct managed *managed, const struct run_options *options, struct lend_error *error);

#endif

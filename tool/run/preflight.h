/* SPDX-License-Identifier: MIT */
/*
 * What stands in the way of a machine, asked before it is made. It is what lend
 * check says, by the same rows of the library: what fails there is refused here, in
 * the same words.
 */
#ifndef TOOL_RUN_PREFLIGHT_H
#define TOOL_RUN_PREFLIGHT_H

#include "lend/context.h"
#include "tool/run/files.h"

/**
 * Before any device is taken from its driver: the images and the command line, and,
 * if a managed device is taken next or there is none, KVM and memory. 0 or negative
 * errno with the sentence.
 */
int preflight_computer(struct lend_context *context, const struct run_options *options,
		       const struct files *files, struct lend_error *error);

/**
 * Where a device is managed, once all devices have their addresses and before any is taken:
 * what taking does not change, which is how each can be reset and the user's own rules.
 */
int preflight_taking(struct lend_context *context, const struct run_options *options,
		     struct lend_error *error);

/** KVM, memory and the devices, which are as they will be opened. Those that are handed over open are not
 * asked about. */
int preflight_devices(struct lend_context *context, const struct run_options *options,
		      struct lend_error *error);

/** The same two, which say, too, which topic of the check failed: a word that stays; not set: none did. */
int preflight_taking_topic(struct lend_context *context, const struct run_options *options,
			   const char **topic, struct lend_error *error);
int preflight_devices_topic(struct lend_context *context, const struct run_options *options,
			    const char **topic, struct lend_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The file in which a machine's UEFI variables are kept: whose it is, how it begins, and that one
 * machine alone has it.
 */
#ifndef TOOL_RUN_STORE_H
#define TOOL_RUN_STORE_H

#include "lend/types.h"
#include "tool/run/home.h"

/**
 * The path of the store of the machine `name`, if the user gave none; its folder is made if need be. 0, or a
 * negative errno with the sentence.
 */
int store_path(const struct home *home, const char *name, char *out, size_t room, struct lend_error *error);

/** What a store that is not there begins with. */
struct store_template {
	int fd;           /* -1: there is none */
	const char *name; /* for sentences */
};

/** The sentence for a store that is not there, and cannot be made for want of a template. -ENOENT. */
int store_no_template(const char *path, struct lend_error *error);

/**
 * Opens a store and locks it; one that is not there is made from the template, whole or not at all.
 * Returns the descriptor, whose closing unlocks it; or a negative errno with the sentence. -EBUSY:
 * another machine has it. `*readonly` says whether nothing can be written to it.
 */
int store_open(const char *path, const struct store_template *template, bool *readonly,
	       struct lend_error *error);

#endif

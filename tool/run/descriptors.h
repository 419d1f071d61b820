/* SPDX-License-Identifier: MIT */
/*
 * What the packages of this computer say of the firmware that they installed: a file in JSON for each
 * image, as docs/interop/firmware.json of QEMU lays down, in the order in which they are to be preferred.
 */
#ifndef TOOL_RUN_DESCRIPTORS_H
#define TOOL_RUN_DESCRIPTORS_H

#include "tool/run/options.h"

enum { DESCRIPTOR_FOLDERS = 3 };

/** Where descriptions lie; a file of a later folder takes the place of one of the same name. NULL: none. */
struct descriptor_folders {
	const char *paths[DESCRIPTOR_FOLDERS];
};

/** Those of this computer and this user; `home` is where the path of the user's own is made. */
struct descriptor_folders descriptor_folders(char home[RUN_PATH_MAX]);

/** An image, as a description has it. */
struct descriptor {
	char code[RUN_PATH_MAX];
	char template[RUN_PATH_MAX]; /* of the variables; empty: none */
};

/**
 * Finds the first image that a machine of ours can start. 0; -ENOENT with a sentence: there is none;
 * -ENOMEM.
 */
int descriptor_find(const struct descriptor_folders *folders, struct descriptor *out,
		    struct lend_error *error);

/**
 * Finds what is said of the image `code`, by its path as it is written. 0; -ENOENT: nothing;
 * -EOPNOTSUPP: each description that names it says that it needs SMM; `out` is filled then, too.
 */
int descriptor_of(const struct descriptor_folders *folders, const char *code, struct descriptor *out);

#endif

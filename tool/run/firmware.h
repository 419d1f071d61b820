/* SPDX-License-Identifier: MIT */
/* The files of a machine with UEFI firmware: found, looked at, and opened by the keeper. */
#ifndef TOOL_RUN_FIRMWARE_H
#define TOOL_RUN_FIRMWARE_H

#include "tool/run/options.h"

struct firmware_files {
	struct vmm_firmware_config config; /* code_fd -1: the machine has no firmware */
	char code[RUN_PATH_MAX];           /* what "uefi" stands for, too */
	char vars[RUN_PATH_MAX + 64];      /* of the store, or of its template */
	char template[RUN_PATH_MAX];       /* that a description of the image names; empty: none */
	char notice[RUN_PATH_MAX + 256];   /* what the user should know of the store; empty: nothing */
	struct vmm_fw_file files[RUN_FW_FILES_MAX];
	void *bytes[RUN_FW_FILES_MAX]; /* of -fw-cfg file=, to be freed */
};

/** Without firmware, and for firmware_close(). */
void firmware_none(struct firmware_files *files);

/**
 * Opens what the options name. 0, or a negative errno with the sentence and nothing open; -ENOEXEC: a file
 * is not what it is given as.
 */
int firmware_open(const struct run_options *options, struct firmware_files *out, struct lend_error *error);

/**
 * Looks at what the options name: nothing is made, locked, or open afterwards. 0, with the names in `out`;
 * or as firmware_open().
 */
int firmware_look(const struct run_options *options, struct firmware_files *out, struct lend_error *error);

/** Also unlocks the store. */
void firmware_close(struct firmware_files *files);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The device that a request of a Kubernetes claim was given (dynamic resource allocation,
 * KEP-5304). Drivers of devices write files of JSON, one for each request of a claim, and the
 * container finds them below one folder. lend-run(1) says what is read of them.
 */
#ifndef TOOL_RUN_CLAIM_H
#define TOOL_RUN_CLAIM_H

#include "lend/types.h"

/** Where the files are: $LEND_DRA_DIR, or the folder that Kubernetes puts them in. */
const char *claim_folder(void);

/**
 * Finds the device of a request, "REQUEST" or "CLAIM/REQUEST", and writes its address. Reads
 * all files of the folder. -EINVAL, with a sentence: a file cannot be understood, there is
 * no such request, or it has no PCI device, or several.
 */
int claim_find(const char *folder, const char *request, char address[16], struct lend_error *error);

#endif

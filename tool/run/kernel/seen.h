/* SPDX-License-Identifier: MIT */
/*
 * What was checked is not read again, as long as nothing has written to it: beside a file of the cache
 * another one says which image it was compared with, when both were changed last, and in which life of the
 * computer. A crash may have lost bytes that were not on the disk yet, so a new life checks anew.
 */
#ifndef TOOL_RUN_KERNEL_SEEN_H
#define TOOL_RUN_KERNEL_SEEN_H

#include <stdbool.h>
#include <stdint.h>

/** What the other file has behind the name. */
#define SEEN_SUFFIX ".seen"

/** The image and the file of the cache, both open. */
struct seen {
	int folder;
	const char *name; /* of the file */
	int fd, kernel;
};

/** Whether these two were checked as they are now. */
bool seen_before(const struct seen *seen);

/**
 * They are right. What fails is tried again after the next check. Nothing is kept of files that were
 * changed after the second `settled`, which lies before the check.
 */
void seen_now(const struct seen *seen, int64_t settled);

#endif

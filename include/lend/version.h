/* SPDX-License-Identifier: MIT */
/* The version: of these headers, and of the library that runs. */
#ifndef LEND_VERSION_H
#define LEND_VERSION_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Of these headers. */
#define LEND_VERSION_MAJOR 0
#define LEND_VERSION_MINOR 1
#define LEND_VERSION_PATCH 0

/** A version as a number, to be compared. */
#define LEND_VERSION_NUMBER(major, minor, patch) ((unsigned)(major) << 16 | (unsigned)(minor) << 8 | (patch))

/**
 * The version of the library that the program found, as LEND_VERSION_NUMBER()
 * makes it. Any thread; does not block.
 */
LEND_API unsigned lend_version(void);

#ifdef __cplusplus
}
#endif
#endif

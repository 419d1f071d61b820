/* SPDX-License-Identifier: MIT */
/*
 * Types that all headers of liblend use.
 *
 * Conventions, for all headers here:
 *  - a function that can fail returns 0 (or a count) on success and a negative errno
 *    otherwise; the library prints nothing and never exits;
 *  - sizes and lengths are in bytes; ranges are {start, length} and therefore half
 *    open, except if a field is named `last`, which is inclusive;
 *  - a struct that the caller fills and that may grow starts with `size`, which the
 *    caller sets to sizeof the struct that it was compiled with. A smaller one is
 *    taken, with 0 in the missing fields; a larger one is taken if its unknown fields
 *    are 0, else -E2BIG is returned;
 *  - a struct that the library fills comes with an argument `size`, sizeof the caller's
 *    struct; an array comes with a `stride`, the bytes from one row to the next. The
 *    library writes no byte beyond that, and 0 to fields that it does not know;
 *  - a struct of the library that the caller reads by a pointer starts with `size`; a
 *    field that does not lie within it is not there;
 *  - other structs do not grow;
 *  - an argument `struct lend_error *` may be NULL; on failure a sentence for a person
 *    is written to it.
 */
#ifndef LEND_TYPES_H
#define LEND_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define LEND_API               __attribute__((visibility("default")))
#define LEND_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define LEND_API
#define LEND_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** A guest physical address: what a vCPU puts on the bus. */
typedef uint64_t lend_gpa_t;
/** An I/O virtual address: what a device puts on the bus. */
typedef uint64_t lend_iova_t;

/** One sentence for a person: what is wrong, with what, and what to do. */
struct lend_error {
	char text[512];
};

/** The address of a PCI function on the host: DDDD:BB:DD.F. */
struct lend_bdf {
	uint32_t domain;
	uint8_t bus;
	uint8_t device;   /* 0 to 31 */
	uint8_t function; /* 0 to 7 */
};

/** Bytes of the name of a device, with its NUL: "0000:05:00.0", or the UUID of a mediated one. */
enum { LEND_NAME_SIZE = 40 };

enum lend_log_level {
	LEND_LOG_ERROR,
	LEND_LOG_WARNING,
	LEND_LOG_INFO,
	LEND_LOG_DEBUG,
};

#ifdef __cplusplus
}
#endif
#endif

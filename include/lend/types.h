/* SPDX-License-Identifier: MIT */
/*
 * Types that every header of liblend shares.
 *
 * Conventions, for all headers here:
 *  - functions that can fail return 0 (or a count) on success and a negative
 *    errno otherwise; nothing is printed and nothing exits;
 *  - sizes and lengths are in bytes; ranges are {start, length} and therefore
 *    half open, except where a field is named `last`, which is inclusive;
 *  - a struct that the caller fills and that may grow starts with `size`, which
 *    the caller sets to sizeof the struct it was compiled with. The library
 *    takes a smaller one, whose missing fields are 0, and a larger one whose
 *    unknown fields are 0; else it returns -E2BIG;
 *  - a struct that the library fills comes with a `size` argument, sizeof the
 *    caller's struct; of an array it is a `stride`, the bytes from one row to the
 *    next. The library writes no byte beyond it, and 0 where it knows no field;
 *  - a struct of the library's that the caller reads by a pointer starts with
 *    `size`; a field that does not lie within it is not there;
 *  - other structs do not grow;
 *  - where a function takes a `struct lend_error *`, it may be NULL; on
 *    failure the sentence for a person is left there.
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

/** Room for the name of a device: "0000:05:00.0", or the UUID of a mediated one. */
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

/* SPDX-License-Identifier: MIT */
/*
 * The properties of -device vfio-pci and vfio-user-pci that are known by name, and what becomes
 * of each. Names and defaults are those that users of other monitors know.
 */
#ifndef TOOL_RUN_PROPERTIES_H
#define TOOL_RUN_PROPERTIES_H

#include "tool/run/options.h"

/** The default of x-intx-mmap-timeout-ms: more than the second between two pings, which would map anew each
 * time. */
enum { INTX_TIMEOUT_MS = 1100 };

enum property_kind {
	PROPERTY_SWITCH, /* on or off */
	PROPERTY_NUMBER, /* any base that C knows */
	PROPERTY_WORD,
};

struct property;
typedef int property_setter(struct run_device *device, const struct property *row, const char *value,
			    struct lend_error *error);

struct property {
	const char *name;
	enum property_kind kind;
	const char *standard; /* its default, accepted although it cannot be changed; NULL: has none */
	const char *reason;   /* why nothing else than the default is accepted */
	/* Not NULL: the property works; the rest of the row is not used. */
	property_setter *set;
	size_t at;     /* of what it sets, in struct run_device */
	uint64_t most; /* the largest number that it takes */
	unsigned bit;  /* in function.ids.given */
};

/** Sets one property of a device. 0, or -EINVAL with the sentence in `error`. */
int property_set(struct run_device *device, const char *name, const char *value, struct lend_error *error);

/** Row `index` of the table, NULL beyond its end. */
const struct property *property_row(size_t index);

#endif

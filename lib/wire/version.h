/* SPDX-License-Identifier: MIT */
/* What the two sides of vfio-user tell each other first: the version, and what each can take. */
#ifndef LIB_WIRE_VERSION_H
#define LIB_WIRE_VERSION_H

#include <stdbool.h>
#include <stddef.h>

#include "lend/types.h"
#include "lib/wire/protocol.h"

/** The limits of the side that says them. What is absent in the text has its default. */
struct wire_limits {
	unsigned major, minor;
	unsigned fds;        /* descriptors that it takes with a message */
	size_t data;         /* bytes of data that it takes in a message */
	unsigned maps;       /* DMA maps that it takes */
	uint64_t page_sizes; /* a set of powers of two: what DMA maps are aligned to */
	bool write_multi;    /* it knows WIRE_REGION_WRITE_MULTI, or asks for it */
	bool twin;           /* it knows the twin socket, or asks for it */
	int twin_fd;         /* which descriptor of the reply is the twin socket; -1: none */
};

#define WIRE_LIMITS_INIT                                                                                     \
	{                                                                                                    \
		WIRE_MAJOR, WIRE_MINOR, 1, WIRE_DATA_MAX, WIRE_MAPS_MAX, 4096, false, false, -1              \
	}

/**
 * Reads the payload of WIRE_VERSION. A payload without text leaves the defaults.
 * -EINVAL: it is too long, has no NUL, is no JSON, nests deeply, or a value has the
 * wrong type or lies outside of its range; the sentence says which.
 */
int wire_version_read(const void *payload, size_t length, struct wire_limits *out, struct lend_error *error);

/**
 * Writes the payload of WIRE_VERSION to `out`: the text holds what differs from the
 * defaults, and at least the object of capabilities. Returns its length. -ENOSPC: it
 * is longer than `room`.
 */
long wire_version_write(const struct wire_limits *limits, void *out, size_t room);

#endif

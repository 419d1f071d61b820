/* SPDX-License-Identifier: MIT */
/* What the server says of a region: nothing of it is believed before it was checked. */
#ifndef LIB_BACKEND_USER_REGION_H
#define LIB_BACKEND_USER_REGION_H

#include "lib/backend/user/channel.h"

struct user_region {
	int fd;          /* the region's bytes; -1: none of them can be mapped */
	uint64_t offset; /* of the first one in fd */
	int prot;        /* of a map */
	uint64_t size;   /* bytes */
};

/**
 * Asks for region `index`. Writes at most `max` areas. A description of areas that
 * cannot be right leaves a region without areas, and a line of log. 0, or a negative
 * errno.
 */
int user_region_ask(struct user_session *session, unsigned index, struct user_region *out,
		    struct lend_region *region, struct lend_area *areas, unsigned max);

#endif

/* SPDX-License-Identifier: MIT */
/* The guest memory that the server of a session knows. All of it with the session's lock. */
#ifndef LIB_BACKEND_USER_MAPS_H
#define LIB_BACKEND_USER_MAPS_H

#include <sys/uio.h>

#include "lib/backend/user/channel.h"

/** Adds a map. -EEXIST: it overlaps another; -ENOSPC: the server takes no more; -ENOMEM. */
int maps_add(struct user_session *session, const struct domain_map *map);
/** Removes exactly one. -ENOENT. */
int maps_remove(struct user_session *session, lend_iova_t iova, uint64_t length);
/** The one that is exactly this; NULL: there is none. */
const struct domain_map *maps_at(struct user_session *session, lend_iova_t iova, uint64_t length);

/**
 * The pieces of [iova, iova + length), which may span maps. Returns how many.
 * -ENODEV: a part is in no map, or not for this access; or there are more than `max`.
 */
int maps_find(struct user_session *session, lend_iova_t iova, uint64_t length, unsigned access,
	      struct iovec *out, unsigned max);

#endif

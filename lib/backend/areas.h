/* SPDX-License-Identifier: MIT */
/* The parts of a region that can be mapped: checked and put in order. */
#ifndef LIB_BACKEND_AREAS_H
#define LIB_BACKEND_AREAS_H

#include "lend/device.h"

/** Parts of a region that are kept. */
enum { AREAS_MAX = 16 };

/**
 * Sorts `areas` in place, drops empty ones, and stores at most `max` of them in
 * `out`, which may be `areas`; those that do not fit trap. region->area_count
 * becomes how many are stored. Returns how many were left out, or -EPROTO: two
 * overlap, or one wraps.
 */
int areas_store(struct lend_region *region, struct lend_area *out, unsigned max, struct lend_area *areas,
		size_t count);

/** Cuts `areas`, those of `region`, to its size and to whole pages. */
void areas_clip(struct lend_region *region, struct lend_area *areas, uint64_t page);

/** Room that areas_cut() needs: each cut can make one area more. */
enum { AREAS_ROOM = LEND_DIRECT_MAX };

/** Cuts [start, end) out of `areas`, which has room for AREAS_ROOM, and returns the new count. Parts that do
 * not fit are dropped: accesses to them trap. */
unsigned areas_cut(struct lend_area *areas, unsigned count, uint64_t start, uint64_t end);

#endif

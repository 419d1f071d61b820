/* SPDX-License-Identifier: MIT */
/*
 * The capability chains that VFIO's info ioctls append to their answers. They
 * are not trusted, although the kernel wrote them: a walk is bounded, and a
 * chain that leaves the buffer or does not end is refused.
 */
#ifndef LIB_SYS_CAPS_H
#define LIB_SYS_CAPS_H

#include <stddef.h>
#include <stdint.h>

/** One capability; `data` starts at its header and `length` runs to the end of the buffer. */
struct sys_cap {
	uint16_t id, version;
	const uint8_t *data;
	size_t length;
};

/**
 * Finds the first capability `id` of the chain that starts at `first` in the
 * answer [info, info + size). 1: found; 0: not there; -EPROTO: the chain leaves
 * the buffer, does not end, or the capability is shorter than `least` bytes.
 */
int sys_caps_find(const void *info, size_t size, uint32_t first, uint16_t id, size_t least,
		  struct sys_cap *out);

#endif

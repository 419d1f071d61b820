/* SPDX-License-Identifier: MIT */
/* A guest physical address, wrapped so that it cannot be taken for a host's. */
#ifndef VMM_GPA_H
#define VMM_GPA_H

#include <stdint.h>

typedef struct {
	uint64_t a;
} gpa_t;

static inline gpa_t gpa(uint64_t a)
{
	return (gpa_t){a};
}

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

/* `align` is a power of two. */
static inline uint64_t align_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) & ~(align - 1);
}

static inline uint64_t align_down(uint64_t value, uint64_t align)
{
	return value & ~(align - 1);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Structs that grow, passed between a caller and a library that were built with
 * different versions. Each side knows the size that the struct has for it. Fields that
 * one side does not know are 0. The kernel's copy_struct_from_user() has the same rule.
 */
#ifndef LIB_SIZED_H
#define LIB_SIZED_H

#include <stddef.h>

/**
 * Copies a struct of the caller, whose first field is its size (a size_t), to `own`,
 * which has `have` bytes. Fields that the caller does not know become 0. -EINVAL: `given`
 * is NULL, or smaller than `least`; -E2BIG: a field is set that we do not know.
 */
int sized_take(void *own, size_t have, const void *given, size_t least);

/** Copies `own`, of `have` bytes, to the caller's struct of `room` bytes. What we do not know becomes 0. */
void sized_give(void *out, size_t room, const void *own, size_t have);

/** The same for the row `index` of an array whose rows are `stride` bytes apart. */
void sized_give_row(void *rows, size_t stride, size_t index, const void *own, size_t have);

#endif

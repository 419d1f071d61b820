/* SPDX-License-Identifier: MIT */
/*
 * Structs that grow, between a caller and a library that were not built
 * together. Both know the size that the struct has for them; the fields that
 * one of the two does not know are 0. The rule is that of the kernel's
 * copy_struct_from_user().
 */
#ifndef LIB_SIZED_H
#define LIB_SIZED_H

#include <stddef.h>

/**
 * Takes a struct of the caller, whose first field is its size (a size_t), into
 * `own`, which has `have` bytes. Fields that the caller does not know become 0.
 * -EINVAL: `given` is NULL, or smaller than `least`; -E2BIG: it is larger than
 * ours, and something is set where we know no field.
 */
int sized_take(void *own, size_t have, const void *given, size_t least);

/** Gives `own`, of `have` bytes, to a caller whose struct has `room`; what we do not know becomes 0. */
void sized_give(void *out, size_t room, const void *own, size_t have);

/** The same for the row `index` of an array whose rows are `stride` bytes apart. */
void sized_give_row(void *rows, size_t stride, size_t index, const void *own, size_t have);

#endif

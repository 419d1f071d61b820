/* SPDX-License-Identifier: MIT */
/* Sets of numbers (processors, nodes) as the kernel writes them: "0-1,3". */
#ifndef LIB_HOST_CHECK_LIST_H
#define LIB_HOST_CHECK_LIST_H

#include <stdbool.h>

enum { LIST_NUMBERS_MAX = 8192 };

/** Whether a list has a number. What follows something that is no list, or too large a number, is not read.
 */
bool list_has(const char *list, unsigned number);

/** How many numbers it has. */
unsigned list_count(const char *list);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What people type who come from another monitor: its options, its drivers of
 * -device and its objects, each with what to do here instead. What means no
 * more than what is done anyway is taken without a word.
 */
#ifndef TOOL_RUN_FOREIGN_H
#define TOOL_RUN_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

struct foreign {
	const char *names; /* with a blank between them */
	/*
	 * What is taken. NULL: nothing. Empty: the option, which has no value. Else the parts that a value
	 * may have, with a blank between them.
	 */
	const char *same;
	const char *advice; /* NULL: all that can be said with it is taken */
};

/** Row `index` of the table of options, NULL beyond its end. */
const struct foreign *foreign_row(size_t index);

/** The row of the option that the first `length` characters of `name` are; NULL: of no monitor that is known.
 */
const struct foreign *foreign_find(const char *name, size_t length);

/** Whether each part of `value`, between its commas, is one that the row takes. */
bool foreign_is_same(const struct foreign *row, const char *value);

/** What to do instead of a driver of -device, or of the type of an -object. Never NULL. */
const char *foreign_driver(const char *driver);
const char *foreign_object(const char *type);

#endif

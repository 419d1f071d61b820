/* SPDX-License-Identifier: MIT */
/* See list.h. */
#include <stdlib.h>

#include "lib/host/check/list.h"

/* Takes a range off the list; NULL: there is none more. */
static const char *next(const char *list, unsigned long *first, unsigned long *last)
{
	char *end;

	if (*list < '0' || *list > '9')
		return NULL;
	*first = *last = strtoul(list, &end, 10);
	if (*end == '-')
		*last = strtoul(end + 1, &end, 10);
	if (*last < *first || *last >= LIST_NUMBERS_MAX)
		return NULL;
	return *end == ',' ? end + 1 : "";
}

bool list_has(const char *list, unsigned number)
{
	unsigned long first, last;

	while ((list = next(list, &first, &last)))
		if (number >= first && number <= last)
			return true;
	return false;
}

unsigned list_count(const char *list)
{
	unsigned long first, last;
	unsigned count = 0;

	while ((list = next(list, &first, &last)))
		count += (unsigned)(last - first + 1);
	return count;
}

/* SPDX-License-Identifier: MIT */
/*
 * Parameters of the kernel that switch something off (Linux,
 * admin-guide/kernel-parameters.txt). Most values are lists with commas. If a parameter
 * can also switch something on, the last one on the line counts.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/host/check/check.h"

/* Whether `value` is an item of the list after "=" in `word`. A word without "=" is compared as a whole. */
static bool says(const char *word, const char *name, const char *value)
{
	size_t length = name ? strlen(name) : 0;

	if (!name || strncmp(word, name, length) != 0 || word[length] != (value ? '=' : '\0'))
		return false;
	if (!value)
		return true;
	for (const char *item = word + length + 1;; item += strcspn(item, ",") + 1) {
		size_t size = strcspn(item, ",");

		if (size == strlen(value) && !strncmp(item, value, size))
			return true;
		if (!item[size])
			return false;
	}
}

bool cmdline_off(struct lend_check *check, const struct cmdline_switch *switches, size_t count, char out[64])
{
	char *text = sysfs_load(context_proc(check->context), "cmdline", NULL), *rest = text, *word;
	const struct cmdline_switch *found = NULL;

	while ((word = strsep(&rest, " \n")))
		for (size_t i = 0; i < count; i++) {
			const struct cmdline_switch *at = &switches[i];

			if (at == found && at->on && says(word, at->name, at->on))
				found = NULL;
			/* static: the table has a row at least */
			if (found || !says(word, at->name, at->off) || strlen(word) >= 64)
				continue;
			found = at;
			strcpy(out, word);
		}
	free(text);
	return found;
}

bool cmdline_has(struct lend_check *check, const char *name, const char *value)
{
	const struct cmdline_switch is = {name, value, NULL};
	char word[64];

	return cmdline_off(check, &is, 1, word);
}

/* SPDX-License-Identifier: MIT */
/* A directory of rules that a test fills. */
#ifndef TESTS_UNIT_TEST_RULES_H
#define TESTS_UNIT_TEST_RULES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"

static char rules_path[64];

/* The directory, made at the first call. */
static inline const char *rules_directory(void)
{
	if (!rules_path[0]) {
		snprintf(rules_path, sizeof(rules_path), "/tmp/lend-rules-XXXXXX");
		assert_non_null(mkdtemp(rules_path));
	}
	return rules_path;
}

static inline void rules_empty(void)
{
	DIR *dir = opendir(rules_directory());
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	closedir(dir);
}

static inline void rules_put(const char *name, const char *text, size_t length)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", rules_directory(), name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/* The directory, with this one file in it. */
static inline const char *rules_dir(const char *text)
{
	rules_empty();
	rules_put("rules.json", text, strlen(text));
	return rules_path;
}

static inline int rules_clean(void **state)
{
	(void)state;
	if (!rules_path[0])
		return 0;
	rules_empty();
	return rmdir(rules_path);
}

#endif

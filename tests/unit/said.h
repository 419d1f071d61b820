/* SPDX-License-Identifier: MIT */
/* What is printed on standard error meanwhile: a file has its place. */
#ifndef TESTS_UNIT_SAID_H
#define TESTS_UNIT_SAID_H

#include <stdio.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"

struct said {
	FILE *file;
	int before; /* standard error */
	char text[512];
};

static inline void said_begin(struct said *said)
{
	*said = (struct said){.file = tmpfile(), .before = dup(STDERR_FILENO)};
	assert_non_null(said->file);
	assert_true(dup2(fileno(said->file), STDERR_FILENO) >= 0);
}

static inline void said_end(struct said *said)
{
	assert_true(dup2(said->before, STDERR_FILENO) >= 0);
	close(said->before);
	assert_true(pread(fileno(said->file), said->text, sizeof(said->text) - 1, 0) >= 0);
	fclose(said->file);
}

#endif

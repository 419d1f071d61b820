/* SPDX-License-Identifier: MIT */
/*
 * Reading the host for a survey. These are the calls of sysfs.h, with one more rule: what
 * is there and cannot be read is noted, since a use may stand in it that nobody saw. The
 * survey says so of each kind of use that was looked for (lend_way.unseen). The finders
 * (uses/) read by these calls alone.
 */
#ifndef LIB_HOST_SURVEY_LOOK_H
#define LIB_HOST_SURVEY_LOOK_H

#include <stddef.h>
#include <stdint.h>

#include "lend/survey.h"

/* A set of kinds of uses, a bit each. */
#define LOOK_KIND(kind) (UINT64_C(1) << (kind))
#define LOOK_ALL        UINT64_MAX

/* What could not be read while the same kinds were looked for. */
struct unread {
	uint64_t kinds;
	int error; /* of the first: negative errno */
	size_t count;
	char path[160]; /* the first */
	char text[288]; /* the sentence; empty until look_end() */
};

/** From here on these kinds are looked for. */
void look_for(struct lend_survey *survey, uint64_t kinds);

/**
 * Takes what reading dir/name (`name` may be NULL) returned, and notes a failure. No
 * failure is: the file is not there, its process has ended, its device was removed, or a
 * part of its path is no folder. Returns `ret`.
 */
int look_failed(struct lend_survey *survey, const char *dir, const char *name, int ret);

/**
 * The same of a file of a process: `*hidden` counts what may not be read. A process that has
 * ended, or a thread of the kernel, has none.
 */
int look_process(int ret, size_t *hidden);

/** The sentences about what could not be read; after the last look. */
void look_end(struct lend_survey *survey);

/** What could not be read of a kind; NULL: all of it could. */
const char *look_unread(const struct lend_survey *survey, enum lend_use_kind kind);

/* As in sysfs.h. */
int look_read(struct lend_survey *survey, const char *dir, const char *name, char *out, size_t size);
int look_number(struct lend_survey *survey, const char *dir, const char *name, long *out);
char *look_load(struct lend_survey *survey, const char *dir, const char *name);
int look_lines(struct lend_survey *survey, const char *dir, const char *name,
	       int (*each)(void *opaque, char *line), void *opaque);
int look_each(struct lend_survey *survey, const char *dir, int (*each)(void *opaque, const char *name),
	      void *opaque);

/** As in sysfs.h. What is no link has no target: -EINVAL, and no failure. */
int look_link(struct lend_survey *survey, const char *dir, const char *name, char *out, size_t size);
int look_target(struct lend_survey *survey, const char *dir, const char *name, char *out);

/** Whether a path is there. One that cannot be asked about is not, and that is noted. */
bool look_exists(struct lend_survey *survey, const char *path);

#endif

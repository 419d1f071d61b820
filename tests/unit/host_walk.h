/* SPDX-License-Identifier: MIT */
/*
 * The way of a person through a sick host: check, follow the first cure, check
 * again. What a check asks of the process that it runs in (limits, access, uid) is
 * answered for the person: a test that uses this wraps those calls (Makefile).
 */
#ifndef TESTS_UNIT_HOST_WALK_H
#define TESTS_UNIT_HOST_WALK_H

#include "tests/unit/host_cures.h"

enum { WALK_STEPS = 40 };

/* A row with its cure, as a person remembers it. */
struct remembered {
	char text[sizeof(((struct lend_check_row *)0)->text) + 64];
	char cure[sizeof(((struct lend_check_row *)0)->command) + 400];
};

struct walk {
	const struct sick_host *host;
	struct person person;
	struct remembered done[WALK_STEPS];
	size_t count;
	char left[512]; /* the sentence of the first row that has no more than one */
};

struct walk *walk_begin(const struct sick_host *host);
void walk_end(struct walk *walk);

/** What a check says now; the caller frees it. */
struct lend_check *walk_check(const struct walk *walk);

/**
 * Follows the first cure that can be followed; one that was followed before for the
 * same row fails the test. False: there is none. What has only a sentence is passed
 * over, and with it what cannot be done before it.
 */
bool walk_step(struct walk *walk);

/** Whether a row of that topic has failed in any walk of this program. */
bool walk_failed(const char *topic);

#endif

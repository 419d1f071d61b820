/* SPDX-License-Identifier: MIT */
/* What tests of uses share: a recorded host, and what is expected of one of its devices. */
#ifndef TESTS_UNIT_HOST_USES_H
#define TESTS_UNIT_HOST_USES_H

#include "tests/unit/host_tree.h"

/* Set up and tear down a test on the host "plain"; *state is its struct host_tree. */
int tree_plain(void **state);
int tree_teardown(void **state);

/* Each looks anew at the tree, and fails the test unless it is so. */
const struct lend_use *tree_find_use(struct host_tree *tree, const char *address, enum lend_use_kind kind,
				     const char *text);
void tree_expect_use(struct host_tree *tree, const char *address, enum lend_use_kind kind, const char *text,
		     const char *cure);
/** Nothing uses it, and it is bindable. */
void tree_expect_free(struct host_tree *tree, const char *address);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A recorded host on which single files are odd: missing, empty, very long, a folder,
 * a link to nowhere. Any file may be so on some kernel, or vanish between two reads.
 */
#ifndef TESTS_UNIT_ODD_TREE_H
#define TESTS_UNIT_ODD_TREE_H

#include "tests/unit/host_tree.h"

extern const size_t odd_path_count, odd_kind_count;

/** The host "plain", three devices of which are in use. tree_free() frees it. */
struct host_tree *odd_new(void);

/** Makes the file with number `path` odd in the way with number `kind`; both may be any number. */
void odd_make(const struct host_tree *tree, size_t path, size_t kind, unsigned step);
/** Undoes it. Steps are undone in the reverse order. */
void odd_undo(const struct host_tree *tree, size_t path, unsigned step);

/**
 * Looks at the host in all ways. Fails the test if a text does not end in its room, or if a
 * device is bindable that is in use, unless one of the `odd` numbers of paths hides the use.
 */
void odd_look(struct host_tree *tree, const size_t *odd, unsigned count);

/**
 * The same where a file, or all with that in its path, vanishes meanwhile. `gone` is the path
 * from the root on; the caller may fill it at any time before the survey's end.
 */
void odd_look_again(struct host_tree *tree, const char *gone);

/** The same for what the bytes choose, pairs of a path and a kind; all is undone after it. */
void odd_bytes(struct host_tree *tree, const uint8_t *data, size_t size);

/** For a sentence: the names of a path and of a kind. */
const char *odd_path_name(size_t path);
const char *odd_kind_name(size_t kind);

#endif

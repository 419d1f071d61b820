/* SPDX-License-Identifier: MIT */
/* Making the machine process: a fork that takes along what it needs and nothing else. */
#ifndef TOOL_RUN_SPAWN_H
#define TOOL_RUN_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { SPAWN_KEEP_MAX = 48 };

/**
 * Points standard input, output and error at /dev/null and closes each other
 * descriptor that is not in `keep` (at most SPAWN_KEEP_MAX; -1 is passed over). For
 * a process that was just forked: it ends (status 1) where /dev/null cannot be had.
 */
void spawn_close_others(const int *keep, size_t count);

/**
 * Forks. The child gets a session of its own (no key or hang-up of the
 * terminal reaches it), keeps `keep` alone, ignores what a terminal sends, and
 * ends with what main(opaque) returns; SIGTERM stays blocked there if it is
 * here. The parent gets the process id, or a negative errno.
 */
pid_t spawn(int (*main)(void *opaque), void *opaque, const int *keep, size_t count);

#endif

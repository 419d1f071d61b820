/* SPDX-License-Identifier: MIT */
/* How both processes of lend run take memory for themselves and give it back. */
#ifndef TOOL_RUN_HEAP_H
#define TOOL_RUN_HEAP_H

/**
 * Sets malloc() up. To be called while there is one thread, before the first large buffer; a fork keeps it.
 *
 * There is one arena for all threads, grown and trimmed by brk. glibc opens
 * /sys/devices/system/cpu/online before it makes the ninth arena, for the ninth processor that
 * allocates, and /proc/sys/vm/overcommit_memory before it trims another arena than the first: the
 * sandbox answers both with SIGSYS.
 *
 * What is large has pages of its own: those that nobody has written take no memory, and all of
 * them go when it is freed. By itself glibc would put it into the heap from its second time on, or
 * where the heap's end has room for it.
 */
void heap_begin(void);

/** Gives back what the start used and does not need any more: freed memory, and the stack below the caller.
 */
void heap_trim(void);

#endif

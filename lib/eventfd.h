/* SPDX-License-Identifier: MIT */
/*
 * Eventfds that never block. Those of interrupts are shared with the server of a
 * device, and whether a read waits is a flag of the open file: who has a descriptor
 * of it can change the flag for all.
 */
#ifndef LIB_EVENTFD_H
#define LIB_EVENTFD_H

#include <stdint.h>

/** Reads the count, which becomes 0; 0: it was 0, or cannot be read. */
uint64_t eventfd_take(int fd);
/** Adds 1, unless the counter is full: it can be read then anyway. */
void eventfd_add(int fd);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Eventfds that another process has, too: a client, or the server of a device. Whether
 * a read or a write waits is a flag of the open file, which any of them can change at
 * any time. So nothing here relies on it.
 */
#ifndef LIB_EVENTFD_H
#define LIB_EVENTFD_H

#include <stdint.h>

/**
 * Reads the count, which becomes 0; of a semaphore 1, which is taken off. 1: it is in
 * `*count`; 0: there is none; a negative errno: it is no eventfd (-EIO: a pipe or a
 * socket at its end, or with another number of bytes). Never waits.
 */
int eventfd_try(int fd, uint64_t *count);
/** The same of an eventfd of ours: the count, or 0. */
uint64_t eventfd_take(int fd);
/**
 * Adds 1, unless the counter is full: it can be read then anyway. It waits if another
 * process fills the counter, without O_NONBLOCK, in the moment between the look at it
 * and the write: until somebody reads it, or a signal comes. So it is for an eventfd that
 * only this process writes to, or that KVM reads (an irqfd is never full), or whose other
 * writer is the one who waits then: a client that does it stops its own server.
 */
void eventfd_add(int fd);

#endif

/* SPDX-License-Identifier: MIT */
/* The other processors: asleep, until all have the same work to do. */
#ifndef GUEST_SMP_H
#define GUEST_SMP_H

enum { SMP_MAX = 8 };

/* Wakes those that there are, at most up to `wanted` in all; how many there are with this one. */
unsigned smp_start(unsigned wanted);

/* Runs work(number) on that many processors, this one as number 0, and returns when each is done. */
void smp_run(unsigned count, void (*work)(unsigned number));

#endif

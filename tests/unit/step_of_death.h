/* SPDX-License-Identifier: MIT */
/*
 * The device's process dies between any two accesses to guest memory, which is reached by
 * messages: the double of the server counts them. Include after server_double.h.
 */
#ifndef TESTS_UNIT_STEP_OF_DEATH_H
#define TESTS_UNIT_STEP_OF_DEATH_H

#include <setjmp.h>

static jmp_buf death;
static unsigned steps_left; /* 0: it does not die */

static inline void step(void)
{
	if (steps_left && !--steps_left)
		longjmp(death, 1);
}

/* All of memory by messages; the device dies before access `steps`, from 1. 0: it does not. */
static inline void die_at(unsigned steps)
{
	server.remote_from = 0;
	server.remote_to = GUEST_BASE + GUEST_SIZE;
	server.step = step;
	steps_left = steps;
}

#endif

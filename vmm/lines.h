/* SPDX-License-Identifier: MIT */
/*
 * Line interrupts of the assigned devices: GSI 16 to 23 of the IOAPIC, which
 * several pins share (the DSDT's _PRT).
 *
 * A GSI is raised while any of its sharers raises it. What user space says and
 * what resample irqfds say are two sources in KVM, which ORs them itself, so
 * that sharers of both kinds do not disturb each other.
 */
#ifndef VMM_LINES_H
#define VMM_LINES_H

#include <pthread.h>
#include <stdbool.h>

enum { LINES = 8 };

struct lines {
	pthread_mutex_t lock; /* guards the counts; held over the ioctl */
	int vm;
	unsigned raised[LINES]; /* sharers that raise it from user space */
};

void lines_init(struct lines *lines, int vm);

/** The GSI of pin 1 to 4 of a device in a slot of the root bus, or of the one below the port there. */
unsigned line_gsi(unsigned slot, unsigned pin);

/** One sharer raises or lowers its share; it must not say the same twice. */
int line_set(struct lines *lines, unsigned gsi, bool raised);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The ways to reset a device, and the order in which they are tried. The reset of a
 * function follows this order, and so does the check of the host, which tells the way
 * beforehand. Pure: no file is read.
 */
#ifndef LIB_RESET_WAY_H
#define LIB_RESET_WAY_H

#include <stdbool.h>
#include <stdint.h>

/* The ids of AMD's GPUs that a quirk can reset: Bonaire, and then Hawaii. row(id) for each. */
#define RESET_OWN_AMD(row)                                                                                   \
	row(0x6649), row(0x6650), row(0x6651), row(0x6658), row(0x665c), row(0x665d), row(0x67a0),           \
		row(0x67a1), row(0x67a2), row(0x67a8), row(0x67a9), row(0x67aa), row(0x67b0), row(0x67b1),   \
		row(0x67b8), row(0x67b9), row(0x67ba), row(0x67be)

enum reset_way {
	RESET_WAY_OWN,      /* a quirk's; only if the kernel has none */
	RESET_WAY_FUNCTION, /* the kernel's, for this function alone */
	RESET_WAY_BUS,      /* of its bus, with all that is on it */
	RESET_WAY_POWER,    /* the kernel's, by the power state alone, which may leave things */
	RESET_WAY_COUNT,
};

struct reset_facts {
	bool own;        /* a quirk may know a way */
	bool kernel_can; /* the kernel has a way for this function alone */
	bool broken;     /* but a rule calls that one broken */
	bool power;      /* it is only a change of the power state */
	bool bus;        /* the bus may be reset */
};

/** Writes the ways in the order in which they are tried, and returns how many there are. */
unsigned reset_ways(const struct reset_facts *facts, enum reset_way out[RESET_WAY_COUNT]);

/** Whether the kernel tries this method first, by the text of sysfs' reset_method. */
bool reset_is_first(const char *methods, const char *name);

/** Whether a quirk knows a reset of the device with these ids. */
bool reset_is_own(uint16_t vendor, uint16_t device);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The ways to reset a device, and the order in which they are tried. The reset of a
 * function follows this order, and so does the check of the host, which tells the way
 * beforehand. Pure: no file is read.
 */
#ifndef LIB_RESET_WAY_H
#define LIB_RESET_WAY_H

#include <stdbool.h>
#include <stddef.h>
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

/** The kernel's methods, in the order of reset_words. */
enum reset_method {
	RESET_DEVICE_SPECIFIC,
	RESET_ACPI,
	RESET_FLR,
	RESET_AF_FLR,
	RESET_PM,
	RESET_BUS,
	RESET_CXL_BUS,
	RESET_WORDS,
	RESET_UNKNOWN = RESET_WORDS,
};

/** Their names, as sysfs' reset_method and files of rules have them. */
extern const char *const reset_words[RESET_WORDS];

struct reset_facts {
	bool own;            /* a quirk may know a way */
	bool kernel_can;     /* the kernel has a way for this function alone */
	const char *methods; /* text of sysfs' reset_method; NULL or empty: it does not list them */
	bool flr, power;     /* if it does not, what registers tell: a function level reset; one by power */
	unsigned broken;     /* methods that files of rules call broken: bit n is reset_words[n] */
	bool bus;            /* the bus may be reset */
};

/** The method that the kernel tries first for this function alone. RESET_UNKNOWN: it cannot be told. */
enum reset_method reset_method(const struct reset_facts *facts);

/** Whether files of rules call this method broken. RESET_UNKNOWN never is. */
bool reset_is_broken(const struct reset_facts *facts, enum reset_method method);

/**
 * Writes the ways in the order in which they are tried, and returns how many there are.
 * The kernel's own is none if its first method is broken, that by the bus none if "bus" is.
 */
unsigned reset_ways(const struct reset_facts *facts, enum reset_way out[RESET_WAY_COUNT]);

/** Whether the kernel tries this method first, by the text of sysfs' reset_method. */
bool reset_is_first(const char *methods, const char *name);

/** Whether a quirk knows a reset of the device with these ids. */
bool reset_is_own(uint16_t vendor, uint16_t device);

#endif

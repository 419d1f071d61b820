/* SPDX-License-Identifier: MIT */
/*
 * How long a capability is: the chain does not say it, the format of its
 * registers does (PCI Express Base 6.0, chapter 7; PCI Local Bus 3.0, 6.8;
 * others by their own specifications). The rows of ids have it as data.
 */
#ifndef LIB_PCI_CAPS_LENGTHS_H
#define LIB_PCI_CAPS_LENGTHS_H

#include "lib/pci/function.h"

enum cap_count {
	COUNT_NONE,
	COUNT_REGISTER, /* a field of one of its registers */
	COUNT_LANES,    /* as wide as the link can be */
};

struct cap_length {
	uint16_t base; /* bytes that each one has */
	uint8_t unit;  /* bytes of an element behind them */
	uint8_t plus;  /* elements beyond those that the field says */
	uint8_t count; /* enum cap_count: how many elements there are */
	uint8_t at;    /* of COUNT_REGISTER: the dword, from the capability's start on */
	uint8_t shift;
	uint16_t mask;
	unsigned (*measure)(const struct lend_function *function, unsigned at); /* or what counts them all */
};

/* For the rows. */
#define UNKNOWN                                                                                              \
	{                                                                                                    \
		.base = 0                                                                                    \
	}
#define FIXED(bytes)                                                                                         \
	{                                                                                                    \
		.base = (bytes)                                                                              \
	}
#define LANES(bytes, a_lane)                                                                                 \
	{                                                                                                    \
		.base = (bytes), .unit = (a_lane), .count = COUNT_LANES                                      \
	}
#define BY(function)                                                                                         \
	{                                                                                                    \
		.measure = (function)                                                                        \
	}
#define COUNTED(bytes, an_element, more, dword, first_bit, bits)                                             \
	{                                                                                                    \
		.base = (bytes), .unit = (an_element), .plus = (more), .count = COUNT_REGISTER,              \
		.at = (dword), .shift = (first_bit), .mask = (bits)                                          \
	}

/** Bytes of the capability at `at`, its header with them; 0: not known. It may claim more than there is. */
unsigned cap_measure(const struct lend_function *function, const struct cap_length *length, unsigned at);

/* Those that more than one field decides. */
unsigned length_pcix(const struct lend_function *function, unsigned at);
unsigned length_ht(const struct lend_function *function, unsigned at);
unsigned length_sata(const struct lend_function *function, unsigned at);
unsigned length_ea(const struct lend_function *function, unsigned at);
unsigned length_aer(const struct lend_function *function, unsigned at);
unsigned length_vc(const struct lend_function *function, unsigned at);
unsigned length_rcec(const struct lend_function *function, unsigned at);
unsigned length_acs(const struct lend_function *function, unsigned at);
unsigned length_tph(const struct lend_function *function, unsigned at);
unsigned length_dpc(const struct lend_function *function, unsigned at);
unsigned length_apn(const struct lend_function *function, unsigned at);
unsigned length_ide(const struct lend_function *function, unsigned at);

#endif

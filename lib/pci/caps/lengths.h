/* SPDX-License-Identifier: MIT */
/*
 * How long a capability is. The chain does not say it; the format of the
 * registers does (PCI Express Base 6.0, chapter 7; PCI Local Bus 3.0, 6.8; for
 * others their own specifications). It is data in the row of each id:
 *
 *	length = base + unit * (count + plus)
 */
#ifndef LIB_PCI_CAPS_LENGTHS_H
#define LIB_PCI_CAPS_LENGTHS_H

#include "lib/pci/function.h"

enum cap_count {
	COUNT_NONE,
	COUNT_REGISTER, /* a field of one of its registers */
	COUNT_LANES,    /* the lanes that the link can have */
};

struct cap_length {
	uint16_t base; /* bytes before the elements */
	uint8_t unit;  /* bytes of an element */
	uint8_t plus;  /* elements that the field does not count */
	uint8_t count; /* enum cap_count: where the number of elements comes from */
	uint8_t at;    /* of COUNT_REGISTER: offset of the dword in the capability */
	uint8_t shift; /* of the field in that dword */
	uint16_t mask;
	unsigned (*measure)(const struct lend_function *function, unsigned at); /* not NULL: does all of it */
};

/* What the rows say. */
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

/** Bytes of the capability at `at`, with its header; 0: not known. It may be more than there is room for. */
unsigned cap_measure(const struct lend_function *function, const struct cap_length *length, unsigned at);

/* Lengths that depend on more than one field. */
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

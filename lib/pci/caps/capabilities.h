/* SPDX-License-Identifier: MIT */
/*
 * Capabilities. A table has a row for each id, which says what the guest gets of
 * it. Both chains are walked once, within bounds, in the bytes that the device
 * had when it was opened. The guest sees a chain that is built anew, without
 * what is hidden.
 */
#ifndef LIB_PCI_CAPS_CAPABILITIES_H
#define LIB_PCI_CAPS_CAPABILITIES_H

#include "lib/pci/caps/lengths.h"

/** One capability found in a chain. */
struct cap {
	unsigned offset;
	unsigned room;   /* bytes up to the next capability by address, or the end */
	unsigned length; /* bytes of its registers, at most `room`; 0: not known */
	uint16_t id;
	uint8_t version; /* of an extended capability */
};

enum cap_policy {
	CAP_PASSED,   /* its registers are the device's, as the kernel shows them */
	CAP_EMULATED, /* some or all registers are virtual: the setup function says which */
	CAP_HIDDEN,   /* not in the chain; its registers can be read and not written */
};

/** What a setup function may return beside 0 and a negative errno: this capability is to be hidden. */
enum { CAP_HIDE = 1 };

struct cap_row {
	uint16_t id;
	uint8_t policy; /* enum cap_policy */
	uint8_t least;  /* the least `room` that an emulated one needs */
	struct cap_length length;
	const char *name;
	int (*setup)(struct lend_function *function, const struct cap *cap, struct lend_error *error);
};

/** The row of a standard id, and of an extended one; never NULL. */
const struct cap_row *cap_row(uint8_t id);
const struct cap_row *cap_row_extended(uint16_t id);

/** Walks both chains and builds them anew. -EPROTO, -ENOTSUP: see lend_function_new(). */
int capabilities_setup(struct lend_function *function, struct lend_error *error);
/** The extended chain (extended.c). */
int extended_setup(struct lend_function *function, struct lend_error *error);

/** Bytes that belong to it: those of its registers, or if these are not known, all up to the next one. */
static inline unsigned cap_extent(const struct cap *cap)
{
	return cap->length ? cap->length : cap->room;
}
/** Sets `room` and `length` of all `count` capabilities of a chain, in the space that ends at `end`. */
void caps_measure(const struct lend_function *function, struct cap *caps, unsigned count, unsigned end);
/** Claims the bytes of a capability that was set up. Those of a hidden one are blocked. */
void cap_claim(struct lend_function *function, const struct cap *cap, bool hidden);

/** An entry of the capability of resizable BARs, also of the one of virtual functions (cap_rebar.c). */
struct rebar {
	unsigned at;             /* offset of its two registers */
	uint32_t sizes, control; /* their values */
	unsigned bit;            /* the bit in `sizes` of the size that the BAR has; may be above 31 */
};
/** How many entries the capability at `at` has; 0: none, or more than there are BARs. */
unsigned rebar_count(const struct lend_function *function, unsigned at);
struct rebar rebar_entry(const struct lend_function *function, unsigned at, unsigned i);

/* Setup functions, each in the file of its capability. */
int msi_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int pm_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int exp_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int af_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int aer_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int ats_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int rebar_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int vendor_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);

/* Lengths (lengths.h) of capabilities with a file of their own. */
unsigned msi_length(const struct lend_function *function, unsigned at);
unsigned exp_length(const struct lend_function *function, unsigned at);

#endif

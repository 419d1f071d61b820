/* SPDX-License-Identifier: MIT */
/*
 * Capabilities: one row for each id says what the guest gets of it. The chains
 * are walked once, on the bytes that the device had when it was opened, with
 * bounds; the guest sees them rebuilt, without what is hidden.
 */
#ifndef LIB_PCI_CAPS_CAPABILITIES_H
#define LIB_PCI_CAPS_CAPABILITIES_H

#include "lib/pci/caps/lengths.h"

/** One capability found in a chain. */
struct cap {
	unsigned offset;
	unsigned room;   /* bytes up to the next capability by address, or the end */
	unsigned length; /* of its registers, no more than there is room for; 0: not known */
	uint16_t id;
	uint8_t version; /* of an extended one */
};

enum cap_policy {
	CAP_PASSED,   /* registers are the device's, as the kernel shows them */
	CAP_EMULATED, /* all or some registers are ours: the setup function says which */
	CAP_HIDDEN,   /* not in the chain; its registers read, and cannot be written */
};

/** What a setup function may return beside 0 and a negative errno: hide this one after all. */
enum { CAP_HIDE = 1 };

struct cap_row {
	uint16_t id;
	uint8_t policy; /* enum cap_policy */
	uint8_t least;  /* bytes that an emulated one needs before the next one */
	struct cap_length length;
	const char *name;
	int (*setup)(struct lend_function *function, const struct cap *cap, struct lend_error *error);
};

/** The row of a standard id, 0 to 0xff, and of an extended one; never NULL. */
const struct cap_row *cap_row(uint8_t id);
const struct cap_row *cap_row_extended(uint16_t id);

/** Walks and rebuilds both chains. -EPROTO, -ENOTSUP: see lend_function_new(). */
int capabilities_setup(struct lend_function *function, struct lend_error *error);
/** The extended chain (extended.c). */
int extended_setup(struct lend_function *function, struct lend_error *error);

/** Bytes that are not another's: those of its registers; where they are not known, up to the next one. */
static inline unsigned cap_extent(const struct cap *cap)
{
	return cap->length ? cap->length : cap->room;
}
/** Sets room and length of `count` capabilities of one chain, whose space ends at `end`. */
void caps_measure(const struct lend_function *function, struct cap *caps, unsigned count, unsigned end);
/** The bytes of one that was set up: the guest's, or blocked where it does not see it. */
void cap_claim(struct lend_function *function, const struct cap *cap, bool hidden);

/** One of a capability's resizable BARs, of virtual functions' too (cap_rebar.c). */
struct rebar {
	unsigned at;             /* its two registers */
	uint32_t sizes, control; /* what they have */
	unsigned bit;            /* of `sizes`, for the size that the BAR has; may be beyond 31 */
};
/** How many the capability at `at` has; 0: none, or more than there are BARs. */
unsigned rebar_count(const struct lend_function *function, unsigned at);
struct rebar rebar_entry(const struct lend_function *function, unsigned at, unsigned i);

/* Setup functions, each in its capability's file. */
int msi_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int pm_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int exp_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int af_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int ats_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int rebar_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int vendor_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);

/* Lengths (lengths.h) of those that have a file. */
unsigned msi_length(const struct lend_function *function, unsigned at);
unsigned exp_length(const struct lend_function *function, unsigned at);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Capabilities: one row for each id says what the guest gets of it. The chains
 * are walked once, on the bytes that the device had when it was opened, with
 * bounds; the guest sees them rebuilt, without what is hidden.
 */
#ifndef LIB_PCI_CAPS_CAPABILITIES_H
#define LIB_PCI_CAPS_CAPABILITIES_H

#include "lib/pci/function.h"

/** One capability found in a chain. */
struct cap {
	unsigned offset;
	unsigned length; /* up to the next capability by address, or the end */
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
	uint8_t policy;  /* enum cap_policy */
	uint16_t length; /* bytes: at the least for an emulated one, at the most for a hidden one (0: all) */
	const char *name;
	const char *reason;
	int (*setup)(struct lend_function *function, const struct cap *cap, struct lend_error *error);
};

/** The row of a standard id, 0 to 0xff, and of an extended one; never NULL. */
const struct cap_row *cap_row(uint8_t id);
const struct cap_row *cap_row_extended(uint16_t id);

/** Walks and rebuilds both chains. -EPROTO, -ENOTSUP: see lend_function_new(). */
int capabilities_setup(struct lend_function *function, struct lend_error *error);
/** The extended chain (extended.c). */
int extended_setup(struct lend_function *function, struct lend_error *error);

/* Setup functions, each in its capability's file. */
int msi_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int pm_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int exp_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int af_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int ats_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);
int rebar_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error);

#endif

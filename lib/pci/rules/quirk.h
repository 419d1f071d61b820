/* SPDX-License-Identifier: MIT */
/*
 * Quirks: what single devices need beyond the rules for all (spec 10). One
 * constant table has a row for each device and hook (quirks/table.c). Each hook
 * is in a file of its own in quirks/.
 *
 * Below stand also the questions that other files ask of the user's rules, which
 * are quirks from files (rules.h).
 */
#ifndef LIB_PCI_RULES_QUIRK_H
#define LIB_PCI_RULES_QUIRK_H

#include "lib/pci/function.h"

/** The ids that quirks and rules are matched with: those that the guest sees. */
struct rule_ids quirk_ids(const struct lend_function *function);

/** A capability that a quirk adds behind the device's own. */
struct quirk_cap {
	unsigned offset; /* 0: none */
	unsigned length;
	uint8_t bytes[24]; /* from the id on; the next pointer is filled in later */
};

struct cap;
/** Whether no capability of the device lies in config bytes [offset, offset + length). */
bool quirk_cap_free(const struct cap *caps, unsigned count, unsigned offset, unsigned length);

enum {
	QUIRK_VGA = 1,     /* the row is for functions with the VGA ranges (x-vga) */
	QUIRK_GEFORCE = 2, /* x-no-geforce-quirks turns the row off */
};

struct quirk {
	const char *name;
	uint16_t vendor, device, device_mask; /* mask 0: any device */
	uint32_t class_code, class_mask;
	unsigned when; /* QUIRK_VGA, QUIRK_GEFORCE */
	/* Adds windows. Called after BARs and capabilities are set up, before BARs are mapped. */
	void (*setup)(struct lend_function *function, const struct quirk *row);
	/* Adds a capability; `caps` are the device's own. 0, or -EINVAL with a sentence. */
	int (*capability)(struct lend_function *function, const struct cap *caps, unsigned count,
			  struct quirk_cap *out, struct lend_error *error);
	/* Resets the device alone, if the kernel cannot. With the lock; the function is stopped. */
	int (*reset)(struct lend_function *function);
	uint32_t pba; /* not 0: the offset of its MSI-X PBA, if the register is out of bounds (spec 4.1) */
};

/** Row `index` of the table; NULL beyond its end (quirks/table.c). */
const struct quirk *quirk_row(size_t index);

/** Adds the windows of the quirks that match. */
void quirks_setup(struct lend_function *function);
/**
 * The next capability that a quirk adds, from row `*row` on; `*row` moves behind
 * it. out->offset 0: there is none. 0 or negative errno.
 */
int quirks_capability(struct lend_function *function, const struct cap *caps, unsigned count, size_t *row,
		      struct quirk_cap *out, struct lend_error *error);
/** The offset of the PBA: that of a quirk, if the device's register is known to be wrong, else `offset`. */
uint64_t quirk_pba(const struct lend_function *function, uint64_t offset);

/** Resets the device by a quirk. -EOPNOTSUPP: there is none. With the lock. */
int quirk_reset(struct lend_function *function);
/**
 * Called after each reset, by state_start(): the registers of quirks are as at
 * the start, and learned writes are forgotten (spec 8.6). With the lock.
 */
void quirks_after_reset(struct lend_function *function);
/** Begins without learned writes; closes their eventfds at the end (quirks/nvidia_ioeventfd.c). */
void learned_init(struct lend_function *function);
void learned_destroy(struct lend_function *function);
/** Serves the bell of a learned write: the loop carries the write out. With the lock (ledger/bell.h). */
void ack_rings(struct lend_function *function, unsigned number);

/** Adds a window of a quirk. If there is no room, that is a line of log. */
void quirk_window(struct lend_function *function, const struct quirk *row, const struct window *window);

/** Applies the user's rules that match. Before the header is set up. -EINVAL, -ENOMEM. */
int rules_apply(struct lend_function *function, struct lend_error *error);
/** Adds the windows of their trapped ranges. After the BARs are set up. */
void rules_windows(struct lend_function *function);

/*
 * The questions to the user's rules (rules_apply.c). Any thread, once the rules
 * are applied. What is not asked here is in function->rules (resets, the ROM), or
 * the rules apply it themselves (INTx, traps, strict config space).
 */
/** Whether this standard, or extended, capability is to be hidden. */
bool rules_deny_cap(const struct lend_function *function, uint8_t id);
bool rules_deny_extended(const struct lend_function *function, uint16_t id);
/** Whether the registers of this vendor's extended capabilities are closed. */
bool rules_close_vendor(const struct lend_function *function, uint16_t vendor);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Quirks: what single devices need beside the rules (spec/vfio-pci.md, section
 * 10). One const table has a row a device and hook (quirks/table.c); what a hook
 * does is in a file of its own in quirks/. And the questions that other code
 * asks of the user's rules, which are quirks from a file (rules.h).
 */
#ifndef LIB_PCI_RULES_QUIRK_H
#define LIB_PCI_RULES_QUIRK_H

#include "lib/pci/function.h"

/** The ids that quirks and rules match against: those that the guest sees. */
struct quirk_ids {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code; /* 24 bits */
};
struct quirk_ids quirk_ids(const struct lend_function *function);

/** A capability of ours, to be put behind the device's own. */
struct quirk_cap {
	unsigned offset; /* 0: none */
	unsigned length;
	uint8_t bytes[24]; /* from the id on; the next pointer is filled in later */
};

/** Whether config bytes [offset, offset + length) are free of the device's capabilities. */
struct cap;
bool quirk_cap_free(const struct cap *caps, unsigned count, unsigned offset, unsigned length);

enum {
	QUIRK_VGA = 1,     /* only with the VGA ranges (x-vga) */
	QUIRK_GEFORCE = 2, /* not with x-no-geforce-quirks */
};

struct quirk {
	const char *name;
	uint16_t vendor, device, device_mask; /* mask 0: any */
	uint32_t class_code, class_mask;
	unsigned when; /* QUIRK_VGA, QUIRK_GEFORCE */
	/* Windows: after BARs and capabilities are set up, before BARs are mapped. */
	void (*setup)(struct lend_function *function, const struct quirk *row);
	/* A capability beside the device's own, which are `caps`: 0, or -EINVAL with a sentence. */
	int (*capability)(struct lend_function *function, const struct cap *caps, unsigned count,
			  struct quirk_cap *out, struct lend_error *error);
	/* A reset of the device alone, where the kernel has none; with the lock, the function stopped. */
	int (*reset)(struct lend_function *function);
	uint32_t pba; /* not 0: where its MSI-X PBA is, if the register is out of bounds (spec 4.1) */
};

/** Row `index` of the table; NULL beyond its end (quirks/table.c). */
const struct quirk *quirk_row(size_t index);

/** Adds the windows of the quirks that match. */
void quirks_setup(struct lend_function *function);
/** The first capability of ours at or after row `*row`, which moves behind it. 0 or negative errno. */
int quirks_capability(struct lend_function *function, const struct cap *caps, unsigned count, size_t *row,
		      struct quirk_cap *out, struct lend_error *error);
/** Where the PBA is, for a device whose register is wrong; else `offset`. */
uint64_t quirk_pba(const struct lend_function *function, uint64_t offset);

/** The reset that a quirk has for the device: 0 done; -EOPNOTSUPP: none; else why not. With the lock. */
int quirk_reset(struct lend_function *function);
/**
 * After any reset: registers of quirks are as at the start, and what was
 * learned is forgotten (spec 8.6). state_start() calls it. With the lock.
 */
void quirks_after_reset(struct lend_function *function);
/** No write is learned yet; the eventfds of those that were are closed (quirks/nvidia_ioeventfd.c). */
void learned_init(struct lend_function *function);
void learned_destroy(struct lend_function *function);
/** The eventfd of a learned write can be read, and the loop carries it out. With the lock (ledger/bell.h). */
void ack_rings(struct lend_function *function, unsigned number);

/** Adds a quirk's window; says so when there is no room. */
void quirk_window(struct lend_function *function, const struct quirk *row, const struct window *window);

/*
 * The questions to the user's rules (rules_match.c). Any thread, once the
 * function is made. INTx, capabilities, trapping and strict config space are
 * done by the rules themselves.
 */
/** `method` as sysfs has it in reset_method: "flr", "af_flr", "pm", "bus", "device_specific", … */
bool rules_reset_broken(const struct lend_function *function, const char *method);
bool rules_deny_cap(const struct lend_function *function, uint8_t id);
bool rules_deny_extended(const struct lend_function *function, uint16_t id);
/** Whether the registers of this maker's extended capabilities are closed. */
bool rules_close_vendor(const struct lend_function *function, uint16_t vendor);

#endif

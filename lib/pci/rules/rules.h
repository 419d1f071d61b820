/* SPDX-License-Identifier: MIT */
/*
 * The user's rules: quirks from files, lend-quirks(5). A context reads them once,
 * at its first function (rules_file.c); each rule is parsed strictly
 * (rules_read.c), and matched with each function (rules_match.c). If a file is
 * wrong, no function can be made: the wrong rule may be meant for any of them.
 */
#ifndef LIB_PCI_RULES_RULES_H
#define LIB_PCI_RULES_RULES_H

#include <jansson.h>

#include "lib/pci/rules/quirk_state.h"

enum {
	RULES_FILES_MAX = 64,
	RULES_FILE_BYTES = 64 << 10,
	RULES_MAX = 256, /* in all files */
	RULES_TRAPS_MAX = 16,
};

/* The ids that a function needs for a rule to match. An id that is not given may be any. */
struct rule_match {
	bool vendor_given, device_given, subsystem_vendor_given, subsystem_given;
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code, class_mask; /* mask 0: not given */
};

struct rule_trap {
	unsigned bar;
	uint64_t offset, length;
};

struct rule {
	char place[112]; /* "10-card.json, rule 2": for messages */
	struct rule_match match;
	bool forbid_intx, deny_rom, strict;
	unsigned broken_resets;
	unsigned cap_count, extended_count, vendor_count, trap_count;
	uint16_t caps[RULES_CAPS_MAX], extended[RULES_CAPS_MAX], vendors[RULES_VENDORS_MAX];
	struct rule_trap traps[RULES_TRAPS_MAX];
};

struct rules {
	size_t count;
	struct rule *rule;
};

/** The names of reset methods, as in sysfs' reset_method. */
extern const char *const rules_reset_words[RESET_WORDS];

/**
 * Reads all files of `directory`, in the order of their names. A directory that
 * does not exist has none; `*out` is NULL then. Free it with rules_free().
 * -EINVAL, or the error of opening one, with a sentence that names the file and
 * the place in it; -ENOMEM.
 */
int rules_load(const char *directory, struct rules **out, struct lend_error *error);
void rules_free(struct rules *rules);

/** Parses one rule. -EINVAL: error->text says what is wrong; the caller adds file and number. */
int rule_read(const json_t *json, struct rule *out, struct lend_error *error);

struct lend_function;
/** Applies the rules that match the function. Before its header is set up. -EINVAL, -ENOMEM. */
int rules_apply(struct lend_function *function, struct lend_error *error);
/** Adds the windows of their trapped ranges. After the BARs are set up. */
void rules_windows(struct lend_function *function);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The user's own quirks, from files: lend-quirks(5). They are read once a
 * context, at its first function (rules_file.c), each rule by a strict reader
 * (rules_read.c), and matched against each function (rules_match.c). A file
 * that is wrong refuses every device: nobody can say whom it was meant for.
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

/* Ids that a rule wants to see; each only where its bit is in `given`. */
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

/** sysfs's names of reset methods, as reset_method has them. */
extern const char *const rules_reset_words[RESET_WORDS];

/**
 * Reads all files of `directory`, by name; a directory that is not there has
 * none. -EINVAL, or what opening one said, with a sentence that names file and
 * place; -ENOMEM. To be freed with rules_free().
 */
int rules_load(const char *directory, struct rules **out, struct lend_error *error);
void rules_free(struct rules *rules);

/** Reads one rule. -EINVAL: error->text says what is wrong with it, without file and number. */
int rule_read(const json_t *json, struct rule *out, struct lend_error *error);

/** Matches the function's rules, and does what they say before the header is set up. */
struct lend_function;
int rules_apply(struct lend_function *function, struct lend_error *error);
/** Their trapped ranges, after BARs are known. */
void rules_windows(struct lend_function *function);

#endif

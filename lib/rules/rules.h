/* SPDX-License-Identifier: MIT */
/*
 * The user's rules: quirks from files, lend-quirks(5). A context reads them once,
 * when the first device is asked about (rules_file.c); each rule is parsed strictly
 * (rules_read.c), and matched with the ids of a device (rules_match.c). If a file is
 * wrong, no device is handed out: the wrong rule may be meant for any of them. A
 * function follows them (lib/pci/rules), and the check of the host tells beforehand
 * what comes of them (lib/host/check): both ask here.
 */
#ifndef LIB_RULES_RULES_H
#define LIB_RULES_RULES_H

#include <jansson.h>

#include "lib/context.h"
#include "lib/reset_way.h"

enum {
	RULES_FILES_MAX = 64,
	RULES_FILE_BYTES = 64 << 10,
	RULES_MAX = 256, /* in all files */
	RULES_TRAPS_MAX = 16,
	RULES_CAPS_MAX = 32,
	RULES_VENDORS_MAX = 8,
};

/** The ids that rules and quirks are matched with: those that the guest sees. */
struct rule_ids {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class_code; /* 24 bits */
};

/** What all rules that match a device say of it. */
struct rules_applied {
	bool forbid_intx, deny_rom, strict;
	unsigned broken_resets; /* bit n: reset_words[n] */
	unsigned cap_count, extended_count, vendor_count;
	uint16_t caps[RULES_CAPS_MAX], extended[RULES_CAPS_MAX];
	uint16_t vendors[RULES_VENDORS_MAX]; /* vendors whose registers are closed */
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

/**
 * The rules of the context's folder, which the first call reads; NULL: there are none.
 * They live as long as the context. Any thread. -EINVAL: a file is wrong or cannot be
 * read, with a sentence that names it, the same at each call; -ENOMEM.
 */
int rules_get(struct lend_context *context, const struct rules **out, struct lend_error *error);

/** The next rule from `*index` on that matches; `*index` moves behind it. NULL: there is none. */
const struct rule *rules_next(const struct rules *rules, const struct rule_ids *ids, size_t *index);

/** The first rule that matches and calls this method broken; NULL: there is none. */
const struct rule *rules_breaking(const struct rules *rules, const struct rule_ids *ids,
				  enum reset_method method);

/**
 * Joins what the rules that match say. `rules` may be NULL. -EINVAL: together they deny
 * more than there is room for; the sentence names the rule, and not the device.
 */
int rules_merge(const struct rules *rules, const struct rule_ids *ids, struct rules_applied *out,
		struct lend_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A rule that survives a reboot: a file below bind.d in the context's
 * configuration folder. It says that a device is to be bound, or how many
 * virtual functions are to be made of one.
 */
#ifndef LIB_HOST_TAKING_BOOT_RULE_H
#define LIB_HOST_TAKING_BOOT_RULE_H

#include "lib/host/survey/survey.h"

struct boot_rule {
	char path[128];     /* of the slot */
	char expected[80];  /* "8086:10d3" or "8086:10d3/SERIAL" */
	char physical[80];  /* of a virtual function: its physical one, in the same form; empty: it is none */
	unsigned functions; /* how many the physical one has; 0: not said */
	bool siblings, has_user;
	uid_t user;
};

/* What a rule is for; each slot has at most one of each. */
enum boot_rule_kind {
	RULE_BIND,
	RULE_FUNCTIONS,
};

/** The name of its file. */
void boot_rule_name(const char *slot, enum boot_rule_kind kind, char out[160]);
enum boot_rule_kind boot_rule_kind(const char *name);

/** -ENOENT: there is none; -EINVAL: it is none of ours, by its name or by what is in it. */
int boot_rule_read(struct lend_context *context, const char *name, struct boot_rule *out);
/** Writes it beside the one that is in force, which stays until boot_rule_commit(). */
int boot_rule_stage(struct lend_context *context, const char *name, const struct boot_rule *rule);
int boot_rule_commit(struct lend_context *context, const char *name);
/** Forgets what boot_rule_stage() wrote. */
void boot_rule_discard(struct lend_context *context, const char *name);
int boot_rule_remove(struct lend_context *context, const char *name);

/** Calls `each` with the name of each. */
int boot_rule_each(struct lend_context *context, int (*each)(void *opaque, const char *name), void *opaque);

/** What a device is to be at the next boot. */
void boot_rule_expect(struct lend_context *context, const struct lend_survey_device *device, char out[80]);

/** The slot of a virtual function's physical one, and its index; false: it is no path of one. */
bool boot_rule_split(const char *path, char pf[128], unsigned *index);

#endif

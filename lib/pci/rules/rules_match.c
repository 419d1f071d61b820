/* SPDX-License-Identifier: MIT */
/*
 * Which rules match a function, and what they do to it. All rules that match are
 * applied; none takes back what another did. The log has one line a device and
 * rule: a monitor that looks for a place may make the function twice.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/pci/rules/quirk.h"
#include "lib/pci/rules/rules.h"

static bool matches(const struct rule_match *match, const struct quirk_ids *ids)
{
	return (!match->vendor_given || match->vendor == ids->vendor) &&
	       (!match->device_given || match->device == ids->device) &&
	       (!match->subsystem_vendor_given || match->subsystem_vendor == ids->subsystem_vendor) &&
	       (!match->subsystem_given || match->subsystem == ids->subsystem) &&
	       (ids->class_code & match->class_mask) == match->class_code;
}

/* The context's rules, read at the first call; NULL: none. */
static int get(struct lend_context *context, const struct rules **out, struct lend_error *error)
{
	struct context_rules *kept = context_rules(context);
	int ret;

	pthread_mutex_lock(&kept->lock);
	if (!kept->read) {
		kept->read = true;
		kept->free = rules_free;
		kept->result =
			kept->directory[0] ? rules_load(kept->directory, &kept->rules, &kept->error) : 0;
	}
	*out = kept->rules;
	ret = kept->result < 0
		      ? error_say(error, kept->result == -ENOMEM ? -ENOMEM : -EINVAL, "%s", kept->error.text)
		      : 0;
	pthread_mutex_unlock(&kept->lock);
	return ret;
}

/* What a rule does, for the line of log: ", no INTx, no capability 05 11". */
static void describe(const struct rule *rule, char *text, size_t room)
{
	size_t used = 0;

#define ADD(...)                                                                                             \
	if (used < room)                                                                                     \
	used += (size_t)snprintf(text + used, room - used, __VA_ARGS__)
	text[0] = '\0';
	if (rule->forbid_intx)
		ADD(", no INTx");
	if (rule->deny_rom)
		ADD(", no ROM");
	if (rule->strict)
		ADD(", strict config space");
	for (unsigned i = 0; i < rule->cap_count; i++)
		ADD("%s%02x", i ? " " : ", no capability ", rule->caps[i]);
	for (unsigned i = 0; i < rule->extended_count; i++)
		ADD("%s%04x", i ? " " : ", no extended capability ", rule->extended[i]);
	for (unsigned i = 0; i < rule->vendor_count; i++)
		ADD("%s%04x", i ? " " : ", registers closed of vendor ", rule->vendors[i]);
	for (unsigned i = 0; i < RESET_WORDS; i++)
		if (rule->broken_resets & 1u << i)
			ADD(", no reset by %s", rules_reset_words[i]);
	for (unsigned i = 0; i < rule->trap_count; i++)
		ADD(", BAR %u trapped at 0x%llx+0x%llx", rule->traps[i].bar,
		    (unsigned long long)rule->traps[i].offset, (unsigned long long)rule->traps[i].length);
#undef ADD
}

static int merge_ids(uint16_t *to, unsigned *count, unsigned room, const uint16_t *from, unsigned more)
{
	if (more > room - *count)
		return -ENOSPC;
	memcpy(to + *count, from, more * sizeof(*to));
	*count += more;
	return 0;
}

static int apply(struct lend_function *function, const struct rule *rule, struct lend_error *error)
{
	struct rules_applied *applied = &function->rules;
	char text[384];

	if (merge_ids(applied->caps, &applied->cap_count, RULES_CAPS_MAX, rule->caps, rule->cap_count) < 0 ||
	    merge_ids(applied->extended, &applied->extended_count, RULES_CAPS_MAX, rule->extended,
		      rule->extended_count) < 0)
		return error_say(error, -EINVAL, "%s: %s: more than %d denied capabilities in all rules",
				 function->name, rule->place, RULES_CAPS_MAX);
	if (merge_ids(applied->vendors, &applied->vendor_count, RULES_VENDORS_MAX, rule->vendors,
		      rule->vendor_count) < 0)
		return error_say(error, -EINVAL, "%s: %s: more than %d vendors in all rules", function->name,
				 rule->place, RULES_VENDORS_MAX);
	applied->deny_rom |= rule->deny_rom;
	applied->broken_resets |= rule->broken_resets;
	function->no_intx |= rule->forbid_intx;
	function->strict |= rule->strict;
	describe(rule, text, sizeof(text));
	if (!function->device->rules_said)
		function_log(function, LEND_LOG_INFO, "%s: %s", rule->place,
			     text[0] ? text + 2 : "does nothing");
	return 0;
}

/* The next rule from `*index` on that matches; `*index` moves behind it. NULL: there is none. */
static const struct rule *next(const struct lend_function *function, const struct rules *rules, size_t *index)
{
	struct quirk_ids ids = quirk_ids(function);

	while (rules && *index < rules->count) {
		const struct rule *rule = &rules->rule[(*index)++];

		if (matches(&rule->match, &ids))
			return rule;
	}
	return NULL;
}

int rules_apply(struct lend_function *function, struct lend_error *error)
{
	const struct rules *rules;
	const struct rule *rule;
	size_t i = 0;
	int ret = get(function->context, &rules, error);

	while (!ret && (rule = next(function, rules, &i)))
		ret = apply(function, rule, error);
	return ret;
}

void rules_windows(struct lend_function *function)
{
	const struct rules *rules;
	const struct rule *rule;
	size_t at = 0;

	if (get(function->context, &rules, NULL) < 0)
		return;
	while ((rule = next(function, rules, &at))) {
		for (unsigned i = 0; i < rule->trap_count; i++) {
			const struct rule_trap *trap = &rule->traps[i];
			const struct window window = {.region = trap->bar,
						      .offset = trap->offset,
						      .length = trap->length,
						      .reason = LEND_REASON_RULE,
						      .name = rule->place};
			int ret = window_add(function, &window);

			if (ret < 0 && !function->device->rules_said)
				function_log(function, LEND_LOG_WARNING, "%s: trap %u is left out: %s",
					     rule->place, i + 1,
					     ret == -ERANGE ? "it is not inside that BAR"
							    : "there are too many");
		}
	}
	function->device->rules_said = true;
}

static bool has(const uint16_t *ids, unsigned count, uint16_t id)
{
	for (unsigned i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

bool rules_reset_broken(const struct lend_function *function, const char *method)
{
	for (unsigned i = 0; i < RESET_WORDS; i++)
		if (!strcmp(method, rules_reset_words[i]))
			return function->rules.broken_resets & 1u << i;
	return false;
}

bool rules_deny_cap(const struct lend_function *function, uint8_t id)
{
	return has(function->rules.caps, function->rules.cap_count, id);
}

bool rules_deny_extended(const struct lend_function *function, uint16_t id)
{
	return has(function->rules.extended, function->rules.extended_count, id);
}

bool rules_close_vendor(const struct lend_function *function, uint16_t vendor)
{
	return has(function->rules.vendors, function->rules.vendor_count, vendor);
}

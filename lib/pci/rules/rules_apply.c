/* SPDX-License-Identifier: MIT */
/*
 * What the user's rules do to a function. The log has one line a device and rule: a
 * monitor that looks for a place may make the function twice.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/pci/rules/quirk.h"

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
			ADD(", no reset by %s", reset_words[i]);
	for (unsigned i = 0; i < rule->trap_count; i++)
		ADD(", BAR %u trapped at 0x%llx+0x%llx", rule->traps[i].bar,
		    (unsigned long long)rule->traps[i].offset, (unsigned long long)rule->traps[i].length);
#undef ADD
}

static void say(struct lend_function *function, const struct rule *rule)
{
	char text[384];

	describe(rule, text, sizeof(text));
	function_log(function, LEND_LOG_INFO, "%s: %s", rule->place, text[0] ? text + 2 : "does nothing");
}

int rules_apply(struct lend_function *function, struct lend_error *error)
{
	struct rule_ids ids = quirk_ids(function);
	struct lend_error inner = {""};
	const struct rules *rules;
	const struct rule *rule;
	size_t at = 0;
	int ret = rules_get(function->context, &rules, error);

	if (ret < 0)
		return ret;
	ret = rules_merge(rules, &ids, &function->rules, &inner);
	if (ret < 0)
		return error_say(error, ret, "%s: %.200s", function->name, inner.text);
	function->no_intx |= function->rules.forbid_intx;
	function->strict |= function->rules.strict;
	while (!function->device->rules_said && (rule = rules_next(rules, &ids, &at)))
		say(function, rule);
	return 0;
}

void rules_windows(struct lend_function *function)
{
	struct rule_ids ids = quirk_ids(function);
	const struct rules *rules;
	const struct rule *rule;
	size_t at = 0;

	if (rules_get(function->context, &rules, NULL) < 0)
		return;
	while ((rule = rules_next(rules, &ids, &at))) {
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

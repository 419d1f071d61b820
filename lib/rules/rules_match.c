/* SPDX-License-Identifier: MIT */
/*
 * The context's rules, and which of them match a device. All that match count; none
 * takes back what another one says.
 */
#include <errno.h>
#include <string.h>

#include "lib/error.h"
#include "lib/rules/rules.h"

static bool matches(const struct rule_match *match, const struct rule_ids *ids)
{
	return (!match->vendor_given || match->vendor == ids->vendor) &&
	       (!match->device_given || match->device == ids->device) &&
	       (!match->subsystem_vendor_given || match->subsystem_vendor == ids->subsystem_vendor) &&
	       (!match->subsystem_given || match->subsystem == ids->subsystem) &&
	       (ids->class_code & match->class_mask) == match->class_code;
}

int rules_get(struct lend_context *context, const struct rules **out, struct lend_error *error)
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

void lend_context_read_rules(struct lend_context *context)
{
	const struct rules *rules;

	rules_get(context, &rules, NULL);
}

const struct rule *rules_next(const struct rules *rules, const struct rule_ids *ids, size_t *index)
{
	while (rules && *index < rules->count) {
		const struct rule *rule = &rules->rule[(*index)++];

		if (matches(&rule->match, ids))
			return rule;
	}
	return NULL;
}

const struct rule *rules_breaking(const struct rules *rules, const struct rule_ids *ids,
				  enum reset_method method)
{
	const struct rule *rule;
	size_t at = 0;

	while ((rule = rules_next(rules, ids, &at)))
		if (method < RESET_WORDS && rule->broken_resets & 1u << method)
			return rule;
	return NULL;
}

static int merge_ids(uint16_t *to, unsigned *count, unsigned room, const uint16_t *from, unsigned more)
{
	if (more > room - *count)
		return -ENOSPC;
	memcpy(to + *count, from, more * sizeof(*to));
	*count += more;
	return 0;
}

static int merge(struct rules_applied *out, const struct rule *rule, struct lend_error *error)
{
	if (merge_ids(out->caps, &out->cap_count, RULES_CAPS_MAX, rule->caps, rule->cap_count) < 0 ||
	    merge_ids(out->extended, &out->extended_count, RULES_CAPS_MAX, rule->extended,
		      rule->extended_count) < 0)
		return error_say(error, -EINVAL, "%s: more than %d denied capabilities in all rules",
				 rule->place, RULES_CAPS_MAX);
	if (merge_ids(out->vendors, &out->vendor_count, RULES_VENDORS_MAX, rule->vendors,
		      rule->vendor_count) < 0)
		return error_say(error, -EINVAL, "%s: more than %d vendors in all rules", rule->place,
				 RULES_VENDORS_MAX);
	out->deny_rom |= rule->deny_rom;
	out->forbid_intx |= rule->forbid_intx;
	out->strict |= rule->strict;
	out->broken_resets |= rule->broken_resets;
	return 0;
}

int rules_merge(const struct rules *rules, const struct rule_ids *ids, struct rules_applied *out,
		struct lend_error *error)
{
	const struct rule *rule;
	size_t at = 0;
	int ret = 0;

	*out = (struct rules_applied){0};
	while (!ret && (rule = rules_next(rules, ids, &at)))
		ret = merge(out, rule, error);
	return ret;
}

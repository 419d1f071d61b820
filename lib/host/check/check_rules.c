/* SPDX-License-Identifier: MIT */
/* The user's own rules, lend-quirks(5), as far as they decide whether a device is handed out. */
#include <errno.h>
#include <string.h>

#include "lend/function.h"
#include "lib/host/check/check.h"

/* While a file is wrong, nobody can tell which device it was meant for. */
void check_rules(struct lend_check *check)
{
	struct lend_error error = {""};
	int ret = rules_get(check->context, &check->rules, &error);

	if (ret == -ENOMEM)
		check->survey->failed = ret;
	else if (ret < 0)
		CHECK_CURE(check_row(check, "rules", NULL, LEND_FAILED,
				     "%.230s: no device is handed out while a file of rules is wrong",
				     error.text),
			   advice,
			   "mend it, let the user who runs lend read it, or take it out of its folder "
			   "(man lend-quirks)");
}

struct rule_ids check_ids(const struct lend_check *check, const struct lend_survey_device *device)
{
	struct rule_ids ids = {.vendor = device->is.vendor,
			       .device = device->is.device,
			       .subsystem_vendor = device->subsystem_vendor,
			       .subsystem = device->subsystem_device,
			       .class_code = device->is.class_code};

	for (size_t i = 0; check->options.ids && i < check->device_count; i++) {
		const struct lend_ids *own = &check->options.ids[i];

		if (check->devices[i] != device)
			continue;
		ids.vendor = own->given & LEND_ID_VENDOR ? own->vendor : ids.vendor;
		ids.device = own->given & LEND_ID_DEVICE ? own->device : ids.device;
		ids.subsystem_vendor =
			own->given & LEND_ID_SUB_VENDOR ? own->sub_vendor : ids.subsystem_vendor;
		ids.subsystem = own->given & LEND_ID_SUBSYSTEM ? own->subsystem : ids.subsystem;
		ids.class_code = own->given & LEND_ID_CLASS ? own->class_code : ids.class_code;
	}
	return ids;
}

void check_rules_of(struct lend_check *check, const struct lend_survey_device *device)
{
	struct rule_ids ids = check_ids(check, device);
	struct rules_applied applied;
	struct lend_error error;

	if (rules_merge(check->rules, &ids, &applied, &error) < 0)
		CHECK_CURE(check_row(check, "rules", device, LEND_FAILED, "%.300s", error.text), advice,
			   "let fewer rules match it (man lend-quirks)");
}

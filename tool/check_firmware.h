/* SPDX-License-Identifier: MIT */
/* What stands between now and a machine with UEFI firmware, as rows like those of the library's check. */
#ifndef TOOL_CHECK_FIRMWARE_H
#define TOOL_CHECK_FIRMWARE_H

#include "lend/survey.h"
#include "tool/check_rows.h"

/** What is looked at beside the files. */
struct firmware_facts {
	const char *sys; /* "/sys" */
	bool has_rdrand; /* the processor makes random numbers */
	const struct lend_survey_device *const *devices;
	size_t device_count;
};

/** Whether this computer's processor has RDRAND. */
bool check_rdrand(void);

/**
 * Checks the firmware that `value` names, as -firmware of lend run takes it. Nothing is made or locked.
 * 0, or -EINVAL with the sentence: `value` is wrong.
 */
int check_firmware(const char *value, const struct firmware_facts *facts, struct check_rows *out,
		   struct lend_error *error);

/** Whether none of them failed. */
bool firmware_rows_passed(const struct check_rows *rows);

#endif

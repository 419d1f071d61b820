/* SPDX-License-Identifier: MIT */
/* Making a check, and the order of its rows (check.h). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/host/check/check.h"
#include "lib/sized.h"

enum { DEFAULT_MIB = 512 };

struct lend_check_row *check_row(struct lend_check *check, const char *topic,
				 const struct lend_survey_device *device, enum lend_verdict verdict,
				 const char *format, ...)
{
	struct lend_check_row *row =
		survey_row(check->survey, &check->rows, &check->row_count, sizeof(*check->rows));
	va_list args;

	if (!row)
		row = &check->spare;
	memset(row, 0, sizeof(*row));
	row->size = sizeof(*row);
	row->topic = topic;
	row->verdict = verdict;
	if (device)
		snprintf(row->device, sizeof(row->device), "%s", device->is.name);
	va_start(args, format);
	vsnprintf(row->text, sizeof(row->text), format, args);
	va_end(args);
	return row;
}

bool check_is_hindered(const struct lend_check *check, const struct lend_survey_device *device)
{
	const struct lend_survey_device *other;

	for (size_t i = 0; (other = lend_survey_at(check->survey, i)); i++) {
		bool checked = false;

		for (size_t k = 0; k < check->device_count; k++)
			checked |= check->devices[k] == other;
		if (!checked && survey_member(check->survey, device, other) == MEMBER_COMES)
			return true;
	}
	return false;
}

static int find_devices(struct lend_check *check, const struct lend_bdf *devices, size_t count,
			struct lend_error *error)
{
	char name[16];

	check->devices = calloc(count ? count : 1, sizeof(struct lend_survey_device *));
	if (!check->devices)
		return error_say(error, -ENOMEM, "not enough memory");
	check->device_count = count;
	for (size_t i = 0; i < count; i++) {
		check->devices[i] = lend_survey_find(check->survey, &devices[i]);
		lend_bdf_format(&devices[i], name);
		if (!check->devices[i])
			return error_say(error, -ENODEV,
					 "there is no PCI device %s; lend ls lists those that there are",
					 name);
	}
	return 0;
}

int lend_check_new(struct lend_context *context, const struct lend_bdf *devices, size_t count,
		   const struct lend_check_options *options, struct lend_check **out,
		   struct lend_error *error)
{
	struct lend_check *check = calloc(1, sizeof(*check));
	int ret = 0;

	if (!check)
		return error_say(error, -ENOMEM, "not enough memory");
	check->context = context;
	if (options)
		ret = sized_take(&check->options, sizeof(check->options), options, sizeof(options->size));
	if (ret < 0) {
		error_say(error, ret, "lend_check_options: its size is that of no version");
		goto fail;
	}
	if (!check->options.memory)
		check->options.memory = (uint64_t)DEFAULT_MIB << 20;
	if (!check->options.processors)
		check->options.processors = 1;
	ret = check->options.starting ? survey_near(context, devices, count, &check->survey)
				      : lend_survey_new(context, &check->survey);
	if (ret)
		error_say(error, ret, "cannot look at the devices of this computer: %s", strerror(-ret));
	else
		ret = find_devices(check, devices, count, error);
	if (!ret) {
		check_computer(check);
		if (!check->options.starting)
			check_kernel(check);
		if (count)
			check_rules(check);
		for (size_t i = 0; i < count; i++)
			check_device(check, check->devices[i]);
		check_user(check);
		ret = check->survey->failed;
		if (ret)
			error_say(error, ret, "not enough memory");
	}
	if (ret)
		goto fail;
	*out = check;
	return 0;

fail:
	lend_check_free(check);
	return ret;
}

void lend_check_free(struct lend_check *check)
{
	if (!check)
		return;
	free(check->rows);
	free(check->devices);
	lend_survey_free(check->survey);
	free(check);
}

const struct lend_check_row *lend_check_at(const struct lend_check *check, size_t index)
{
	return index < check->row_count ? &check->rows[index] : NULL;
}

static void add_cure(char *text, size_t size, const char *before, const char *cure, const char *after)
{
	size_t used = strlen(text);

	if (cure[0] && used + strlen(before) + strlen(cure) + strlen(after) < size)
		snprintf(text + used, size - used, "%s%s%s", before, cure, after);
}

void lend_check_sentence(const struct lend_check_row *row, struct lend_error *out)
{
	snprintf(out->text, sizeof(out->text), "%s%s%s", row->device, row->device[0] ? ": " : "", row->text);
	if (row->kernel_argument[0])
		add_cure(out->text, sizeof(out->text), "; add ", row->kernel_argument,
			 " to the kernel's command line, and reboot");
	else if (row->command[0])
		add_cure(out->text, sizeof(out->text), "; as root: ", row->command, "");
	else
		add_cure(out->text, sizeof(out->text), "; ", row->advice, "");
}

bool lend_check_passed(const struct lend_check *check)
{
	for (size_t i = 0; i < check->row_count; i++)
		if (check->rows[i].verdict == LEND_FAILED)
			return false;
	return true;
}

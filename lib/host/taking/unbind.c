/* SPDX-License-Identifier: MIT */
/* Giving devices back: those that the caller names, those of this process, those that were left behind. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"

static int check_one(const struct operation *op, const struct lend_survey_device *device)
{
	for (size_t i = 0; i < device->use_count; i++)
		if (device->uses[i].kind == LEND_USE_LENT)
			return error_say(op->error, -EBUSY,
					 "%s is in use: %s; end that first, or ask for it with --force",
					 device->is.name, device->uses[i].text);
	return 0;
}

/*
 * Whether a process has the device, its group, or one of its virtual functions open:
 * detaching the device would wait for that process.
 */
static int check_free(const struct operation *op, const struct lend_bdf *bdf)
{
	const struct lend_survey_device *device;
	struct lend_survey *survey;
	char name[16];
	int ret = 0;

	if (op->options.force || lend_survey_new(op->context, &survey))
		return 0;
	lend_bdf_format(bdf, name);
	for (size_t i = 0; !ret && (device = lend_survey_at(survey, i)); i++)
		if (!strcmp(device->is.name, name) || !strcmp(device->physfn, name))
			ret = check_one(op, device);
	lend_survey_free(survey);
	return ret;
}

static int give(const struct operation *op, const struct lend_bdf *bdf)
{
	struct held held;
	char name[16], driver[64];
	int ret;

	lend_bdf_format(bdf, name);
	if (!record_inode(op->context, name))
		return error_say(op->error, -ENODEV,
				 "there is no PCI device %s; lend ls lists those that there are", name);
	ret = held_lock(op, name, &held);
	if (ret)
		return ret;
	operation_driver(op, name, driver);
	if (held.record.phase == PHASE_NONE && held.record.counting) {
		ret = held_end_count(op, &held);
	} else if (held.record.phase == PHASE_NONE && !lend_host_is_vfio(driver)) {
		operation_note(op, "%s: not taken, it is with %s", name, driver[0] ? driver : "no driver");
	} else {
		ret = check_free(op, bdf);
		if (!ret)
			ret = held_give(op, &held);
	}
	held_unlock(&held);
	return ret;
}

int lend_unbind(struct lend_context *context, const struct lend_bdf *devices, size_t count,
		const struct lend_bind_options *options, struct lend_error *error)
{
	struct lend_error later = {""};
	struct operation op;
	int first = 0;

	for (size_t i = 0; i < count; i++) {
		int ret;

		ret = operation_init(&op, context, options, first ? &later : error);
		if (!ret)
			ret = give(&op, &devices[i]);
		if (ret && first)
			operation_note(&op, "%s", later.text);
		if (ret && !first)
			first = ret;
	}
	return first;
}

/* Which records a walk gives back. */
struct mending {
	struct lend_context *context;
	const struct lend_bind_options *options;
	struct lend_error *error;
	bool ours;
	bool counting; /* only unfinished changes of numbers of virtual functions */
	int mended, first;
};

static bool is_left_behind(const struct mending *mending, const struct record *record)
{
	if (mending->ours)
		return record_is_ours(record);
	if (record->phase == PHASE_LENT)
		return record->owner && !record_is_owned(mending->context, record);
	return record->phase != PHASE_NONE;
}

/* If the device itself is given back, the number of its functions comes back with it. */
static int mend_held(const struct mending *mending, const struct operation *op, const struct lend_bdf *bdf,
		     struct held *held)
{
	int ret;

	if (mending->counting)
		return held_end_count(op, held);
	ret = check_free(op, bdf);
	return ret ? ret : held_give(op, held);
}

static bool is_to_mend(const struct mending *mending, const struct record *record)
{
	bool left = is_left_behind(mending, record);

	return mending->counting ? record->counting && !left : left;
}

static int mend_one(void *opaque, const char *name)
{
	struct mending *mending = opaque;
	struct lend_error error = {""};
	struct operation op;
	struct lend_bdf bdf;
	struct held held = {.lock = -1};
	int ret;

	/* Another process that gives its own back looks at this one meanwhile: who looks takes no lock. */
	record_read(mending->context, name, &held.record);
	if (mending->ours && !record_is_ours(&held.record))
		return 0;
	ret = operation_init(&op, mending->context, mending->options, &error);
	if (!ret)
		ret = lend_bdf_parse(name, &bdf);
	if (!ret)
		ret = held_lock(&op, name, &held);
	/* Another process has the lock: it works on the device now. */
	if (ret == -EBUSY && !mending->ours)
		return 0;
	if (!ret && !mending->counting && !record_is_any(&held.record)) {
		/* The device is gone, or another one is at its address. */
		record_remove(mending->context, name);
	} else if (!ret && is_to_mend(mending, &held.record)) {
		ret = mend_held(mending, &op, &bdf, &held);
		mending->mended += !ret;
	}
	if (ret && mending->first)
		operation_note(&op, "%s", error.text);
	else if (ret && mending->error)
		*mending->error = error;
	if (ret && !mending->first)
		mending->first = ret;
	held_unlock(&held);
	return 0;
}

static int walk(struct mending *mending)
{
	struct operation op;
	int ret = operation_init(&op, mending->context, mending->options, mending->error);

	if (ret)
		return ret;
	ret = record_each(mending->context, mend_one, mending);
	if (ret)
		return error_say(mending->error, ret, "cannot read %s: %s", context_state(mending->context),
				 strerror(-ret));
	return mending->first ? mending->first : mending->mended;
}

int lend_give_back(struct lend_context *context, const struct lend_bind_options *options,
		   struct lend_error *error)
{
	struct mending mending = {.context = context, .options = options, .error = error, .ours = true};

	return walk(&mending);
}

int lend_mend(struct lend_context *context, const struct lend_bind_options *options, struct lend_error *error)
{
	struct mending mending = {.context = context, .options = options, .error = error, .counting = true};
	int ret = walk(&mending);

	if (ret < 0 && !mending.first)
		return ret;
	/* First the functions are made again, and then their records are looked at. */
	mending.counting = false;
	return walk(&mending);
}

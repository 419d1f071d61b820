/* SPDX-License-Identifier: MIT */
/* lend_bind(): choosing the devices, checking that they may be taken, and taking all of them or none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"

enum { TOGETHER_MAX = 256 };

/* What one call takes, ascending by address, so that all calls lock in the same order. */
struct taking {
	struct operation op;
	struct lend_survey *survey;
	const struct lend_survey_device *devices[TOGETHER_MAX];
	size_t count;
	struct held *held; /* one for each device */
};

static bool is_taken(const struct taking *taking, const struct lend_survey_device *device)
{
	for (size_t i = 0; i < taking->count; i++)
		if (taking->devices[i] == device)
			return true;
	return false;
}

static int add(struct taking *taking, const struct lend_survey_device *device)
{
	if (is_taken(taking, device))
		return 0;
	if (taking->count == TOGETHER_MAX)
		return error_say(taking->op.error, -E2BIG, "more than %d devices at once; take fewer",
				 TOGETHER_MAX);
	taking->devices[taking->count++] = device;
	return 0;
}

static int add_siblings(struct taking *taking, const struct lend_survey_device *device)
{
	const struct lend_survey_device *other;
	int ret = 0;

	/* What is behind another member goes with it, and vanishes when that is taken. */
	for (size_t i = 0; !ret && (other = lend_survey_at(taking->survey, i)); i++)
		if (other->is.group == device->is.group && other->is.group >= 0 && !is_of_the_host(other) &&
		    !survey_owner_above(taking->survey, other))
			ret = add(taking, other);
	return ret;
}

static int by_address(const void *left, const void *right)
{
	const struct lend_survey_device *const *a = left, *const *b = right;

	return bdf_compare(&(*a)->is.bdf, &(*b)->is.bdf);
}

static int collect(struct taking *taking, const struct lend_bdf *devices, size_t count)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < count; i++) {
		const struct lend_survey_device *device = lend_survey_find(taking->survey, &devices[i]);
		char name[16];

		lend_bdf_format(&devices[i], name);
		if (!device)
			return error_say(taking->op.error, -ENODEV,
					 "there is no PCI device %s; lend ls lists those that there are",
					 name);
		/* Another of a group comes along all the same: it is not opened, but its driver has to go. */
		if (device->state == LEND_STATE_DEAD)
			return error_say(taking->op.error, -EOPNOTSUPP, "%s cannot be lent: %s", name,
					 device->why);
		ret = add(taking, device);
		if (!ret && taking->op.options.siblings)
			ret = add_siblings(taking, device);
	}
	qsort(taking->devices, taking->count, sizeof(*taking->devices), by_address);
	return ret;
}

/* The others of the group that would stay with the host. */
static int check_group(const struct taking *taking, const struct lend_survey_device *device)
{
	const struct lend_survey_device *other;
	char list[200] = "";
	size_t used = 0;

	for (size_t i = 0; (other = lend_survey_at(taking->survey, i)); i++) {
		if (is_taken(taking, other) || survey_member(taking->survey, device, other) != MEMBER_COMES)
			continue;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s (%s)",
						 used ? ", " : "", other->is.name, other->is.driver);
	}
	if (!used)
		return 0;
	return error_say(taking->op.error, -EPERM,
			 "%s shares IOMMU group %d with %s; lend bind %s --siblings takes all of them",
			 device->is.name, device->is.group, list, device->is.name);
}

static int check_one(const struct taking *taking, const struct lend_survey_device *device)
{
	const struct lend_use *use = device->uses;
	char more[48] = "";

	if ((device->state == LEND_STATE_UNFIT || device->state == LEND_STATE_BLOCKED) &&
	    !(taking->op.options.force && device->is.group >= 0))
		return error_say(taking->op.error, -EOPNOTSUPP, "%s cannot be lent: %s", device->is.name,
				 device->why);
	if (taking->op.options.force)
		return 0;
	if (survey_stays_by(device))
		return error_say(taking->op.error, -EBUSY, "%s is in use: %s; take another device",
				 device->is.name, survey_stays_by(device)->text);
	if (device->use_count > 1)
		snprintf(more, sizeof(more), " (and %zu more)", device->use_count - 1);
	/* A device that is lent already is left as it is. */
	if (device->use_count && use->kind != LEND_USE_LENT)
		return error_say(taking->op.error, -EBUSY,
				 "%s is in use: %s%s; end that first, or take it all the same with 'lend "
				 "bind --force'",
				 device->is.name, use->text, more);
	return check_group(taking, device);
}

static int check(const struct taking *taking)
{
	const char *driver = taking->op.options.driver;
	char path[PATH_MAX];
	int ret = 0;

	if (sysfs_path(path, "%s/bus/pci/drivers/%s", context_sysfs(taking->op.context), driver) ||
	    access(path, F_OK))
		return error_say(taking->op.error, -ENODEV,
				 "the driver %s is not there; load it: modprobe %s", driver, driver);
	for (size_t i = 0; !ret && i < taking->count; i++)
		ret = check_one(taking, taking->devices[i]);
	return ret;
}

static int take_all(struct taking *taking)
{
	char driver[64];
	int ret = 0;

	for (size_t i = 0; !ret && i < taking->count; i++)
		ret = held_lock(&taking->op, taking->devices[i]->is.name, &taking->held[i]);
	for (size_t i = 0; !ret && i < taking->count; i++) {
		struct held *held = &taking->held[i];

		/* Look again now that the lock is held: another process may have been faster. */
		operation_driver(&taking->op, held->name, driver);
		if (lend_host_is_vfio(driver) &&
		    (held->record.phase == PHASE_NONE ||
		     (held->record.phase == PHASE_LENT &&
		      (!held->record.owner || record_is_owned(taking->op.context, &held->record))))) {
			operation_note(&taking->op, "%s: with %s already", held->name, driver);
			held->already = true;
			continue;
		}
		ret = held_take(&taking->op, taking->devices[i], held);
	}
	/* Last: the record of another member of its group may need to know who owned the node. */
	for (size_t i = 0; !ret && i < taking->count; i++)
		if (taking->held[i].already)
			ret = held_give_nodes(&taking->op, &taking->held[i]);
	return ret;
}

/* Puts back in reverse order. If a driver does not let go, the device's record stays for lend_mend(). */
static void put_back(struct taking *taking, int why)
{
	struct operation quiet = taking->op;
	struct lend_error error = {""};

	quiet.error = &error;
	quiet.options.note = NULL;
	for (size_t i = taking->count; i-- > 0;) {
		struct held *held = &taking->held[i];
		bool hangs = why == -ETIMEDOUT && held->changed && held->record.phase == PHASE_TAKING;

		held_take_nodes_back(&quiet, held);
		if (held->changed && !hangs && held_give(&quiet, held))
			operation_note(&taking->op, "putting back: %s", error.text);
	}
}

int lend_bind(struct lend_context *context, const struct lend_bdf *devices, size_t count,
	      const struct lend_bind_options *options, struct lend_error *error)
{
	struct taking taking = {0};
	int ret;

	ret = operation_init(&taking.op, context, options, error);
	if (ret)
		return ret;
	/* Made here and not by the caller: what uses a device is asked just before it is taken. */
	ret = lend_survey_new(context, &taking.survey);
	if (ret)
		return error_say(error, ret, "cannot look at the devices of this computer: %s",
				 strerror(-ret));
	ret = collect(&taking, devices, count);
	if (!ret)
		ret = check(&taking);
	if (!ret)
		taking.held = calloc(taking.count ? taking.count : 1, sizeof(*taking.held));
	if (!ret && !taking.held)
		ret = error_say(error, -ENOMEM, "not enough memory");
	if (!ret) {
		for (size_t i = 0; i < taking.count; i++)
			taking.held[i].lock = -1;
		ret = take_all(&taking);
		if (ret)
			put_back(&taking, ret);
		for (size_t i = taking.count; i-- > 0;)
			held_unlock(&taking.held[i]);
	}
	free(taking.held);
	lend_survey_free(taking.survey);
	return ret;
}

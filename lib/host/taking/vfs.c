/* SPDX-License-Identifier: MIT */
/* Making virtual functions. SR-IOV's rules are checked first, because the kernel only returns an errno. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"
#include "lib/host/taking/write.h"

int operation_check_vfs(const struct lend_survey_device *pf, unsigned count, struct lend_error *error)
{
	if (!pf->vfs_max)
		return error_say(error, -EOPNOTSUPP, "%s has no SR-IOV, or none that the kernel uses",
				 pf->is.name);
	return count > pf->vfs_max ? error_say(error, -ERANGE, "%s can have %u virtual functions and not %u",
					       pf->is.name, pf->vfs_max, count)
				   : 0;
}

/* A virtual function that would vanish while somebody uses it. */
static int check_free(const struct operation *op, const struct lend_survey *survey,
		      const struct lend_survey_device *pf)
{
	const struct lend_survey_device *vf;

	for (size_t i = 0; !op->options.force && (vf = lend_survey_at(survey, i)); i++) {
		if (strcmp(vf->physfn, pf->is.name) != 0 || !vf->use_count)
			continue;
		return error_say(op->error, -EBUSY,
				 "%s, a virtual function of %s, is in use: %s; end that first, or remove it "
				 "all the same with --force",
				 vf->is.name, pf->is.name, vf->uses[0].text);
	}
	return 0;
}

/* vfio-pci makes virtual functions only with its parameter enable_sriov, which can be written. */
static int check_driver(const struct operation *op, const struct lend_survey_device *pf)
{
	char dir[PATH_MAX], text[8];
	bool switchable = false;

	if (!pf->is.driver[0])
		return error_say(op->error, -EOPNOTSUPP,
				 "%s has no driver, which would make its virtual functions; give it back to "
				 "its driver first",
				 pf->is.name);
	if (!lend_host_is_vfio(pf->is.driver))
		return 0;
	if (!strcmp(pf->is.driver, "vfio-pci") &&
	    !sysfs_path(dir, "%s/module/vfio_pci/parameters", context_sysfs(op->context)) &&
	    sysfs_read(dir, "enable_sriov", text, sizeof(text)) > 0) {
		if (text[0] == 'Y')
			return 0;
		switchable = true;
	}
	return error_say(op->error, -EOPNOTSUPP,
			 "%s is with %s, which makes no virtual functions: lend unbind %s, make them, and "
			 "then lend them%s%s%s",
			 pf->is.name, pf->is.driver, pf->is.name,
			 switchable ? "; or let vfio-pci make them: echo Y > " : "", switchable ? dir : "",
			 switchable ? "/enable_sriov" : "");
}

/* Reads the number; the kernel changes the links before it. The read waits for a driver that changes it. */
static int read_count(const struct operation *op, const char *pf, unsigned *out)
{
	char dir[PATH_MAX], text[16];
	int ret = sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(op->context), pf);

	if (!ret)
		ret = host_read(dir, "sriov_numvfs", text, sizeof(text), op->options.limit_ms);
	if (ret < 0)
		return error_say(op->error, ret, "%s: cannot read how many virtual functions it has: %s", pf,
				 strerror(-ret));
	*out = (unsigned)strtoul(text, NULL, 10);
	return 0;
}

static int say_refused(const struct operation *op, const char *pf, const char *driver, unsigned count,
		       int why)
{
	switch (-why) {
	case ETIMEDOUT:
		return error_say(op->error, why,
				 "%s: its driver %s is not through with its virtual functions after %u s; "
				 "once it is, lend unbind --stale puts back those that there were",
				 pf, driver, (op->options.limit_ms + 999) / 1000);
	case ENOENT:
	case EOPNOTSUPP:
		return error_say(op->error, -EOPNOTSUPP, "%s: its driver %s makes no virtual functions", pf,
				 driver);
	case ENOMEM:
	case EBUSY:
		return error_say(
			op->error, why,
			"%s: no bus numbers or addresses are left for virtual functions; pci=realloc "
			"or pci=assign-busses on the kernel's command line makes room",
			pf);
	default:
		return error_say(op->error, why, "%s: %s refuses to have %u virtual functions: %s%s", pf,
				 driver, count, strerror(-why), why == -EACCES ? "; run lend as root" : "");
	}
}

static int write_count(const struct operation *op, const char *pf, unsigned count)
{
	char path[PATH_MAX], text[16], driver[64];
	unsigned now;
	int ret;

	ret = sysfs_path(path, "%s/bus/pci/devices/%s/sriov_numvfs", context_sysfs(op->context), pf);
	snprintf(text, sizeof(text), "%u", count);
	operation_driver(op, pf, driver);
	if (!ret)
		ret = host_write(op->context, path, text, op->options.limit_ms);
	if (ret)
		return say_refused(op, pf, driver, count, ret);
	/* A driver may make fewer than asked, and the kernel calls that success. */
	ret = read_count(op, pf, &now);
	if (!ret && now != count)
		ret = error_say(op->error, -ENOSPC, "%s: %s made %u of %u virtual functions", pf, driver, now,
				count);
	return ret;
}

/* The kernel changes the number only from 0 or to 0. */
static int change_count(const struct operation *op, const char *pf, unsigned now, unsigned count)
{
	int ret = now && now != count ? write_count(op, pf, 0) : 0;

	return !ret && count && now != count ? write_count(op, pf, count) : ret;
}

int held_restore_functions(const struct operation *op, const struct held *held, unsigned count)
{
	unsigned now;
	int ret = read_count(op, held->name, &now);

	return ret ? ret : change_count(op, held->name, now, count);
}

/* Removes records of devices that vanished while they were lent, as virtual functions do. */
static int forget_gone(void *opaque, const char *name)
{
	const struct operation *op = opaque;
	struct lend_error error;
	struct record record;
	int lock = record_lock(op->context, name, &error);

	/* Another process has the lock and works on the device. */
	if (lock < 0)
		return 0;
	record_read(op->context, name, &record);
	if (!record_is_any(&record))
		record_remove(op->context, name);
	close(lock);
	return 0;
}

static void forget_all_gone(const struct operation *op)
{
	record_each(op->context, forget_gone, (void *)(uintptr_t)op);
}

/* A function that was lent, vanished, and is there again. */
static int lend_again(const struct operation *op, const struct lend_survey_device *vf)
{
	struct lend_bind_options options = {.size = sizeof(options), .force = true};
	struct record now, before;

	record_read(op->context, vf->is.name, &now);
	record_read_gone(op->context, vf->is.name, &before);
	if (record_is_any(&now) || before.phase != PHASE_LENT || before.owner)
		return 0;
	options.limit_ms = op->options.limit_ms;
	options.has_user = before.to_user;
	options.user = before.user;
	return lend_bind(op->context, &vf->is.bdf, 1, &options, op->error);
}

static int lend_all_again(const struct operation *op, const char *pf)
{
	const struct lend_survey_device *vf;
	struct lend_survey *survey;
	int ret = lend_survey_names(op->context, &survey);

	if (ret)
		return error_say(op->error, ret, "cannot look at the devices of this computer: %s",
				 strerror(-ret));
	for (size_t i = 0; !ret && (vf = lend_survey_at(survey, i)); i++)
		if (!strcmp(vf->physfn, pf))
			ret = lend_again(op, vf);
	lend_survey_free(survey);
	return ret;
}

static int end_count(const struct operation *op, struct held *held)
{
	held->record.counting = 0;
	if (record_is_any(&held->record))
		return record_write(op->context, held->name, &held->record);
	record_remove(op->context, held->name);
	return 0;
}

int held_end_count(const struct operation *op, struct held *held)
{
	unsigned count = held->record.counted;
	int ret = held_restore_functions(op, held, count);

	if (!ret)
		ret = lend_all_again(op, held->name);
	if (!ret)
		ret = end_count(op, held);
	if (!ret)
		operation_note(op, "%s: has %u virtual function%s, as before", held->name, count,
			       count == 1 ? "" : "s");
	return ret;
}

/* The number before: after an unfinished change it is the recorded one. */
static int begin_count(const struct operation *op, struct held *held, unsigned now)
{
	struct record *record = &held->record;
	int ret;

	if (record->phase == PHASE_NONE)
		record_identify(op->context, held->name, record);
	if (!record->counting)
		record->counted = now;
	record->counting = 1;
	ret = record_write(op->context, held->name, record);
	return ret ? error_say(op->error, ret,
			       "%s: cannot remember how many virtual functions it has in %s: %s", held->name,
			       context_state(op->context), strerror(-ret))
		   : 0;
}

static int finish_count(const struct operation *op, struct held *held)
{
	forget_all_gone(op);
	return end_count(op, held);
}

static int change(const struct operation *op, struct held *held, unsigned now, unsigned count)
{
	struct lend_error error = {""};
	struct operation back = *op;
	int ret;

	/* From here on, a device that is gone vanished by this change. */
	if (!held->record.counting)
		forget_all_gone(op);
	ret = begin_count(op, held, now);
	if (ret)
		return ret;
	ret = change_count(op, held->name, now, count);
	if (!ret)
		return finish_count(op, held);
	/* The driver still works on it; lend_mend() ends that later. */
	if (ret == -ETIMEDOUT)
		return ret;
	back.error = &error;
	if (held_end_count(&back, held))
		operation_note(op, "putting back: %s; lend unbind --stale tries again", error.text);
	return ret;
}

static int set_vfs(const struct operation *op, const struct lend_survey *survey,
		   const struct lend_survey_device *pf, struct held *held, unsigned count)
{
	unsigned now;
	int ret;

	ret = operation_check_vfs(pf, count, op->error);
	if (ret)
		return ret;
	ret = read_count(op, pf->is.name, &now);
	if (ret)
		return ret;
	if (count == now) {
		operation_note(op, "%s: has %u virtual functions already", pf->is.name, count);
		return held->record.counting ? finish_count(op, held) : 0;
	}
	ret = check_free(op, survey, pf);
	if (!ret)
		ret = check_driver(op, pf);
	if (!ret)
		ret = change(op, held, now, count);
	if (!ret)
		operation_note(op, "%s: has %u virtual function%s", pf->is.name, count,
			       count == 1 ? "" : "s");
	if (!ret && count && lend_host_is_vfio(pf->is.driver))
		operation_note(op,
			       "%s: is with %s: whoever opens a virtual function needs the VF token that the "
			       "user of %s set",
			       pf->is.name, pf->is.driver, pf->is.name);
	return ret;
}

int lend_set_vfs(struct lend_context *context, const struct lend_bdf *bdf, unsigned count,
		 const struct lend_bind_options *options, struct lend_error *error)
{
	const struct lend_survey_device *pf;
	struct lend_survey *survey;
	struct operation op;
	struct held held;
	char name[16];
	int ret;

	ret = operation_init(&op, context, options, error);
	if (ret)
		return ret;
	lend_bdf_format(bdf, name);
	ret = lend_survey_new(context, &survey);
	if (ret)
		return error_say(error, ret, "cannot look at the devices of this computer: %s",
				 strerror(-ret));
	pf = lend_survey_find(survey, bdf);
	if (!pf)
		ret = error_say(error, -ENODEV, "there is no PCI device %s", name);
	if (!ret)
		ret = held_lock(&op, name, &held);
	if (!ret) {
		ret = set_vfs(&op, survey, pf, &held, count);
		held_unlock(&held);
	}
	lend_survey_free(survey);
	return ret;
}

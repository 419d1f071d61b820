/* SPDX-License-Identifier: MIT */
/* Virtual functions: SR-IOV's rules, checked before the kernel answers with a number. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"
#include "lib/host/taking/write.h"

/* One that would go while somebody works with it. */
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

/* vfio-pci makes none for a device of its own, but with its parameter enable_sriov. */
static int check_driver(const struct operation *op, const struct lend_survey_device *pf)
{
	char dir[PATH_MAX], text[8];

	if (!pf->is.driver[0])
		return error_say(op->error, -EOPNOTSUPP,
				 "%s has no driver, which would make its virtual functions; give it back to "
				 "its driver first",
				 pf->is.name);
	if (!lend_host_is_vfio(pf->is.driver))
		return 0;
	if (!sysfs_path(dir, "%s/module/vfio_pci/parameters", context_sysfs(op->context)) &&
	    sysfs_read(dir, "enable_sriov", text, sizeof(text)) > 0 && text[0] == 'Y')
		return 0;
	return error_say(
		op->error, -EOPNOTSUPP,
		"%s is with %s, which makes no virtual functions: lend unbind %s, make them, and then "
		"lend them (or load vfio-pci with enable_sriov=1)",
		pf->is.name, pf->is.driver, pf->is.name);
}

static int write_count(const struct operation *op, const struct lend_survey_device *pf, unsigned count)
{
	char path[PATH_MAX], text[16];
	int ret;

	ret = sysfs_path(path, "%s/bus/pci/devices/%s/sriov_numvfs", context_sysfs(op->context), pf->is.name);
	snprintf(text, sizeof(text), "%u", count);
	if (!ret)
		ret = host_write(op->context, path, text, op->options.limit_ms);
	if (ret == -ETIMEDOUT)
		return error_say(op->error, ret, "%s: its driver %s has not made them after %u s",
				 pf->is.name, pf->is.driver, (op->options.limit_ms + 999) / 1000);
	if (ret == -ENOENT || ret == -EOPNOTSUPP)
		return error_say(op->error, -EOPNOTSUPP, "%s: its driver %s makes no virtual functions",
				 pf->is.name, pf->is.driver);
	if (ret == -ENOMEM || ret == -EBUSY)
		return error_say(
			op->error, ret,
			"%s: no bus numbers or addresses are left for virtual functions; pci=realloc "
			"or pci=assign-busses on the kernel's command line makes room",
			pf->is.name);
	if (ret)
		return error_say(op->error, ret, "%s: %s refuses: %s%s", pf->is.name, pf->is.driver,
				 strerror(-ret), ret == -EACCES ? "; run lend as root" : "");
	return 0;
}

/* What was remembered of virtual functions that went while they were lent. */
static void forget_gone(const struct operation *op, const struct lend_survey *survey,
			const struct lend_survey_device *pf)
{
	const struct lend_survey_device *vf;

	for (size_t i = 0; (vf = lend_survey_at(survey, i)); i++) {
		struct record record;

		if (strcmp(vf->physfn, pf->is.name) != 0)
			continue;
		record_read(op->context, vf->is.name, &record);
		if (record.phase == PHASE_NONE)
			record_remove(op->context, vf->is.name);
	}
}

static int set_vfs(const struct operation *op, const struct lend_survey *survey,
		   const struct lend_survey_device *pf, unsigned count)
{
	int ret;

	if (!pf->vfs_max)
		return error_say(op->error, -EOPNOTSUPP, "%s has no SR-IOV, or none that the kernel uses",
				 pf->is.name);
	if (count > pf->vfs_max)
		return error_say(op->error, -ERANGE, "%s can have %u virtual functions and not %u",
				 pf->is.name, pf->vfs_max, count);
	if (count == pf->vfs) {
		operation_note(op, "%s: has %u virtual functions already", pf->is.name, count);
		return 0;
	}
	ret = check_free(op, survey, pf);
	if (!ret)
		ret = check_driver(op, pf);
	/* From one number to another the kernel goes by none alone. */
	if (!ret && pf->vfs) {
		ret = write_count(op, pf, 0);
		forget_gone(op, survey, pf);
	}
	if (!ret && count)
		ret = write_count(op, pf, count);
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
		ret = set_vfs(&op, survey, pf, count);
		held_unlock(&held);
	}
	lend_survey_free(survey);
	return ret;
}

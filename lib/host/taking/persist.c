/* SPDX-License-Identifier: MIT */
/* Writing and removing the rules for the next boot. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"
#include "lib/host/taking/boot_rule.h"

/* A virtual function is there at the next boot only if it is made again: as many as there are now. */
static int add_physical(const struct operation *op, const struct lend_survey_device *vf,
			struct boot_rule *rule)
{
	const struct lend_survey_device *pf;
	struct lend_survey *survey;
	struct lend_bdf bdf;
	int ret = lend_survey_names(op->context, &survey);

	if (ret)
		return error_say(op->error, ret, "cannot look at the devices of this computer: %s",
				 strerror(-ret));
	pf = lend_bdf_parse(vf->physfn, &bdf) ? NULL : lend_survey_find(survey, &bdf);
	if (pf && pf->vfs) {
		boot_rule_expect(op->context, pf, rule->physical);
		rule->functions = pf->vfs;
		operation_note(op, "%s: at each boot %u virtual function%s of %s are made first", vf->is.name,
			       pf->vfs, pf->vfs == 1 ? "" : "s", pf->is.name);
	} else {
		ret = error_say(op->error, -ENODEV, "%s: %s, which it is a virtual function of, is not there",
				vf->is.name, vf->physfn);
	}
	lend_survey_free(survey);
	return ret;
}

static int say_failed(struct lend_context *context, const char *name, const char *what, int ret,
		      struct lend_error *error)
{
	return error_say(error, ret, "%s: cannot %s below %s: %s%s", name, what, context_config(context),
			 strerror(-ret), ret == -EACCES ? "; run lend as root" : "");
}

static int say_unwritten(const struct operation *op, const struct lend_survey_device *device, int ret)
{
	return ret ? say_failed(op->context, device->is.name, "write a rule", ret, op->error) : 0;
}

/* Writes a rule beside the one that is in force. */
static int stage_rule(const struct operation *op, const struct lend_survey_device *device,
		      enum boot_rule_kind kind, const struct boot_rule *rule)
{
	char name[160];

	boot_rule_name(rule->path, kind, name);
	return say_unwritten(op, device, boot_rule_stage(op->context, name, rule));
}

/* Puts it in force; or forgets it, if `ret` says that something has failed. */
static int end_rule(const struct operation *op, const struct lend_survey_device *device,
		    enum boot_rule_kind kind, int ret)
{
	char name[160];

	boot_rule_name(device->path, kind, name);
	if (!ret)
		return say_unwritten(op, device, boot_rule_commit(op->context, name));
	boot_rule_discard(op->context, name);
	return ret;
}

static int stage_bind(const struct operation *op, const struct lend_survey_device *device)
{
	struct boot_rule rule = {
		.siblings = op->options.siblings, .has_user = op->options.has_user, .user = op->options.user};
	int ret = 0;

	snprintf(rule.path, sizeof(rule.path), "%s", device->path);
	boot_rule_expect(op->context, device, rule.expected);
	if (device->physfn[0])
		ret = add_physical(op, device, &rule);
	return ret ? ret : stage_rule(op, device, RULE_BIND, &rule);
}

/* A device may be named twice. */
static bool is_among(const struct lend_survey_device *const *devices, size_t count,
		     const struct lend_survey_device *device)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(devices[i]->path, device->path))
			return true;
	return false;
}

/*
 * All are written before one is put in force: where a rule cannot be written, all of them
 * stay as they were.
 */
int lend_persist(struct lend_context *context, const struct lend_survey_device *const *devices, size_t count,
		 const struct lend_bind_options *options, struct lend_error *error)
{
	struct operation op;
	size_t staged = 0;
	int ret = operation_init(&op, context, options, error);

	for (; !ret && staged < count; staged += !ret)
		ret = stage_bind(&op, devices[staged]);
	for (size_t i = 0; i < staged; i++)
		if (!is_among(devices, i, devices[i]))
			ret = end_rule(&op, devices[i], RULE_BIND, ret);
	return ret;
}

int lend_forget(struct lend_context *context, const struct lend_survey_device *device,
		struct lend_error *error)
{
	char name[160];
	int ret;

	boot_rule_name(device->path, RULE_BIND, name);
	ret = boot_rule_remove(context, name);
	return ret ? say_failed(context, device->is.name, "remove its rule", ret, error) : 0;
}

bool lend_is_persistent(struct lend_context *context, const struct lend_survey_device *device)
{
	char name[160];
	struct boot_rule rule;

	boot_rule_name(device->path, RULE_BIND, name);
	return boot_rule_read(context, name, &rule) != -ENOENT;
}

unsigned lend_persistent_vfs(struct lend_context *context, const struct lend_survey_device *device)
{
	char name[160];
	struct boot_rule rule;

	boot_rule_name(device->path, RULE_FUNCTIONS, name);
	return boot_rule_read(context, name, &rule) ? 0 : rule.functions;
}

static int forget_vfs(struct lend_context *context, const struct lend_survey_device *device,
		      struct lend_error *error)
{
	char name[160];
	int ret;

	boot_rule_name(device->path, RULE_FUNCTIONS, name);
	ret = boot_rule_remove(context, name);
	return ret && ret != -ENOENT ? say_failed(context, device->is.name,
						  "remove the rule for its virtual functions", ret, error)
				     : 0;
}

int lend_persist_vfs(struct lend_context *context, const struct lend_survey_device *device, unsigned count,
		     struct lend_error *error)
{
	struct boot_rule rule = {.functions = count};
	struct operation op;
	int ret = operation_init(&op, context, NULL, error);

	if (!ret)
		ret = count ? operation_check_vfs(device, count, error) : 0;
	if (ret)
		return ret;
	if (!count)
		return forget_vfs(context, device, error);
	snprintf(rule.path, sizeof(rule.path), "%s", device->path);
	boot_rule_expect(context, device, rule.expected);
	ret = stage_rule(&op, device, RULE_FUNCTIONS, &rule);
	return ret ? ret : end_rule(&op, device, RULE_FUNCTIONS, 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * Following the rules at boot. Virtual functions are made first, by the rules
 * of their physical functions, and for the rules of those that are to be bound.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"
#include "lib/host/taking/boot_rule.h"

/* A rule as it was read, with the slot of the device whose virtual functions it speaks of; "": of none. */
struct row {
	char name[NAME_MAX + 1];
	struct boot_rule rule;
	enum boot_rule_kind kind;
	char pf[128];
	const char *pf_expected;
	unsigned index; /* of the virtual function */
};

struct following {
	struct operation op;
	struct lend_survey *survey;
	struct row *rows;
	size_t count, room;
	int bound, first;
};

/* Another device there, or none, is no failure: it is left alone, and said. */
static void tell(struct following *following, int ret, const struct lend_error *error)
{
	if (!ret)
		return;
	operation_note(&following->op, "left alone: %s", error->text);
	if (ret == -ESTALE || ret == -ENODEV || following->first)
		return;
	following->first = ret;
	if (following->op.error)
		*following->op.error = *error;
}

static int add_row(void *opaque, const char *name)
{
	struct following *following = opaque;
	struct lend_error error = {""};
	struct row *row;
	int ret;

	if (following->count == following->room) {
		size_t room = following->room ? 2 * following->room : 16;
		struct row *rows = reallocarray(following->rows, room, sizeof(*rows));

		if (!rows)
			return -ENOMEM;
		following->rows = rows;
		following->room = room;
	}
	row = &following->rows[following->count];
	memset(row, 0, sizeof(*row));
	snprintf(row->name, sizeof(row->name), "%s", name);
	row->kind = boot_rule_kind(name);
	ret = boot_rule_read(following->op.context, name, &row->rule);
	if (ret == -EINVAL)
		error_say(&error, ret,
			  "%s/bind.d/%s is no rule that lend bind or lend vf --persist wrote; remove it",
			  context_config(following->op.context), name);
	tell(following, ret == -ENOENT ? 0 : ret, &error);
	following->count += !ret;
	return 0;
}

static int by_name(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static int read_rules(struct following *following)
{
	int ret = boot_rule_each(following->op.context, add_row, following);

	if (ret && ret != -ENOENT)
		return error_say(following->op.error, ret, "cannot read the rules in %s/bind.d: %s",
				 context_config(following->op.context), strerror(-ret));
	if (following->count)
		qsort(following->rows, following->count, sizeof(*following->rows), by_name);
	for (size_t i = 0; i < following->count; i++) {
		struct row *row = &following->rows[i];
		bool is_vf = boot_rule_split(row->rule.path, row->pf, &row->index);

		if (row->kind == RULE_FUNCTIONS)
			snprintf(row->pf, sizeof(row->pf), "%s", row->rule.path);
		else if (!is_vf)
			row->pf[0] = '\0';
		row->pf_expected = row->kind == RULE_FUNCTIONS ? row->rule.expected : row->rule.physical;
	}
	return 0;
}

/* A serial number may be of a whole card: so this is only a hint. */
static void say_moved(const struct following *following, const char *expected, struct lend_error *error)
{
	const struct lend_survey_device *moved;
	size_t used = strlen(error->text);

	if (strchr(expected, '/') && !lend_survey_resolve(following->survey, expected, &moved, NULL))
		snprintf(error->text + used, sizeof(error->text) - used,
			 "; %s (%s) has this number now: if it is the one, name it anew with --persist",
			 moved->is.name, moved->path);
}

static int find(const struct following *following, const char *path, const char *expected,
		const struct lend_survey_device **out, struct lend_error *error)
{
	int ret;

	if (lend_survey_resolve(following->survey, path, out, NULL))
		ret = error_say(error, -ENODEV, "nothing is at %s, where %s was to be", path, expected);
	else
		ret = lend_survey_expect(following->survey, *out, expected, error);
	if (ret == -ENODEV || ret == -ESTALE)
		say_moved(following, expected, error);
	return ret;
}

/*
 * The rule of the physical function counts, else the largest number that a virtual one
 * was bound at. Rules that expect another device in that slot do not count: a card was
 * replaced, and those of the old one are still there.
 */
static unsigned wanted_functions(const struct following *following, const struct lend_survey_device *pf)
{
	unsigned most = 0;

	for (size_t i = 0; i < following->count; i++) {
		const struct row *row = &following->rows[i];

		if (strcmp(row->pf, pf->path) != 0 || !row->rule.functions ||
		    lend_survey_expect(following->survey, pf, row->pf_expected, NULL))
			continue;
		if (row->kind == RULE_FUNCTIONS)
			return row->rule.functions;
		if (row->rule.functions > most)
			most = row->rule.functions;
	}
	return most;
}

static int make_functions(struct following *following, const struct row *row, struct lend_error *error)
{
	const struct lend_survey_device *pf;
	int ret = find(following, row->pf, row->pf_expected, &pf, error);
	unsigned wanted = ret ? 0 : wanted_functions(following, pf);

	if (ret || pf->vfs == wanted)
		return ret;
	/* Some are at work already. */
	if (pf->vfs)
		return error_say(error, -ESTALE,
				 "%s has %u virtual functions already, and not %u: something else makes them "
				 "(a parameter of its driver, a rule of udev)",
				 pf->is.name, pf->vfs, wanted);
	return lend_set_vfs(following->op.context, &pf->is.bdf, wanted, &following->op.options, error);
}

static void make_all_functions(struct following *following)
{
	for (size_t i = 0; i < following->count; i++) {
		const struct row *row = &following->rows[i];
		struct lend_error error = {""};
		bool done = !row->pf[0] || !row->rule.functions;

		for (size_t k = 0; k < i && !done; k++)
			done = !strcmp(following->rows[k].pf, row->pf) && following->rows[k].rule.functions &&
			       !strcmp(following->rows[k].pf_expected, row->pf_expected);
		if (!done)
			tell(following, make_functions(following, row, &error), &error);
	}
}

/* One that cannot be there because nothing made it is no other device in its slot: the rule does not hold. */
static int check_made(const struct following *following, const struct row *row, struct lend_error *error)
{
	const struct lend_survey_device *vf, *pf;
	int ret;

	if (!row->pf[0] || !lend_survey_resolve(following->survey, row->rule.path, &vf, NULL) ||
	    lend_survey_resolve(following->survey, row->pf, &pf, NULL))
		return 0;
	/* Of another physical function it would be another one, too. */
	ret = row->pf_expected[0] ? find(following, row->pf, row->pf_expected, &pf, error) : 0;
	if (ret)
		return ret;
	if (row->index < wanted_functions(following, pf))
		return error_say(
			error, -ENXIO,
			"%s has not got the virtual functions that its rules make, and none with the "
			"number %u; what was said of it before tells why",
			pf->is.name, row->index);
	return error_say(error, -ENXIO,
			 "%s has %u virtual function%s, and none with the number %u; lend vf --persist %s %u "
			 "makes them at each boot",
			 pf->is.name, pf->vfs, pf->vfs == 1 ? "" : "s", row->index, pf->is.name,
			 row->index + 1);
}

static int follow(struct following *following, const struct row *row, struct lend_error *error)
{
	struct lend_bind_options options = following->op.options;
	const struct lend_survey_device *device;
	int ret = check_made(following, row, error);

	if (!ret)
		ret = find(following, row->rule.path, row->rule.expected, &device, error);
	if (ret)
		return ret;
	options.siblings = row->rule.siblings;
	options.has_user = row->rule.has_user;
	options.user = row->rule.user;
	ret = lend_bind(following->op.context, &device->is.bdf, 1, &options, error);
	following->bound += !ret;
	return ret;
}

static int look(struct following *following)
{
	int ret;

	lend_survey_free(following->survey);
	following->survey = NULL;
	ret = lend_survey_names(following->op.context, &following->survey);
	return ret ? error_say(following->op.error, ret, "cannot look at the devices of this computer: %s",
			       strerror(-ret))
		   : 0;
}

int lend_bind_persistent(struct lend_context *context, const struct lend_bind_options *options,
			 struct lend_error *error)
{
	struct following following = {0};
	int ret = operation_init(&following.op, context, options, error);

	if (ret)
		return ret;
	ret = read_rules(&following);
	if (!ret)
		ret = look(&following);
	if (!ret) {
		make_all_functions(&following);
		ret = look(&following);
	}
	for (size_t i = 0; !ret && i < following.count; i++) {
		struct lend_error why = {""};

		if (following.rows[i].kind == RULE_BIND)
			tell(&following, follow(&following, &following.rows[i], &why), &why);
	}
	lend_survey_free(following.survey);
	free(following.rows);
	if (ret)
		return ret;
	return following.first ? following.first : following.bound;
}

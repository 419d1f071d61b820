/* SPDX-License-Identifier: MIT */
/* lend ls --tree: each device below the bridge that it is reached through. */
#include <langinfo.h>
#include <stdio.h>
#include <string.h>

#include "tool/clean.h"
#include "tool/ls.h"

enum { DEPTH_MAX = 64, INDENT_MAX = 8 * DEPTH_MAX };

struct branch {
	const struct ls *ls;
	const char *indent;
	bool utf8;
	int depth;
};

static void print_device(const struct branch *branch, const struct lend_survey_device *device, bool last)
{
	const struct ls *ls = branch->ls;
	char line[512 + INDENT_MAX], name[240], group[24] = "", driver[64];

	clean_copy(driver, sizeof(driver), device->is.driver);
	names_device(ls->names, device, name, sizeof(name));
	if (device->is.group >= 0)
		snprintf(group, sizeof(group), " group %d", device->is.group);
	snprintf(line, sizeof(line), "%s%s%s  %s%s%s%s%s%s%s  %s", branch->indent,
		 branch->utf8 ? (last ? "└─ " : "├─ ") : (last ? "`- " : "|- "), device->is.name,
		 show_colour(device, ls->colours), device->word, show_plain(ls->colours), group,
		 driver[0] ? " (" : "", driver, driver[0] ? ")" : "", name);
	ls_line(ls, line);
}

/* Whether a device hangs from `parent`; "" with a root bus of that number: from the root. */
static bool is_below(const struct lend_survey_device *device, const char *parent, const char *root)
{
	return !strcmp(device->parent, parent) &&
	       (*parent || !strncmp(device->path, root, strcspn(device->path, "/")));
}

static void print_below(const struct branch *branch, const char *parent, const char *root)
{
	const struct ls *ls = branch->ls;
	size_t last = ls->count;

	for (size_t i = 0; i < ls->count; i++)
		if (is_below(ls->devices[i], parent, root))
			last = i;
	for (size_t i = 0; i < ls->count && branch->depth < DEPTH_MAX; i++) {
		char indent[INDENT_MAX];
		struct branch below = *branch;

		if (!is_below(ls->devices[i], parent, root))
			continue;
		print_device(branch, ls->devices[i], i == last);
		snprintf(indent, sizeof(indent), "%s%s", branch->indent,
			 i == last      ? "   "
			 : branch->utf8 ? "│  "
					: "|  ");
		below.indent = indent;
		below.depth++;
		print_below(&below, ls->devices[i]->is.name, root);
	}
}

void ls_tree(const struct ls *ls)
{
	struct branch branch = {.ls = ls, .indent = "", .utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8")};
	char root[64] = "";

	/* Root buses come in order: a device's path starts with its own. */
	for (size_t i = 0; i < ls->count; i++) {
		const struct lend_survey_device *device = ls->devices[i];
		size_t length = strcspn(device->path, "/");

		if (device->parent[0] || length >= sizeof(root) ||
		    (strlen(root) == length && !strncmp(root, device->path, length)))
			continue;
		snprintf(root, sizeof(root), "%.*s", (int)length, device->path);
		ls_line(ls, root);
		print_below(&branch, "", root);
	}
}

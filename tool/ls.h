/* SPDX-License-Identifier: MIT */
/* The views of lend ls. */
#ifndef TOOL_LS_H
#define TOOL_LS_H

#include "tool/host.h"

struct ls {
	const struct lend_survey *survey;
	const struct lend_survey_device *const *devices; /* what is shown, ascending */
	size_t count;
	struct names *names;
	bool verbose, colours;
	unsigned width; /* of the terminal; 0: lines are as long as they get */
};

void ls_table(const struct ls *ls);
void ls_tree(const struct ls *ls);
json_t *ls_json(const struct ls *ls);

/** The other members of a device's group, "0000:00:1f.2 0000:00:1f.3"; "" when it is alone. */
void ls_siblings(const struct lend_survey *survey, const struct lend_survey_device *device, char *out,
		 size_t size);

/** Prints one line, cut at the terminal's width, escape sequences not counted. */
void ls_line(const struct ls *ls, const char *line);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Arguments in a file: "@FILE" stands for the lines of it. A line is one
 * argument, or an option and its value with blanks between them ("-m 4G");
 * blanks at its ends do not count, empty lines and those that begin with "#"
 * are left out. Nothing is quoted. A file names no other file.
 */
#ifndef TOOL_RUN_ARGFILE_H
#define TOOL_RUN_ARGFILE_H

#include "lend/types.h"

struct argfile {
	int argc;
	char **argv;  /* what was given, with the lines in place of each @FILE */
	char **texts; /* the files, which argv points into */
	size_t text_count;
};

/** 0, or a negative errno with the sentence in `error`. To be freed also when it fails. */
int argfile_expand(int argc, char *const *argv, struct argfile *out, struct lend_error *error);
void argfile_free(struct argfile *argfile);

#endif

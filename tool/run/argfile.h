/* SPDX-License-Identifier: MIT */
/*
 * Arguments in a file: "@FILE" stands for the lines of it. A line is one
 * argument, or an option and its value with blanks between them ("-m 4G");
 * blanks at its ends do not count, empty lines and those that begin with "#"
 * are left out. A pair of quotes around a value is taken off; nothing else is
 * quoted. A file names no other file.
 */
#ifndef TOOL_RUN_ARGFILE_H
#define TOOL_RUN_ARGFILE_H

#include "lend/types.h"

/* Where an argument stands. */
struct argfile_place {
	const char *path; /* NULL: on the command line */
	unsigned line;
};

struct argfile {
	int argc;
	char **argv;  /* what was given, with the lines in place of each @FILE */
	char **texts; /* the files, which argv points into */
	size_t text_count;
	struct argfile_place *places; /* of each argument */
};

/** 0, or a negative errno with the sentence in `error`. To be freed also when it fails. */
int argfile_expand(int argc, char *const *argv, struct argfile *out, struct lend_error *error);
void argfile_free(struct argfile *argfile);

/** Puts the file and the line of argument `index` before the sentence; nothing where it has none. */
void argfile_add_place(const struct argfile *argfile, int index, struct lend_error *error);

/**
 * Cuts a line into an option and its value, in place; *value is NULL where it is one argument, and *option
 * where it is none. 0, or -EINVAL with what is wrong with the line.
 */
int argfile_cut(char *line, char **option, char **value, struct lend_error *error);

#endif

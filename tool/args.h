/* SPDX-License-Identifier: MIT */
/*
 * The command lines of the sub-commands that look at devices, as a table:
 * "--name", "--name VALUE", "--name=VALUE" (one dash does too), a letter for
 * some, and everything else is a device, as is everything after "--".
 */
#ifndef TOOL_ARGS_H
#define TOOL_ARGS_H

#include <stddef.h>

#include "tool/tool.h"

enum { ARGS_DEVICES_MAX = 64 };

struct args_option {
	const char *name;
	char letter; /* "-v"; '\0': none */
	bool *flag;  /* set when it is there, or */
	/* Takes the value. With neither its value is a device, as lend run has it: "vfio-pci,host=05:00.0".
	 */
	const char **value;
};

struct args {
	const struct tool_command *command;
	const struct args_option *options; /* ends with a row without a name */
	const char *devices[ARGS_DEVICES_MAX];
	size_t device_count;
	bool help;
};

/** Reads argv[1] and on. 0, or -EINVAL with the sentence in `error`. */
int args_parse(struct args *args, int argc, char *const *argv, struct lend_error *error);

/**
 * The usual beginning of a sub-command: reads the command line, and answers
 * --help. TOOL_OK: go on; else *done is set, and what is returned is the exit status.
 */
enum tool_status args_begin(struct args *args, int argc, char *const *argv, bool *done);

/** Reads seconds, "30" or "0.5", as ms. 0 or -EINVAL with the sentence in `error`. */
int args_seconds(const char *name, const char *value, unsigned *ms, struct lend_error *error);

#endif

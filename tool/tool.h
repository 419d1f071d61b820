/* SPDX-License-Identifier: MIT */
/*
 * What the files of the command share: exit statuses, the table of
 * sub-commands, and how a sentence for a person is kept. Only
 * tool/ prints and exits, and of tool/ only main.c, the sub-commands' own files
 * and the keeper's messages do.
 */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include "lend/types.h"

enum tool_status {
	TOOL_OK,
	TOOL_FAILED,
	TOOL_USAGE,
	TOOL_FAULT, /* triple fault of the guest, or an error of KVM */
	TOOL_PANIC, /* the guest said that it panicked */
};

struct tool_command {
	const char *name;
	const char *summary;
	const char *help; /* the whole text of --help */
	/* argv[0] is the sub-command's name. Returns the exit status. */
	int (*run)(int argc, char **argv);
};

extern const struct tool_command tool_ls, tool_check, tool_bind, tool_unbind, tool_vf, tool_topology,
	tool_cdi, tool_run, tool_ps, tool_ctl, tool_serve;

/**
 * Writes a sentence to `error`, unless that is NULL, and returns `ret`: the machine's
 * fail() (vmm/error.h), under a name that cmocka's headers have not, since unit tests
 * include files of tool/ after them.
 */
LEND_PRINTF(3, 4) int tool_fail(struct lend_error *error, int ret, const char *format, ...);

/** One line on standard error, "lend: " in front. What it names may come from the host: it is cleaned. */
LEND_PRINTF(1, 2) void tool_say(const char *format, ...);

#endif

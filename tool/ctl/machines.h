/* SPDX-License-Identifier: MIT */
/* The machines of this host that run: what each keeper left in the run directory (tool/run/registry.h). */
#ifndef TOOL_CTL_MACHINES_H
#define TOOL_CTL_MACHINES_H

#include <jansson.h>

#include "lend/types.h"

struct ctl_machine {
	char *name, *socket; /* the name has letters, digits and -_.+@ alone */
	uid_t owner;
	pid_t pid;
	int64_t started; /* s since 1970 */
	json_t *entry;   /* all of it */
};

struct ctl_machines {
	struct ctl_machine *all;
	size_t count;
};

/**
 * Looks at the registries that the caller may read: its own, and for root those of all users. What
 * is no entry, or of a machine that has ended, is left out. 0 or -ENOMEM.
 */
int ctl_machines_read(struct ctl_machines *machines);
void ctl_machines_free(struct ctl_machines *machines);

/**
 * The path of the control socket of NAME, or NAME itself if it has a slash. 0, or negative errno
 * with the sentence.
 */
int ctl_machines_find(const struct ctl_machines *machines, const char *name, const char **path,
		      struct lend_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/* The data of the context, for lib/context.c and lib/log.c alone. */
#ifndef LIB_CONTEXT_PRIVATE_H
#define LIB_CONTEXT_PRIVATE_H

#include "lib/context.h"

struct lend_context {
	char *sysfs_root, *dev_root, *proc_root, *state_root, *config_root;
	void (*log)(void *opaque, enum lend_log_level level, const char *line);
	void *opaque;
	struct context_groups groups;
	struct context_kernel kernel;
	struct context_devices devices;
	struct context_rules rules;
	struct context_boards boards;
	struct context_iommufd iommufd;
};

#endif

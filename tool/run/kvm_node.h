/* SPDX-License-Identifier: MIT */
/* Whether /dev/kvm can be used, said before anything is opened. */
#ifndef TOOL_RUN_KVM_NODE_H
#define TOOL_RUN_KVM_NODE_H

#include "lend/types.h"

/** Looks at `dev`/kvm. 0, or a negative errno with the sentence that names the cure. */
int kvm_node_check(const char *dev, struct lend_error *error);

#endif

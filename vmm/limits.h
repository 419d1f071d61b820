/* SPDX-License-Identifier: MIT */
/* The kernel's limits: raised as far as this process may, then asked whether the machine fits. */
#ifndef VMM_LIMITS_H
#define VMM_LIMITS_H

#include "vmm/machine.h"

/**
 * Called before anything is opened, with the numbers that the command line
 * gives, and again when the devices are open and their vectors are known. The
 * limits stay raised: they are the process's. 0, or -EMFILE with the sentence.
 */
int limits_check(struct vmm *vmm, struct lend_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the machine gives up before the first instruction of the guest: all
 * capabilities, new privileges, and every system call that it does not need
 * any more (no open, no socket, no exec, no fork).
 */
#ifndef VMM_SANDBOX_H
#define VMM_SANDBOX_H

#include "vmm/vmm.h"

/**
 * Between vmm_new() and vmm_run(), once a process: what it drops cannot be had
 * back, and a system call outside of the list ends the process. Starts the
 * vCPUs' threads (paused), since a thread made before the capabilities went
 * would keep them and none can be made afterwards. Every thread of the process
 * is affected.
 */
int vmm_sandbox(struct vmm *vmm, struct lend_error *error);

#endif

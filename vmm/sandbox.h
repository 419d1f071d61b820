/* SPDX-License-Identifier: MIT */
/*
 * What the machine gives up before the first instruction of the guest: its user, all
 * capabilities, new privileges, files by their names, and every system call that the thread
 * does not need any more (no open, no socket, no exec, no fork).
 */
#ifndef VMM_SANDBOX_H
#define VMM_SANDBOX_H

#include <sys/types.h>

#include "vmm/vmm.h"

struct vmm_sandbox {
	bool has_user; /* the process becomes `user`, with `group` alone; it is root now */
	uid_t user;
	gid_t group;
	bool log; /* a system call outside of the list is done, and noted in the kernel's log */
};

/**
 * Between vmm_new() and vmm_run(), once a process with one thread: what it drops cannot be had
 * back, and a system call outside of the list ends the process. Starts the vCPUs' threads
 * (paused) and the one for devices, since a thread made before the capabilities went would keep
 * them and none can be made afterwards. Each thread has the list of its class.
 */
int vmm_sandbox(struct vmm *vmm, const struct vmm_sandbox *sandbox, struct lend_error *error);

#endif

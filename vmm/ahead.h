/* SPDX-License-Identifier: MIT */
#ifndef VMM_AHEAD_H
#define VMM_AHEAD_H

#include "vmm/brief.h"
#include "vmm/x86/boot.h"

struct vmm;

/** What goes on beside the opening of devices. The thread's until it was joined. */
struct ahead {
	struct brief thread;
	bool started;
	int ret; /* of making the processors */
	struct lend_error error;
	bool placed; /* the kernel is in guest memory */
	struct boot_placed kernel;
};

/** Guest memory is there; begins. Never fails: what was not begun is done by ahead_wait(). */
int ahead_begin(struct vmm *vmm, struct lend_error *error);
/** Waits for it, as long as reading the files takes. Then the processors are there, or it says why not. */
int ahead_wait(struct vmm *vmm, struct lend_error *error);
/** Waits for it where it goes on; for vmm_free(). */
void ahead_end(struct vmm *vmm);
/** Where the kernel was placed; false: it was not, or not for this memory. Once a machine. */
bool ahead_take(struct vmm *vmm, struct boot_placed *out);

#endif

/* SPDX-License-Identifier: MIT */
/* Reports the steps of a start as they begin and end, so that the user sees what the start waits for. */
#include <stdarg.h>
#include <stdio.h>

#include "vmm/machine.h"

void step_begin(struct vmm *vmm, unsigned row, const char *format, ...)
{
	char what[128];
	va_list args;

	if (!vmm->config.step)
		return;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	vmm->config.step(vmm->config.opaque, row, what);
}

void mark_device(struct assigned *assigned, enum mark mark)
{
	static const char *const text[] = {
		[MARK_MEMORY] = "the guest turns its memory on",
		[MARK_INTERRUPT] = "the guest takes its first interrupt",
	};
	struct vmm *vmm = assigned->vmm;

	if (!vmm->config.mark || !__atomic_load_n(&vmm->started, __ATOMIC_RELAXED) ||
	    assigned->marks & 1u << mark)
		return;
	assigned->marks |= 1u << mark;
	vmm->config.mark(vmm->config.opaque, VMM_STEP_DEVICE + assigned->index, text[mark]);
}

void step_end(struct vmm *vmm, unsigned row)
{
	if (vmm->config.step)
		vmm->config.step(vmm->config.opaque, row, "");
}

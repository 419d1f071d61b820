/* SPDX-License-Identifier: MIT */
/* The steps of a start, told as they begin and end: whoever waits for the guest wants to know what for. */
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

void step_end(struct vmm *vmm, unsigned row)
{
	if (vmm->config.step)
		vmm->config.step(vmm->config.opaque, row, "");
}

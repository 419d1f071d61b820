/* SPDX-License-Identifier: MIT */
#include "vmm/kvm.h"
#include "vmm/lines.h"
#include "vmm/x86/fixed.h"

void lines_init(struct lines *lines, int vm)
{
	*lines = (struct lines){.vm = vm};
	pthread_mutex_init(&lines->lock, NULL);
}

unsigned line_gsi(unsigned slot, unsigned pin)
{
	return GSI_PCI + ((slot + pin - 1) & (LINES - 1));
}

int line_set(struct lines *lines, unsigned gsi, bool raised)
{
	unsigned *count = &lines->raised[gsi - GSI_PCI];
	int ret = 0;

	pthread_mutex_lock(&lines->lock);
	if (raised ? *count == 0 : *count == 1)
		ret = hv_irq_line(lines->vm, gsi, raised);
	if (!ret)
		*count = raised ? *count + 1 : *count - 1;
	pthread_mutex_unlock(&lines->lock);
	return ret;
}

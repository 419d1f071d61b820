/* SPDX-License-Identifier: MIT */
/* liblend's host operations for ioeventfds: KVM turns a write of the guest to a BAR into a signal. */
#include <errno.h>

#include "vmm/kvm.h"
#include "vmm/machine.h"

static int set(struct vmm *vmm, const struct assigned *assigned, const struct lend_ioeventfd *what,
	       uint32_t flags)
{
	const struct assigned_bar *bar;
	int ret = -ENOENT;

	if (what->bar >= LEND_BARS)
		return ret;
	bar = &assigned->bars[what->bar];
	pthread_mutex_lock(&vmm->places);
	if (bar->bus)
		ret = hv_ioeventfd(vmm->vm, bar->at.map.address + what->offset, what->length, what->data,
				   what->fd, flags | (bar->at.map.io ? KVM_IOEVENTFD_FLAG_PIO : 0));
	pthread_mutex_unlock(&vmm->places);
	return ret;
}

int assigned_ioeventfd_add(void *host, void *peer, const struct lend_ioeventfd *what)
{
	return set(host, peer, what, 0);
}

int assigned_ioeventfd_remove(void *host, void *peer, const struct lend_ioeventfd *what)
{
	return set(host, peer, what, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

/* SPDX-License-Identifier: MIT */
/* liblend's host operations for ioeventfds: KVM turns a write of the guest to a BAR into a signal. */
#include <errno.h>

#include "vmm/kvm.h"
#include "vmm/machine.h"

static int set_width(struct vmm *vmm, const struct assigned_bar *bar, const struct lend_ioeventfd *what,
		     unsigned width, uint32_t flags)
{
	flags |= (bar->at.map.io ? KVM_IOEVENTFD_FLAG_PIO : 0) |
		 (what->any ? 0 : KVM_IOEVENTFD_FLAG_DATAMATCH);
	return hv_ioeventfd(vmm->vm, bar->at.map.address + what->offset, width, what->data, what->fd, flags);
}

/*
 * KVM has a length of 0 for writes of any length. On Intel such a place takes reads of
 * the guest, too (handle_ept_misconfig()), and the device never hears of them. So any
 * length is each length by itself.
 */
static int set_widths(struct vmm *vmm, const struct assigned_bar *bar, const struct lend_ioeventfd *what,
		      uint32_t flags)
{
	int first = 0;

	for (unsigned width = 1; width <= 8; width *= 2) {
		int ret = what->length && what->length != width ? 0 : set_width(vmm, bar, what, width, flags);

		first = first ? first : ret;
		if (ret >= 0 || flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
			continue;
		while (!what->length && (width /= 2))
			set_width(vmm, bar, what, width, KVM_IOEVENTFD_FLAG_DEASSIGN);
		break;
	}
	return first;
}

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
		ret = set_widths(vmm, bar, what, flags);
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

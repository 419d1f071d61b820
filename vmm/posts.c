/* SPDX-License-Identifier: MIT */
/*
 * Writes to devices that KVM keeps (posted.h): those to a part of a BAR of which the library says
 * that they have no effect yet. While all vectors are masked by one bit, Linux masks each of them, and writes
 * their messages: with 65 vectors 150 writes for a drive.
 *
 * Only a write to config space begins that, so the library is asked after each. It ends by another one, or
 * when the BAR leaves its place. KVM may have kept a write of another processor in the meantime: what it has
 * kept is carried out before the exit that ended it is done.
 */
#include "vmm/kvm.h"
#include "vmm/machine.h"

enum { PAGE = 4096 };

static void keep(struct vmm *vmm, struct posts *posts, struct posts wanted)
{
	if (posts->at == wanted.at && posts->length == wanted.length)
		return;
	if (posts->length) {
		hv_coalesce(vmm->vm, posts->at, posts->length, 0, 0);
		posted_again(&vmm->posted);
	}
	/* Where KVM refuses, each write is an exit. */
	if (wanted.length && hv_coalesce(vmm->vm, wanted.at, wanted.length, 0, 1))
		wanted = (struct posts){0};
	*posts = wanted;
}

void posts_look(struct assigned *assigned)
{
	struct vmm *vmm = assigned->vmm;
	struct lend_bar_part part;
	struct posts wanted = {0};

	if (!vmm->vcpus.posted)
		return;
	if (assigned->function && lend_function_postable(assigned->function, &part, sizeof(part))) {
		const struct assigned_bar *bar = &assigned->bars[part.bar];

		if (bar->bus == &vmm->memory_bus)
			wanted = (struct posts){bar->at.map.address + part.offset, (uint32_t)part.length};
	}
	keep(vmm, &assigned->posts, wanted);
}

/* The library is asked with `places` held, so that who asks last knows the latest. */
static void configured(void *opaque, const struct lend_function *function)
{
	struct vmm *vmm = opaque;

	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));) {
		if (at->function != function)
			continue;
		pthread_mutex_lock(&vmm->places);
		posts_look(at);
		pthread_mutex_unlock(&vmm->places);
	}
}

int posts_init(struct vmm *vmm, struct lend_error *error)
{
	int page = hv_check(vmm->vm, KVM_CAP_COALESCED_MMIO);

	(void)error;
	if (page <= 0 || (size_t)page * PAGE + PAGE > vmm->vcpus.run_size)
		return 0;
	posted_init(&vmm->posted, &vmm->memory_bus, &vmm->port_bus,
		    (uint8_t *)vmm->vcpus.vcpu[0].run + (size_t)page * PAGE, PAGE);
	vmm->vcpus.posted = &vmm->posted;
	vmm->topology.configured = configured;
	vmm->topology.opaque = vmm;
	return 0;
}

void posts_end(struct vmm *vmm)
{
	vmm->vcpus.posted = NULL;
	posted_end(&vmm->posted);
}

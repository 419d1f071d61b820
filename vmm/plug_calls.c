/* SPDX-License-Identifier: MIT */
/* How devices begin to come and go: what the machine's user asks for, and what the guest does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/plug_moves.h"
#include "vmm/plug_port.h"

/* Whether a device has the number, also one that is being opened or closed. */
static bool is_used(const struct vmm *vmm, unsigned number)
{
	const struct assigned *at = vmm->plugs.list;

	while (at && at->index != number)
		at = at->plug.next;
	return at || vmm->assigned[number];
}

static unsigned opening(const struct vmm *vmm)
{
	unsigned count = 0;

	for (const struct assigned *at = vmm->plugs.list; at; at = at->plug.next)
		count += at->plug.state == PLUG_OPENING;
	return count;
}

int vmm_device_add(struct vmm *vmm, unsigned device, const struct vmm_device_config *config,
		   struct lend_error *error)
{
	struct assigned *assigned;
	int ret;

	if (!vmm->config.ports)
		return fail(error, -EOPNOTSUPP,
			    "the machine has no ports for devices that come later: start it with -ports 1 or "
			    "more");
	if (device >= VMM_DEVICES_MAX || is_used(vmm, device))
		return fail(error, -EEXIST, "the machine has a device %u already", device);
	if (ports_empty(vmm) <= opening(vmm))
		return fail(error, -ENOSPC,
			    "no port is empty: take a device away first, or start the machine with a larger "
			    "number of -ports");
	ret = assigned_new(vmm, device, config, &assigned);
	if (ret)
		return fail(error, ret, "cannot make a device of the machine: %s", strerror(-ret));
	assigned->alone = true;
	snprintf(assigned->name, sizeof(assigned->name), "%s", device_words(assigned));
	plug_open(assigned);
	return 0;
}

/* Why a device that is not in the guest cannot be taken from it. */
static int say_absent(const struct vmm *vmm, unsigned device, struct lend_error *error)
{
	for (const struct assigned *at = vmm->plugs.list; at; at = at->plug.next) {
		if (at->index != device)
			continue;
		if (at->plug.state == PLUG_OPENING)
			return fail(error, -EBUSY, "%s is still being opened: wait for its event", at->name);
		return fail(error, -EALREADY, "%s is being given back already", at->name);
	}
	return fail(error, -ENODEV, "the machine has no device %u", device);
}

int vmm_device_remove(struct vmm *vmm, unsigned device, bool force, struct lend_error *error)
{
	struct assigned *assigned = device < VMM_DEVICES_MAX ? vmm->assigned[device] : NULL;

	if (!assigned || !assigned->function)
		return say_absent(vmm, device, error);
	if (force) {
		plug_surprise(assigned, VMM_EVENT_DELETED, "taken by force");
		return 0;
	}
	if (assigned->plug.state == PLUG_ASKED)
		return fail(error, -EALREADY,
			    "the guest is asked for %s already: wait for its answer, or take it by force",
			    assigned->name);
	if (!plug_can_ask(assigned))
		return fail(error, -EOPNOTSUPP,
			    "%s is not behind a port that the guest can be asked for: start the machine with "
			    "-ports, or take it by force",
			    assigned->name);
	plug_ask(assigned, false);
	return 0;
}

void plug_ejected(void *opaque, unsigned slot)
{
	struct vmm *vmm = opaque;

	__atomic_fetch_or(&vmm->plugs.ejected, 1u << slot, __ATOMIC_ACQ_REL);
	vmm_wake(vmm);
}

void plug_refused(void *opaque, unsigned slot, uint32_t status)
{
	struct vmm *vmm = opaque;

	__atomic_store_n(&vmm->plugs.status[slot], status, __ATOMIC_RELAXED);
	__atomic_fetch_or(&vmm->plugs.refused, 1u << slot, __ATOMIC_ACQ_REL);
	vmm_wake(vmm);
}

void plug_seen(void *opaque, unsigned slot)
{
	struct vmm *vmm = opaque;

	__atomic_fetch_or(&vmm->plugs.seen, 1u << slot, __ATOMIC_ACQ_REL);
	vmm_wake(vmm);
}

/* The loop looks which device it was. */
void plug_commanded(void *opaque)
{
	struct vmm *vmm = opaque;

	if (!__atomic_load_n(&vmm->plugs.waits, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&vmm->plugs.commanded, true, __ATOMIC_RELEASE);
	vmm_wake(vmm);
}

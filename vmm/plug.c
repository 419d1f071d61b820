/* SPDX-License-Identifier: MIT */
/*
 * See plug.h. A device has a number from vmm_device_add() on until the event that ends its plug or
 * its removal was told. It is in vmm->assigned as long as the guest can see it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "vmm/error.h"
#include "vmm/plug_moves.h"

static void list_remove(struct vmm *vmm, struct assigned *assigned)
{
	struct assigned **link = &vmm->plugs.list;

	while (*link != assigned)
		link = &(*link)->plug.next;
	*link = assigned->plug.next;
}

/* A guest lets a slot go as a whole, and the host wants one function of it. */
static bool has_company(const struct assigned *assigned)
{
	const struct assigned *first = plug_next_in_slot(assigned->vmm, NULL, assigned->slot);

	return first != assigned || plug_next_in_slot(assigned->vmm, first, assigned->slot);
}

void plug_asked_back(struct assigned *assigned)
{
	static const char text[] = "the host wants it back";
	struct vmm *vmm = assigned->vmm;

	if (assigned->plug.asked_back)
		return; /* the kernel repeats it while it waits */
	vmm_log(vmm, LEND_LOG_WARNING, "%s: the host wants the device back; it is taken from the guest",
		assigned->name);
	vmm_tell(vmm, VMM_EVENT_ASKED_BACK, assigned->index, 0, assigned->name);
	assigned->plug.asked_back = true;
	if (!plug_can_ask(assigned) || has_company(assigned) || lend_function_gone(assigned->function))
		plug_surprise(assigned, VMM_EVENT_DELETED, text);
	else
		plug_ask(assigned, true);
}

static struct assigned *find_done(const struct vmm *vmm)
{
	struct assigned *at = vmm->plugs.list;

	while (at && !__atomic_load_n(&at->plug.done, __ATOMIC_ACQUIRE))
		at = at->plug.next;
	return at;
}

static void take_done(struct vmm *vmm, bool paused)
{
	struct assigned *at;

	while ((at = find_done(vmm))) {
		list_remove(vmm, at);
		if (at->plug.state == PLUG_OPENING)
			plug_opened(at, paused);
		else
			plug_finish(at, (enum vmm_event_type)at->plug.end);
	}
}

static void refuse(struct vmm *vmm, unsigned slot, const char *text)
{
	for (struct assigned *at = NULL; (at = plug_next_in_slot(vmm, at, slot));) {
		if (at->plug.state != PLUG_ASKED)
			continue;
		plug_enter(at, PLUG_ON);
		vmm_log(vmm, LEND_LOG_WARNING, "%s: %s", at->name, text);
		vmm_tell(vmm, VMM_EVENT_UNPLUG_REFUSED, at->index, 0, text);
	}
}

/* A device that the host wants is taken when the time is over, whatever the guest says. */
static void take_refused(struct vmm *vmm, unsigned slot)
{
	const struct assigned *at = plug_next_in_slot(vmm, NULL, slot);
	char text[80];

	if (!at || at->plug.asked_back)
		return;
	snprintf(text, sizeof(text), "the guest keeps it (its answer, of _OST, is 0x%x)",
		 __atomic_load_n(&vmm->plugs.status[slot], __ATOMIC_RELAXED));
	refuse(vmm, slot, text);
}

static void take_slots(struct vmm *vmm)
{
	uint32_t ejected = __atomic_exchange_n(&vmm->plugs.ejected, 0, __ATOMIC_ACQ_REL);
	uint32_t refused = __atomic_exchange_n(&vmm->plugs.refused, 0, __ATOMIC_ACQ_REL);
	uint32_t seen = __atomic_exchange_n(&vmm->plugs.seen, 0, __ATOMIC_ACQ_REL);

	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		struct assigned *at = plug_next_in_slot(vmm, NULL, slot);

		if (at && seen & 1u << slot && at->plug.state == PLUG_SHOWN)
			plug_enter(at, PLUG_SHOWN); /* its time begins now */
		if (at && refused & 1u << slot)
			take_refused(vmm, slot);
		if (at && ejected & 1u << slot)
			plug_take_slot(vmm, slot, VMM_EVENT_DELETED, "the guest let it go");
	}
}

static bool is_ready(const struct assigned *assigned)
{
	uint32_t command = lend_function_config_read(assigned->function, PCI_COMMAND, 2);

	return command != UINT16_MAX && command & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void take_ready(struct vmm *vmm)
{
	if (!__atomic_exchange_n(&vmm->plugs.commanded, false, __ATOMIC_ACQ_REL))
		return;
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));) {
		if (at->plug.state != PLUG_SHOWN || !is_ready(at))
			continue;
		plug_enter(at, PLUG_ON);
		vmm_tell(vmm, VMM_EVENT_READY, at->index, 0, at->name);
	}
}

static void give_up(struct assigned *assigned)
{
	struct vmm *vmm = assigned->vmm;
	char text[160];

	if (assigned->plug.state == PLUG_SHOWN) {
		snprintf(text, sizeof(text),
			 "%s: the guest has not turned it on within %u s: it is taken away again",
			 assigned->name, plug_patience(assigned) / 1000);
		plug_surprise(assigned, VMM_EVENT_PLUG_TIMEOUT, text);
	} else if (assigned->plug.asked_back) {
		snprintf(text, sizeof(text),
			 "the guest has not let it go within %u ms, and the host wants it",
			 plug_patience(assigned));
		plug_surprise(assigned, VMM_EVENT_DELETED, text);
	} else {
		snprintf(text, sizeof(text), "the guest has not answered within %u s, and keeps it",
			 plug_patience(assigned) / 1000);
		refuse(vmm, assigned->slot, text);
	}
}

/* Who is late; NULL: nobody. While the user holds the guest, nobody can be. */
static struct assigned *find_late(struct vmm *vmm)
{
	uint64_t now = plug_now();

	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));) {
		if (!at->plug.until || at->plug.until > now)
			continue;
		if (!vmm->held)
			return at;
		at->plug.until = now + plug_patience(at);
	}
	return NULL;
}

static void arm(struct vmm *vmm)
{
	struct itimerspec when = {0};
	uint64_t first = 0;
	bool waits = false;

	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));) {
		waits |= at->plug.state == PLUG_SHOWN;
		if (at->plug.until && (!first || at->plug.until < first))
			first = at->plug.until;
	}
	__atomic_store_n(&vmm->plugs.waits, waits, __ATOMIC_RELEASE);
	when.it_value.tv_sec = (time_t)(first / 1000);
	when.it_value.tv_nsec = (long)(first % 1000) * 1000000;
	timerfd_settime(vmm->plugs.timer, TFD_TIMER_ABSTIME, &when, NULL);
}

void plugs_serve(struct vmm *vmm)
{
	struct assigned *late;

	take_done(vmm, false);
	take_slots(vmm);
	take_ready(vmm);
	while ((late = find_late(vmm)))
		give_up(late);
	arm(vmm);
}

void plugs_settle(struct vmm *vmm)
{
	/* What was opened and finds no port is closed again. It is closed once, so the list ends. */
	do {
		worker_settle(&vmm->plugs.worker);
		take_done(vmm, true);
	} while (vmm->plugs.list);
}

void plugs_reset(struct vmm *vmm)
{
	struct assigned *at = NULL;

	uint32_t ejected = __atomic_exchange_n(&vmm->plugs.ejected, 0, __ATOMIC_ACQ_REL);

	vmm->plugs.refused = vmm->plugs.seen = 0;
	for (unsigned slot = 0; slot < PCI_SLOTS; slot++)
		if (ejected & 1u << slot)
			plug_detach_slot(vmm, slot, VMM_EVENT_DELETED, "the guest let it go");
	while ((at = assigned_next(vmm, at))) {
		__atomic_store_n(&at->errors, 0, __ATOMIC_RELEASE); /* the new guest was not there then */
		if (at->plug.state == PLUG_SHOWN)
			plug_enter(at, PLUG_SHOWN);
		if (at->plug.state != PLUG_ASKED)
			continue;
		hotplug_gone(&vmm->hotplug, at->slot);
		plug_detach_slot(vmm, at->slot, VMM_EVENT_DELETED, "the guest was reset");
		at = NULL; /* the table has changed */
	}
}

void plugs_continue(struct vmm *vmm)
{
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		if (at->plug.until)
			at->plug.until = plug_now() + plug_patience(at);
	vmm_wake(vmm);
}

static void on_timer(void *opaque)
{
	struct vmm *vmm = opaque;
	uint64_t count;

	/* It wakes the loop, no more: plugs_serve() looks whose time is over. */
	if (read(vmm->plugs.timer, &count, sizeof(count)) < 0)
		return;
}

int plugs_init(struct vmm *vmm)
{
	worker_init(&vmm->plugs.worker);
	vmm->plugs.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (vmm->plugs.timer < 0)
		return -errno;
	return loop_add(&vmm->loop, vmm->plugs.timer, EPOLLIN, on_timer, vmm);
}

int plugs_start(struct vmm *vmm, struct lend_error *error)
{
	int ret = worker_start(&vmm->plugs.worker);

	return ret ? fail(error, ret, "cannot start a thread for devices that come later: %s", strerror(-ret))
		   : 0;
}

void plugs_free(struct vmm *vmm)
{
	worker_end(&vmm->plugs.worker);
	while (vmm->plugs.list) {
		struct assigned *at = vmm->plugs.list;

		vmm->plugs.list = at->plug.next;
		lend_function_free(at->function);
		lend_device_close(at->device);
		free(at->config.owned);
		assigned_free(at);
	}
	if (vmm->plugs.timer > 0) {
		loop_remove(&vmm->loop, vmm->plugs.timer);
		close(vmm->plugs.timer);
	}
	vmm->plugs.timer = -1;
}

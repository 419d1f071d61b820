/* SPDX-License-Identifier: MIT */
/* See plug_moves.h. All but the two jobs of the worker is on the loop's thread, outside of callbacks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "vmm/plug_moves.h"
#include "vmm/plug_port.h"

/* How long a guest may take to turn a device on, and to let one go; and how long the host waits. */
enum { PLUG_MS = 60000, UNPLUG_MS = 30000, GIVE_UP_MS = 10000 };

uint64_t plug_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

unsigned plug_patience(const struct assigned *assigned)
{
	const struct vmm_config *config = &assigned->vmm->config;

	if (assigned->plug.state == PLUG_SHOWN)
		return config->plug_ms ? config->plug_ms : PLUG_MS;
	if (assigned->plug.asked_back)
		return assigned->config.give_up_ms ? assigned->config.give_up_ms : GIVE_UP_MS;
	return config->unplug_ms ? config->unplug_ms : UNPLUG_MS;
}

void plug_enter(struct assigned *assigned, enum plug_state state)
{
	assigned->plug.state = state;
	assigned->plug.until =
		state == PLUG_SHOWN || state == PLUG_ASKED ? plug_now() + plug_patience(assigned) : 0;
}

static void pause_guest(struct vmm *vmm)
{
	vcpus_order(&vmm->vcpus, VCPUS_PAUSE);
	vcpus_wait_parked(&vmm->vcpus);
}

static void list_add(struct vmm *vmm, struct assigned *assigned)
{
	assigned->plug.next = vmm->plugs.list;
	vmm->plugs.list = assigned;
}

/* With vCPUs paused: processors look for BARs in the table. */
static void set_entry(struct vmm *vmm, unsigned index, struct assigned *assigned)
{
	pthread_mutex_lock(&vmm->places);
	vmm->assigned[index] = assigned;
	if (index >= vmm->assigned_count)
		vmm->assigned_count = index + 1;
	pthread_mutex_unlock(&vmm->places);
}

static void done(struct assigned *assigned)
{
	struct vmm *vmm = assigned->vmm;

	__atomic_store_n(&assigned->plug.done, true, __ATOMIC_RELEASE);
	vmm_wake(vmm);
}

static void give(struct assigned *assigned, void (*run)(void *opaque))
{
	assigned->plug.done = false;
	assigned->plug.job = (struct job){.run = run, .opaque = assigned};
	worker_give(&assigned->vmm->plugs.worker, &assigned->plug.job);
}

static void take_apart(struct assigned *assigned)
{
	lend_function_free(assigned->function);
	lend_device_close(assigned->device);
	assigned->function = NULL;
	assigned->device = NULL;
}

static void open_it(void *opaque)
{
	struct assigned *assigned = opaque;
	struct plug *plug = &assigned->plug;

	plug->ret = device_open(assigned, &plug->error);
	device_close_given(assigned);
	if (!plug->ret)
		plug->ret = device_make_function(assigned, LEND_PLACE_PORT, &plug->error);
	if (!plug->ret)
		plug->ret = device_reset(assigned, &plug->error);
	if (plug->ret)
		take_apart(assigned);
	done(assigned);
}

static void close_it(void *opaque)
{
	struct assigned *assigned = opaque;

	take_apart(assigned);
	done(assigned);
}

/* The worker closes it; `end` is told then, with the text. */
static void leave(struct assigned *assigned, enum vmm_event_type end, const char *text)
{
	assigned->plug.end = end;
	snprintf(assigned->plug.error.text, sizeof(assigned->plug.error.text), "%s", text);
	plug_enter(assigned, PLUG_CLOSING);
	give(assigned, close_it);
}

/*
 * Takes a device from the guest: its BARs and its config space read all ones from now on. vCPUs are
 * paused, so nobody is inside of the function.
 */
static void detach(struct assigned *assigned, enum vmm_event_type end, const char *text)
{
	struct vmm *vmm = assigned->vmm;

	lend_function_quiesce(assigned->function);
	topology_remove(&vmm->topology, assigned->function);
	set_entry(vmm, assigned->index, NULL);
	list_add(vmm, assigned);
	leave(assigned, end, text);
}

/* The functions of a slot come and go together. */
struct assigned *plug_next_in_slot(const struct vmm *vmm, const struct assigned *before, unsigned slot)
{
	struct assigned *at = assigned_next(vmm, before);

	while (at && at->slot != slot)
		at = assigned_next(vmm, at);
	return at;
}

void plug_detach_slot(struct vmm *vmm, unsigned slot, enum vmm_event_type end, const char *text)
{
	struct assigned *at;

	while ((at = plug_next_in_slot(vmm, NULL, slot)))
		detach(at, end, text);
}

void plug_take_slot(struct vmm *vmm, unsigned slot, enum vmm_event_type end, const char *text)
{
	pause_guest(vmm);
	plug_detach_slot(vmm, slot, end, text);
	vmm_resume(vmm);
}

void plug_surprise(struct assigned *assigned, enum vmm_event_type end, const char *text)
{
	struct vmm *vmm = assigned->vmm;
	unsigned slot = assigned->slot;

	pause_guest(vmm);
	detach(assigned, end, text);
	vmm_resume(vmm);
	if (plug_next_in_slot(vmm, NULL, slot))
		hotplug_changed(&vmm->hotplug, slot);
	else
		hotplug_gone(&vmm->hotplug, slot);
}

bool plug_can_ask(const struct assigned *assigned)
{
	return assigned->vmm->config.ports && assigned->place == LEND_PLACE_PORT;
}

void plug_ask(struct assigned *assigned, bool asked_back)
{
	struct vmm *vmm = assigned->vmm;

	for (struct assigned *at = NULL; (at = plug_next_in_slot(vmm, at, assigned->slot));) {
		at->plug.asked_back = asked_back;
		plug_enter(at, PLUG_ASKED);
	}
	hotplug_ask(&vmm->hotplug, assigned->slot);
}

/* The guest may find it from now on. `paused`: its processors are, and stay so. */
static void show(struct assigned *assigned, unsigned slot, bool paused)
{
	struct vmm *vmm = assigned->vmm;

	__atomic_store_n(&vmm->plugs.waits, true, __ATOMIC_RELEASE); /* until plugs_serve() finds nobody */
	if (!paused)
		pause_guest(vmm);
	/* What the guest said of the slot's last device is not about this one. */
	__atomic_fetch_and(&vmm->plugs.ejected, ~(1u << slot), __ATOMIC_ACQ_REL);
	__atomic_fetch_and(&vmm->plugs.refused, ~(1u << slot), __ATOMIC_ACQ_REL);
	__atomic_fetch_and(&vmm->plugs.seen, ~(1u << slot), __ATOMIC_ACQ_REL);
	__atomic_store_n(&assigned->errors, 0, __ATOMIC_RELEASE);
	assigned->slot = slot;
	lend_function_line_changed(assigned->function);
	topology_insert(&vmm->topology, slot, assigned->function);
	set_entry(vmm, assigned->index, assigned);
	if (!paused)
		vmm_resume(vmm);
	plug_enter(assigned, PLUG_SHOWN);
	vmm_log(vmm, LEND_LOG_INFO, "%s: plugged in behind port %u", assigned->name, slot);
	vmm_tell(vmm, VMM_EVENT_PLUGGED, assigned->index, slot, assigned->name);
	hotplug_came(&vmm->hotplug, slot);
}

void plug_finish(struct assigned *assigned, enum vmm_event_type end)
{
	struct vmm *vmm = assigned->vmm;
	enum lend_log_level level = LEND_LOG_INFO;

	if (end == VMM_EVENT_PLUG_FAILED || end == VMM_EVENT_PLUG_TIMEOUT || assigned->plug.asked_back)
		level = LEND_LOG_WARNING;
	if (end == VMM_EVENT_DELETED)
		vmm_log(vmm, level, "%s: given back to the host; the guest has it no more (%s)",
			assigned->name, assigned->plug.error.text);
	else
		vmm_log(vmm, level, "%s", assigned->plug.error.text);
	vmm_tell(vmm, end, assigned->index, 0, assigned->plug.error.text);
	free(assigned->config.owned);
	assigned_free(assigned);
}

/* The worker has opened it: it is shown, or what came is closed again. */
void plug_opened(struct assigned *assigned, bool paused)
{
	struct lend_error error;
	int slot;

	if (assigned->plug.ret) {
		plug_finish(assigned, VMM_EVENT_PLUG_FAILED);
		return;
	}
	slot = port_for(assigned, &error);
	if (slot >= 0) {
		show(assigned, (unsigned)slot, paused);
		return;
	}
	list_add(assigned->vmm, assigned);
	leave(assigned, VMM_EVENT_PLUG_FAILED, error.text);
}

void plug_open(struct assigned *assigned)
{
	plug_enter(assigned, PLUG_OPENING);
	list_add(assigned->vmm, assigned);
	give(assigned, open_it);
}

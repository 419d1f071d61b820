/* SPDX-License-Identifier: MIT */
/* What one device goes through as it comes and goes (plug_moves.c), for plug.c and plug_calls.c. */
#ifndef VMM_PLUG_MOVES_H
#define VMM_PLUG_MOVES_H

#include "vmm/machine.h"

/** Monotonic, ms. */
uint64_t plug_now(void);
/** How long the state that the device is in may last, ms. */
unsigned plug_patience(const struct assigned *assigned);
void plug_enter(struct assigned *assigned, enum plug_state state);

/** Gives the device to the worker, to be opened. */
void plug_open(struct assigned *assigned);
/**
 * The worker has opened it, or could not: shows it to the guest, or ends it. `paused`: vCPUs are, and
 * stay so; else they are paused as long as it takes.
 */
void plug_opened(struct assigned *assigned, bool paused);
/** The worker has closed it: tells so, and forgets it. */
void plug_finish(struct assigned *assigned, enum vmm_event_type end);

/** The device after `before` (NULL: the first) that is in a slot; a guest lets those of one go together. */
struct assigned *plug_next_in_slot(const struct vmm *vmm, const struct assigned *before, unsigned slot);
/** Whether the guest can be asked to let it go. */
bool plug_can_ask(const struct assigned *assigned);
/** Asks the guest for all of its slot. */
void plug_ask(struct assigned *assigned, bool asked_back);
/**
 * Takes all devices of a slot from the guest: BARs and config space read all ones from now on, and the
 * worker closes them. `end` is told then, with the text. vCPUs are paused by the caller, or by the
 * next one.
 */
void plug_detach_slot(struct vmm *vmm, unsigned slot, enum vmm_event_type end, const char *text);
void plug_take_slot(struct vmm *vmm, unsigned slot, enum vmm_event_type end, const char *text);
/** One device, by surprise: the guest is told afterwards, unless the slot has other functions still. */
void plug_surprise(struct assigned *assigned, enum vmm_event_type end, const char *text);

#endif

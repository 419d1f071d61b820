/* SPDX-License-Identifier: MIT */
/*
 * Devices that come and go while the guest runs; vmm.h has what starts it (vmm_device_add(),
 * vmm_device_remove()). A worker thread opens and closes them, so that the loop answers meanwhile.
 * All else happens on the loop's thread, outside of callbacks: plugs_serve().
 */
#ifndef VMM_PLUG_H
#define VMM_PLUG_H

#include "lend/types.h"
#include "vmm/worker.h"

struct assigned;
struct vmm;

enum plug_state {
	PLUG_ON,      /* the guest has it; so is a device that was there before the guest */
	PLUG_OPENING, /* the worker opens it, and the guest sees nothing of it */
	PLUG_SHOWN,   /* the guest was told, and has turned nothing of it on yet */
	PLUG_ASKED,   /* the guest was asked to let it go */
	PLUG_CLOSING, /* the guest sees nothing of it any more, and the worker closes it */
};

/** What goes on with one device. The loop's thread alone, except where it says else. */
struct plug {
	enum plug_state state;
	uint64_t until;  /* monotonic, ms: the patience of the state; 0: it has no end */
	bool asked_back; /* the host wants it: at `until` it is taken */
	uint32_t end;    /* of PLUG_CLOSING: the event that tells that it is done, with `error` */
	int ret;         /* of PLUG_OPENING, with `error`: how it went; the worker's until `done` */
	struct lend_error error;
	bool done; /* atomic: the worker has done its part */
	struct job job;
	struct assigned *next; /* in plugs.list */
};

struct plugs {
	struct worker worker;
	struct assigned *list; /* what the worker opens and closes, which is not in vmm->assigned */
	int timer;             /* timerfd */
	/* Set by vCPUs, atomics. Slots whose device the guest let go, was told of, or keeps; and why. */
	uint32_t ejected, seen, refused, status[32];
	bool waits;     /* atomic: for a guest that turns a device on */
	bool commanded; /* a command register was written meanwhile */
};

int plugs_init(struct vmm *vmm);
/** Starts the worker; before system calls are restricted. */
int plugs_start(struct vmm *vmm, struct lend_error *error);
/** Does what there is to do. On the loop's thread, outside of callbacks. */
void plugs_serve(struct vmm *vmm);
/** The machine is reset, with vCPUs paused: who was asked to let a device go does not use it any more. */
void plugs_reset(struct vmm *vmm);
/**
 * Waits until no device is being opened or closed, as long as that takes, and shows the guest those that
 * have come. On the loop's thread, with vCPUs paused, before devices are reset: a bus is not reset
 * while a device on it is open that is not among them, and the kernel refuses it while one is opened.
 */
void plugs_settle(struct vmm *vmm);
/** The user lets the guest go on: who waits for it waits from the beginning. */
void plugs_continue(struct vmm *vmm);
/** Ends the worker, and closes what it had. No vCPU runs. */
void plugs_free(struct vmm *vmm);

/** The host wants a device that the guest has. */
void plug_asked_back(struct assigned *assigned);

/* The calls of the hotplug chip, and of a write to a command register; opaque: struct vmm. Any thread. */
void plug_ejected(void *opaque, unsigned slot);
void plug_refused(void *opaque, unsigned slot, uint32_t status);
void plug_seen(void *opaque, unsigned slot);
void plug_commanded(void *opaque);

#endif

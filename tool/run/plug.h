/* SPDX-License-Identifier: MIT */
/*
 * The keeper's part of devices that come and go while the guest runs. A device has a number of the
 * machine; whoever operates it has the ids. All that happens to a device is told by an event, also
 * that it could not come (VMM_EVENT_PLUG_FAILED), whoever it failed in.
 */
#ifndef TOOL_RUN_PLUG_H
#define TOOL_RUN_PLUG_H

#include <sys/types.h>

#include "tool/run/control.h"
#include "tool/run/options.h"

/* Whether the host has a device back, as the last event of a device tells in values[0]. */
enum plug_given {
	PLUG_NOT_TAKEN,   /* nobody took it from a driver: it stays where it was */
	PLUG_GIVEN_BACK,  /* to its driver */
	PLUG_STILL_TAKEN, /* that failed: its reason was printed */
};

/* A device by its number. */
struct plug_at {
	pid_t helper; /* 0: none */
	int process;  /* its descriptor, which tells of its end; -1: none */
	int socket;   /* to it; -1: none */
	bool called;  /* the machine has the order */
	bool is_back; /* one of the command line: it has left the machine */
	enum plug_given given;
	bool holds; /* `last` is told when the helper has ended, with the topic; empty: none */
	struct vmm_event last;
	char topic[32];
};

struct plug_keeper {
	const struct run_options *options; /* of the machine; borrowed */
	/*
	 * What the machine would send, where it is the keeper that knows; not from plug_add(). With the
	 * topic of `lend check` that failed; NULL: none did. The last event of a device comes from here
	 * as well, also if the machine told of it: not before its driver in the host has it back, or that
	 * failed (enum plug_given).
	 */
	void (*event)(void *opaque, const struct vmm_event *event, const char *topic);
	void *opaque;
	int epoll;
	struct plug_at at[VMM_DEVICES_MAX];
};

int plug_init(struct plug_keeper *plugs);

/**
 * Begins to add a device, as `number`, which no device has. 0: it began, and an event ends it. A
 * negative errno with the sentence otherwise. device->fd, if there is one, stays the caller's.
 */
int plug_add(struct plug_keeper *plugs, unsigned number, const struct run_device *device,
	     struct lend_error *error);

/** The descriptor to poll for reading. */
int plug_fd(const struct plug_keeper *plugs);
/** Helpers have something to say. `control`: the machine's socket, -1: it is gone. */
void plug_serve(struct plug_keeper *plugs, int control);

/**
 * The machine sent this. True: it is for nobody else, being the answer to a call of ours, or the last
 * event of a device, which is passed on by plugs->event.
 */
bool plug_take(struct plug_keeper *plugs, const struct control_message *message);

/** Whether the machine has a device no more, and its driver in the host not yet. */
bool plug_gives_back(const struct plug_keeper *plugs, unsigned number);

/**
 * The machine has closed its devices: waits until those that were taken are given back. Returns a
 * process that is not done by then, and goes on by itself; 0: all are.
 */
pid_t plug_end(struct plug_keeper *plugs, unsigned limit_ms);

#endif

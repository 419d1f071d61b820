/* SPDX-License-Identifier: MIT */
/*
 * The keeper: the process that the user started. It owns the terminal and every file that has
 * a name. It starts the process of the machine, which opens KVM and VFIO, prints what that
 * process says, makes it end when the user asks, and restores the terminal whatever happened.
 */
#ifndef TOOL_RUN_KEEPER_H
#define TOOL_RUN_KEEPER_H

#include "tool/run/control.h"
#include "tool/run/ladder.h"
#include "tool/run/qmp/place.h"
#include "tool/run/qmp/qmp.h"
#include "tool/run/servers.h"
#include "tool/tool.h"

enum { KEEPER_KEEP_MAX = 2, KEEPER_MORE_MAX = VMM_DEVICES_MAX + 6 };

struct keeper_config {
	int input, output, messages; /* standard input, output and error; not closed */
	enum serial_kind serial;
	int serial_fd; /* the file, or the listening socket, of -serial; not closed */
	/*
	 * The machine, in a process of its own: its end of the control channel
	 * and of the serial line (-1: none). Returns the exit status of that process.
	 */
	int (*machine)(int control, int serial, void *opaque);
	void *opaque;
	int keep[KEEPER_KEEP_MAX]; /* further descriptors that the machine needs; -1: none */
	const int *more;           /* and yet further ones */
	unsigned more_count;
	struct servers *servers;          /* that are started again when they die; NULL: none */
	const struct run_device *devices; /* whose servers may come back */
	unsigned device_count;
	const struct run_options *options; /* of the machine, for the control socket; NULL: it has none */
	const struct qmp_place *place;     /* where that is; NULL: nowhere */
	void (*started)(void *opaque);     /* the machine has its descriptors; NULL: nothing to do */
	uint64_t memory;                   /* of the guest, in bytes */
	bool verbose;                      /* also the steps of the start that took long are told */
	struct ladder_times times;
	unsigned flush_ms; /* how long readers of output may take once the machine has ended */
};

/* What became of the machine. */
struct keeper_result {
	enum tool_status status;
	bool said; /* the machine reported its end: `end` is that, with its counters */
	struct control_message end;
};

extern const struct ladder_times keeper_times;
enum { KEEPER_FLUSH_MS = 10000 };

/** Runs a machine to its end. Everything there is to say has been said. */
void keeper_run(const struct keeper_config *config, struct keeper_result *result);

#endif

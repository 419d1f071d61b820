/* SPDX-License-Identifier: MIT */
/*
 * The keeper's state, and the parts that its files call in each other: keeper.c
 * starts and ends, keeper_events.c does what happens in between.
 */
#ifndef TOOL_RUN_KEEPER_STATE_H
#define TOOL_RUN_KEEPER_STATE_H

#include <signal.h>
#include <sys/types.h>

#include "tool/run/comeback.h"
#include "tool/run/console.h"
#include "tool/run/keeper.h"
#include "tool/run/messages.h"
#include "tool/run/plug.h"
#include "tool/run/progress.h"
#include "tool/run/terminal.h"

enum {
	KEEPER_CONSOLE, /* the console's come first */
	KEEPER_SIGNALS = CONSOLE_POLLS,
	KEEPER_CONTROL,
	KEEPER_MESSAGES,
	KEEPER_LISTENER,
	KEEPER_QMP,
	KEEPER_PLUGS,
	KEEPER_CLIENT, /* after the end of its input: watched for its hang-up alone */
	KEEPER_POLLS,
};

struct keeper {
	const struct keeper_config *config;
	struct ladder ladder;
	struct progress progress;
	struct comeback comeback;
	struct terminal terminal;
	struct console console;
	struct messages messages;
	struct qmp *qmp; /* NULL: no control socket */
	struct plug_keeper plugs;
	int signals, control; /* control is -1 once the machine closed its end */
	int client;           /* of -serial unix:, -1: none */
	uint64_t full_until;  /* there was no room for one: the listener is not watched, ms; 0: it is */
	pid_t machine;
	char work[64]; /* what the machine said that takes its time, "resetting its devices"; empty: nothing
			*/
	bool over;     /* the machine process is gone: `wait_status` is how */
	int wait_status;
	bool said; /* `end` is what the machine reported last */
	struct control_message end;
};


/** The signals that the keeper takes from its descriptor. */
void keeper_signals(sigset_t *out);

void keeper_polls(const struct keeper *keeper, struct pollfd polls[KEEPER_POLLS]);
void keeper_serve(struct keeper *keeper, const struct pollfd polls[KEEPER_POLLS]);

/** Does one step towards the machine's end. */
void keeper_step(struct keeper *keeper, enum ladder_step step);

/** The last event of a device; with the topic of `lend check` that failed, NULL: none. */
void keeper_plug_event(void *opaque, const struct vmm_event *event, const char *topic);

/** Tells the user what is waited for, when the start takes long. */
void keeper_progress(struct keeper *keeper);

/** Makes the server of the control socket, where there is to be one. 0 or negative errno. */
int keeper_qmp(struct keeper *keeper);

/** Lets the client of -serial unix: go. */
void keeper_drop_client(struct keeper *keeper);

/** Says how the machine ended, and fills `result`. */
void keeper_conclude(struct keeper *keeper, struct keeper_result *result);

#endif

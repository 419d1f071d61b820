/* SPDX-License-Identifier: MIT */
/*
 * The messages between keeper and machine, over a SOCK_SEQPACKET pair. The two
 * are one program, so a message is a struct; but the machine runs a guest, so
 * the keeper believes nothing of it: lengths are checked and text is cleaned
 * before anything is printed. A closed socket is a message too: the other one
 * has ended.
 */
#ifndef TOOL_RUN_CONTROL_H
#define TOOL_RUN_CONTROL_H

#include "vmm/vmm.h"

enum control_type {
	/* machine to keeper */
	CONTROL_LOG,     /* value: enum lend_log_level; text */
	CONTROL_STEP,    /* value: a row of enum vmm_step_row; text: what goes on there, empty: its end */
	CONTROL_RUNNING, /* the guest is about to start */
	CONTROL_WORK,  /* something that may take its time begins: text, "resetting its devices"; empty: done
			*/
	CONTROL_END,   /* value: enum vmm_end; text is a sentence or empty; stats */
	CONTROL_LOST,  /* value: a device, whose server is gone, or is still not what it was */
	CONTROL_FOUND, /* value: that device; its server need not be looked for any more */
	/* keeper to machine */
	CONTROL_BUTTON, /* press the power button */
	CONTROL_STOP,   /* stop now */
	CONTROL_REPORT, /* print the counters */
	CONTROL_SERVER, /* value: a device; with a socket that is connected to its server */
	CONTROL_NONE,   /* value: a device, whose server did not come back */
};

struct control_message {
	uint32_t type, value;
	char text[sizeof(struct lend_error)];
	struct vmm_stats stats;
};

/** A pair of sockets, both close-on-exec. 0 or negative errno. */
int control_pair(int out[2]);

/** Sends a message without text. Never waits: -EAGAIN when the other side does not read. */
int control_send(int fd, enum control_type type);
/** Sends a message about a device. Never waits. */
int control_send_device(int fd, enum control_type type, unsigned device);
/** Sends CONTROL_SERVER; `server` stays the caller's. Never waits. */
int control_send_server(int fd, unsigned device, int server);
/** Sends a line of log. Never waits. */
int control_send_log(int fd, enum lend_log_level level, const char *text);
/** Sends what goes on in a row of the start, or with an empty text its end. Never waits. */
int control_send_step(int fd, unsigned row, const char *text);
/** Sends that something long begins, or with an empty text that it is done; waits up to `wait_ms` for room.
 */
int control_send_work(int fd, const char *text, int wait_ms);
/** Sends the end; waits up to `wait_ms` for room. `stats` may be NULL. */
int control_send_end(int fd, enum vmm_end end, const char *text, const struct vmm_stats *stats, int wait_ms);

/**
 * Takes one message if there is one. 1: taken; 0: the other side has ended;
 * -EAGAIN: none now; -EPROTO: nonsense came, and was dropped.
 */
int control_receive(int fd, struct control_message *out);
/** The same for the machine, which may be handed a descriptor: `*server`, the caller's then, or -1. */
int control_receive_server(int fd, struct control_message *out, int *server);

#endif

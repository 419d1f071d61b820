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
	CONTROL_MEMORY,  /* value: MiB of guest memory that are populated; 0: it begins */
	CONTROL_RUNNING, /* the guest is about to start */
	CONTROL_WORK,   /* something that may take its time begins: text, "resetting its devices"; empty: done
			 */
	CONTROL_END,    /* value: enum vmm_end; text is a sentence or empty; stats */
	CONTROL_LOST,   /* value: a device, whose server is gone, or is still not what it was */
	CONTROL_FOUND,  /* value: that device; its server need not be looked for any more */
	CONTROL_LINE,   /* value: a call; text: a line of its answer */
	CONTROL_CPU,    /* value: a call; cpu: a row of its answer */
	CONTROL_PCI,    /* value: a call; pci: a row of its answer */
	CONTROL_ANSWER, /* value: a call, which ends with this; result, and text where it failed */
	CONTROL_EVENT,  /* event */
	/* keeper to machine */
	CONTROL_BUTTON, /* press the power button */
	CONTROL_STOP,   /* stop now */
	CONTROL_REPORT, /* print the counters */
	CONTROL_SERVER, /* value: a device; with a socket that is connected to its server */
	CONTROL_NONE,   /* value: a device, whose server did not come back */
	CONTROL_CALL,   /* value: the number of this call, which its answer has; call, and descriptors */
};

/** What the machine may be called for. */
enum control_verb {
	CALL_PAUSE,
	CALL_CONTINUE,
	CALL_RESET,
	CALL_CPUS,     /* CONTROL_CPU rows */
	CALL_PCI,      /* CONTROL_PCI rows */
	CALL_COUNTERS, /* CONTROL_LINE rows */
	CALL_EXPLAIN,  /* CONTROL_LINE rows */
	CALL_PLUG,   /* device; the descriptors of an order (plug_order.h); events tell what becomes of it */
	CALL_UNPLUG, /* device; payload: a byte, 1: by force; events as well */
	CALL_VERBS,
};

enum { CONTROL_PAYLOAD_MAX = 4096, CONTROL_FDS_MAX = 4 };

struct control_call {
	uint32_t verb, device;
	uint8_t payload[CONTROL_PAYLOAD_MAX]; /* as much of it as the message is long */
};

struct control_cpu {
	uint32_t cpu;
	int32_t thread;
};

struct control_message {
	uint32_t type, value;
	union {
		struct {
			char text[sizeof(struct lend_error)];
			struct vmm_stats stats;
		};
		struct {
			int32_t result; /* 0 or a negative errno */
			char text[sizeof(struct lend_error)];
		} answer;
		struct vmm_event event;
		struct control_call call;
		struct control_cpu cpu;
		struct vmm_pci_row pci;
	};
};

/** A pair of sockets, both close-on-exec. 0 or negative errno. */
int control_pair(int out[2]);

/** Sends a message without text. Never waits: -EAGAIN when the other side does not read. */
int control_send(int fd, enum control_type type);
/** Sends a message about a device. Never waits. */
int control_send_device(int fd, enum control_type type, unsigned device);
/** Sends CONTROL_SERVER; `server` stays the caller's. Never waits. */
int control_send_server(int fd, unsigned device, int server);

/** How many bytes of a message of the machine's are sent. */
size_t control_length(const struct control_message *message);
/** Sends the first `length` bytes of a message. Never waits. 0 or negative errno. */
int control_put(int fd, const void *message, size_t length);

/**
 * Calls the machine: `length` bytes of payload, `count` descriptors, which stay the caller's. Never
 * waits. -E2BIG: more than fits.
 */
int control_send_call(int fd, uint32_t serial, enum control_verb verb, unsigned device, const void *payload,
		      size_t length, const int *fds, unsigned count);

/**
 * Takes one message if there is one. 1: taken; 0: the other side has ended;
 * -EAGAIN: none now; -EPROTO: nonsense came, and was dropped.
 */
int control_receive(int fd, struct control_message *out);

/** What comes with a message for the machine. */
struct control_extras {
	size_t payload;           /* bytes of a call's payload */
	int fds[CONTROL_FDS_MAX]; /* the caller's then */
	unsigned fd_count;
};

/** The same for the machine. */
int control_receive_extras(int fd, struct control_message *out, struct control_extras *extras);

/** Closes the descriptors that nobody took. */
void control_close_extras(struct control_extras *extras);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A server of vfio-user that a test scripts: it runs in a thread, on one end of a
 * pair of sockets, and answers as a plain device does, unless the test's hook
 * answers first. And a monitor without a hypervisor, with a device behind the
 * other end.
 */
#ifndef TESTS_UNIT_USER_PEER_H
#define TESTS_UNIT_USER_PEER_H

#include <pthread.h>

#include "lend/lend.h"
#include "lib/wire/message.h"
#include "lib/wire/version.h"

enum { PEER_AREAS = 8, PEER_BELLS = 80, PEER_BYTES = 0x4000, PEER_MAPS = 8, PEER_IRQ_LOG = 64 };

struct peer_region {
	uint64_t size;
	uint32_t flags;
	int fd; /* 0: none */
	uint64_t offset;
	struct wire_area areas[PEER_AREAS];
	unsigned area_count; /* 0: no capability */
	/* Its doorbells; without any it refuses the question. They are sent in `stride` bytes, 0: 40. */
	struct wire_io_fd bells[PEER_BELLS];
	unsigned bell_count, stride, bell_fd_count;
	int bell_fds[WIRE_FDS_MAX];
};

struct user_peer {
	/* What it is; set before user_peer_start(). */
	bool twin;           /* it confirms a twin socket */
	unsigned max_fds;    /* that it says; 0: 8 */
	uint32_t info_flags; /* WIRE_INFO_ */
	uint32_t region_count, irq_count;
	struct peer_region regions[LEND_REGION_COUNT];
	uint32_t irqs[LEND_IRQ_COUNT], line_flags;
	uint8_t config[4096];
	/* Answers a command itself: true. In the peer's thread. */
	bool (*hook)(struct user_peer *peer, struct wire_reader *message);
	void *opaque;
	unsigned dies_at; /* closes its sockets within the answer to this command, from 1; 0: never */
	unsigned cut;     /* when so many bytes of the answer were sent */
	bool dying;       /* its own */

	/* What it saw. Read while no call runs. */
	unsigned commands, seen[32];
	uint8_t bytes[PEER_BYTES]; /* of BAR 0 */
	struct {
		struct wire_dma_map map;
		int fd; /* -1: it had none */
	} maps[PEER_MAPS];
	unsigned map_count;
	struct {
		struct wire_set_irqs what;
		unsigned fds;
	} irq_log[PEER_IRQ_LOG];
	unsigned irq_log_count;
	int irq_fds[LEND_IRQ_COUNT][64]; /* 0: none */
	uint32_t last_flags;             /* of the last command */

	/* Its own. */
	int client; /* the end for lend */
	int fds[2]; /* main and twin */
	int wake;
	struct wire_reader readers[2];
	pthread_t thread;
	bool running;
	void (*job)(struct user_peer *peer);
	bool job_done; /* atomic */
};

/** A device with vendor 0x1234, a BAR 0 of 16 KiB that is not mapped, and MSI-X with 32 vectors. */
void user_peer_init(struct user_peer *peer);
void user_peer_start(struct user_peer *peer);
/** Closes its sockets, as a process does that is killed. */
void user_peer_stop(struct user_peer *peer);

/* In the peer's thread. */

/** Answers the command `message`; `error`: a positive errno, or 0. */
void user_peer_reply(struct user_peer *peer, const struct wire_reader *message, int error, const void *data,
		     size_t length, const int *fds, unsigned fd_count);
/** Sends bytes as they are on the main socket. */
void user_peer_raw(struct user_peer *peer, const void *bytes, size_t length);
/** Sends a command of its own, and answers others until its reply is there, which is in the reader returned.
 */
struct wire_reader *user_peer_ask(struct user_peer *peer, unsigned command, const void *payload,
				  size_t length, const int *fds, unsigned fd_count);
/** A DMA command: 0 or the positive errno of its reply. `data`: written, or read into. */
int user_peer_dma(struct user_peer *peer, bool write, uint64_t address, uint64_t count, void *data);

/** A monitor with one device. */
struct user_monitor {
	struct user_peer peer;
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct lend_function *function;
	struct lend_error error;
	unsigned reply_ms;
	bool reconnects;
	const char *name; /* that the device is given; NULL: none */
	const char *path; /* of a server that is no peer; NULL: the peer */
	struct {
		int fd;
		lend_watch_fn fn;
		void *opaque;
	} watches[64];
	unsigned watch_count, events[LEND_EVENT_REPORTED + 1], log_lines;
	char last_log[512];
	struct lend_bar_direct direct[8];
	size_t direct_count; /* of the BAR that was mapped last */
	bool placed;
	int attached[64];                /* eventfd of each vector; 0: none */
	int line, resample;              /* eventfds of the line */
	int level;                       /* of the line, without those */
	struct lend_ioeventfd bells[80]; /* that are handed out */
	unsigned bell_count;
	bool no_ioeventfd; /* of the function that is made */
	unsigned fds_before;
};

void user_monitor_init(struct user_monitor *monitor);
/** Context, space, peer, and the device behind it: 0 or what failed. */
int user_monitor_open(struct user_monitor *monitor);
/** And the function, with BAR 0 placed. */
void user_monitor_function(struct user_monitor *monitor);
/** Closes everything; no descriptor is left. */
void user_monitor_close(struct user_monitor *monitor);
/** Runs `job` in the peer's thread, and the monitor's loop meanwhile. */
void user_monitor_do(struct user_monitor *monitor, void (*job)(struct user_peer *peer));
/** The same, in the thread of another peer. */
void user_monitor_let(struct user_monitor *monitor, struct user_peer *peer,
		      void (*job)(struct user_peer *peer));
/** The monitor's loop, until nothing is there for it. */
void user_monitor_loop(struct user_monitor *monitor);
/** The loop, until an event of this kind has come. */
void user_monitor_await(struct user_monitor *monitor, enum lend_event event);

#endif

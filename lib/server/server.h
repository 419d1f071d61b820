/* SPDX-License-Identifier: MIT */
/*
 * The server, as the files of lib/server use it. One thread uses a server, so nothing
 * in it has a lock; only the table of maps is read by a handler of SIGBUS, too (sigbus.h).
 *
 * A client's life: accepted (session.c), its messages read (channel.c), carried out one
 * after the other (requests.c), and answered. Whatever ends it, session_end() is the one
 * place that takes everything of it away.
 */
#ifndef LIB_SERVER_SERVER_H
#define LIB_SERVER_SERVER_H

#include <sys/types.h>

#include "lend/server.h"
#include "lib/context.h"
#include "lib/server/sigbus.h"
#include "lib/server/channel.h"
#include "lib/server/config.h"
#include "lib/server/irqs.h"
#include "lib/server/maps.h"
#include "lib/wire/version.h"

enum {
	SERVER_PAGE = 4096,
	/** Messages that one call of lend_server_work() carries out. */
	SERVER_BUDGET = 64,
	/** What a client can ask for while the device waits for its memory. */
	SERVER_KEPT_MAX = 8192,
	SERVER_KEPT_BYTES = 8 << 20,
	SERVER_DMA_LIMIT_MS = 5000,
};

/** A message that waits until the device does not wait for guest memory any more. */
struct server_kept {
	struct server_kept *next;
	struct server_message message;
};

/** What lend_server_fd() waits for: the number that epoll returns. */
enum server_source {
	SERVER_LISTENER,
	SERVER_MAIN,
	SERVER_TWIN,
	SERVER_KICK,
	SERVER_TIMER,
	SERVER_MASK,
	SERVER_UNMASK,
};

struct lend_server {
	struct lend_context *context;
	struct log_bucket bucket;
	char name[64];
	struct lend_server_device device; /* a copy, with its arrays */
	struct lend_server_ops ops;
	struct server_config config;
	struct server_irqs irqs;
	struct server_maps maps;
	struct sigbus_entry bus;

	bool made; /* lend_server_new() has returned it */

	int epoll, kick;
	int timer;    /* timerfd: the listener is waited for again */
	int listener; /* -1: none */
	char path[108];
	dev_t path_dev;
	ino_t path_inode;
	bool only;     /* it was given a connected socket: there is no next client */
	bool finished; /* and that client is gone */

	struct server_channel main, twin;
	bool connected;            /* the client has told its version */
	struct wire_limits client; /* what it takes */
	int lost;                  /* negative errno: the session ends as soon as no slot runs */
	struct lend_error why;     /* the sentence for that */
	unsigned in_command;       /* a command is carried out */
	struct server_kept *kept, **kept_end;
	unsigned kept_count;
	size_t kept_bytes;

	struct server_waiter *waiters; /* DMA messages without an answer */
	uint16_t dma_id;
	bool silent;    /* the last one had none within the limit */
	bool abandoned; /* a reset is kept: what the device does until then is given up */
	int dma_limit_ms;

	uint8_t *scratch; /* data of a reply */
	size_t scratch_room;
};

/** One line of log that a client can cause. */
LEND_PRINTF(3, 4)
void server_log(struct lend_server *server, enum lend_log_level level, const char *format, ...);

/** Resets the device, its described config space and its interrupts' state. What slot `reset` returned. */
int server_reset(struct lend_server *server, enum lend_server_why why);

/** Adds, changes or (events 0) removes what epoll waits for. 0 or -errno. */
int server_watch(struct lend_server *server, int fd, enum server_source source, uint32_t events,
		 int operation);

/** Makes lend_server_fd() readable, until server_kicked(). */
void server_kick(struct lend_server *server);
void server_kicked(struct lend_server *server);

/** Memory for the data of a reply; NULL: there is none. It is valid until the reply is sent. */
uint8_t *server_scratch(struct lend_server *server, size_t length);

#endif

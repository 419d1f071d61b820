/* SPDX-License-Identifier: MIT */
/*
 * A server with a device that notes what it is told, and a client that is a raw socket.
 * Both run in one thread: the client lets the server work while it waits.
 */
#ifndef TESTS_UNIT_SERVER_STAGE_H
#define TESTS_UNIT_SERVER_STAGE_H

#include "lend/server.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/wire_peer.h"

enum {
	STAGE_REGISTERS = 0, /* 4 KiB that trap */
	STAGE_PORTS = 1,     /* 32 ports */
	STAGE_MAPPED = 2,    /* 64 KiB of 64 bits, of which two areas can be mapped */
	STAGE_MSIX = 4,      /* the table at 0, pending bits at 0x800, and registers behind them */
	STAGE_PENDING = 0x800,
	STAGE_VECTORS = 8,
	STAGE_MSI_VECTORS = 4,
	STAGE_ROM_SIZE = 3000,
};

struct server_stage {
	struct lend_context *context;
	struct lend_server *server;
	struct lend_server_device device;
	struct lend_server_config config;
	struct wire_peer peer;
	unsigned fds; /* that were open before */

	uint8_t bytes[LEND_REGION_COUNT][4096];
	int memory; /* behind STAGE_MAPPED */
	unsigned reads, writes, resets, lost, maps, unmaps, irq_changes, written;
	bool pumping;
	/* Called by the slots, if they are there. */
	int (*on_write)(struct server_stage *stage, unsigned region, uint64_t offset);
	int (*on_reset)(struct server_stage *stage, enum lend_server_why why);
	void (*on_unmap)(struct server_stage *stage);
	int map_result;
	struct lend_domain_map last_map;
	char log[4096]; /* the last lines */
};

/** Setup and teardown of cmocka: a client that is connected and has told its version. */
int stage_setup(void **state);
/** The same without the version. */
int stage_setup_silent(void **state);
int stage_teardown(void **state);

/** Makes the server anew from stage->device, with a silent client. */
void stage_serve(struct server_stage *stage);
/** A new client in place of the one there is, which is closed. */
void stage_connect(struct server_stage *stage);
/** The client's socket is `fd` from now on. */
void stage_take(struct server_stage *stage, int fd);
/** The server does what there is to do. */
void stage_work(struct server_stage *stage);
/** That a valid command works, and that no descriptor was left behind. `fds`: those that are to be open. */
void stage_is_in_step(struct server_stage *stage, unsigned fds);
/** That the server has ended the session, and that another client is served. */
void stage_is_closed(struct server_stage *stage);
/** How often an eventfd was signalled since the last call. */
uint64_t stage_signals(int eventfd);

#endif

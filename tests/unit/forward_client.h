/* SPDX-License-Identifier: MIT */
/* A client of a server for a fake device, in the same thread (test_forward*.c). */
#ifndef TESTS_UNIT_FORWARD_CLIENT_H
#define TESTS_UNIT_FORWARD_CLIENT_H

#include "lend/server.h"
#include "tests/unit/fake_private.h"
#include "tests/unit/wire_peer.h"

enum { EVENTFDS = WIRE_IRQS_EVENTFD | WIRE_IRQS_TRIGGER, NO_DATA = WIRE_IRQS_NONE };

struct client {
	struct world *world;
	struct lend_server *server;
	struct wire_peer peer;
	bool joined;
	char folder[32], path[48];
};

/** A world with an NVMe drive in it, that is not open yet. */
struct client *client_new(void);
/** Opens the device, makes a server for it, and joins. */
void client_open(struct client *client);
/** Connects, and tells the version. */
void client_join(struct client *client);
/** Closes the connection; the server has seen it. */
void client_leave(struct client *client);
void client_free_server(struct client *client);
/** Closes everything, and asserts that nothing is left. */
void client_free(struct client *client);

/** What the client is told of a region; *fd: its descriptor, which the caller closes; -1: none. */
struct wire_region_info client_region(struct client *client, unsigned index, int *fd);
struct wire_irq_info client_irq(struct client *client, unsigned index);
/** One to eight bytes. A read succeeds; a write returns 0 or the negative errno. */
int client_write(struct client *client, unsigned region, uint64_t offset, unsigned length, uint64_t value);
uint64_t client_read(struct client *client, unsigned region, uint64_t offset, unsigned length);
int client_reset(struct client *client);

#endif

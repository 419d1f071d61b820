/* SPDX-License-Identifier: MIT */
/*
 * The other side of a socket, for tests of clients and servers of vfio-user: it sends
 * the bytes that the test chooses, whether they make sense or not, and receives whole
 * messages. It fails the test if nothing comes for 10 s.
 */
#ifndef TESTS_UNIT_WIRE_PEER_H
#define TESTS_UNIT_WIRE_PEER_H

#include "lib/wire/message.h"
#include "tests/unit/open_files.h"

struct wire_peer {
	int fd;
	uint16_t id;               /* of the next command */
	struct wire_reader reader; /* the message that was received last */
	/* Lets the other side work, if it runs in this thread. NULL: it has a thread or a process. */
	void (*pump)(void *opaque);
	void *opaque;
};

/** Capabilities as a well-known client tells them. */
extern const char wire_peer_text[];

void peer_begin(struct wire_peer *peer, int fd);
void peer_end(struct wire_peer *peer);

/** Sends bytes as they are, with descriptors at the first one. False: the other side is gone. */
bool peer_raw(struct wire_peer *peer, const void *data, size_t length, const int *fds, unsigned fd_count);

/** Sends a whole message, however long the other side takes to read it; nothing if it is gone. */
void peer_put(int fd, struct wire_out *out);

/** Sends a message; `flags` are those of the header. Returns its id. */
uint16_t peer_send(struct wire_peer *peer, unsigned command, uint32_t flags, const void *payload,
		   size_t length, const int *fds, unsigned fd_count);

/** Receives a message. 0: it is in `reader`; -ECONNRESET: the other side is gone. */
int peer_receive(struct wire_peer *peer);

/** Receives the reply to a command: 0, or the negative errno that it tells; -ECONNRESET. */
int peer_reply(struct wire_peer *peer, unsigned command, uint16_t id);

/** Sends a command, and receives its reply. */
int peer_ask(struct wire_peer *peer, unsigned command, const void *payload, size_t length);
int peer_ask_with(struct wire_peer *peer, unsigned command, const void *payload, size_t length,
		  const int *fds, unsigned fd_count);

/** Whether the other side ends the session, after whatever it still sends. */
bool peer_is_closed(struct wire_peer *peer);

/** Tells the version, with `text` (NULL: none, and no NUL either). What peer_ask() returns. */
int peer_version(struct wire_peer *peer, unsigned major, unsigned minor, const char *text);

/* The commands of a client. What peer_ask() returns; reads and writes check the counts. */
int peer_read(struct wire_peer *peer, unsigned region, uint64_t offset, void *data, uint32_t count);
int peer_write(struct wire_peer *peer, unsigned region, uint64_t offset, const void *data, uint32_t count);
uint32_t peer_read32(struct wire_peer *peer, unsigned region, uint64_t offset);
int peer_write32(struct wire_peer *peer, unsigned region, uint64_t offset, uint32_t value);
int peer_map(struct wire_peer *peer, uint64_t address, uint64_t size, uint32_t flags, int fd,
	     uint64_t offset);
int peer_unmap(struct wire_peer *peer, uint64_t address, uint64_t size, uint32_t flags);
int peer_set_irqs(struct wire_peer *peer, unsigned index, uint32_t flags, unsigned start, unsigned count,
		  const int *fds, unsigned fd_count);

#endif

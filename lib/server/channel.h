/* SPDX-License-Identifier: MIT */
/*
 * A socket of the session: messages come whole, and go whole or are kept until the
 * socket takes the rest. At most one is kept: as long as it is there, no further
 * command is read, so a client that does not read its replies makes nothing grow.
 */
#ifndef LIB_SERVER_CHANNEL_H
#define LIB_SERVER_CHANNEL_H

#include "lib/wire/message.h"

/** A message that was received; its payload and its descriptors are the owner's. */
struct server_message {
	struct wire_header header;
	uint8_t *payload;
	size_t length; /* of payload */
	size_t room;
	int fds[WIRE_FDS_MAX];
	unsigned fd_count;
};

struct server_channel {
	int fd; /* -1: none */
	struct wire_reader reader;
	uint32_t events; /* that epoll waits for */
	/* What the socket has not taken yet; `rest` NULL: nothing. */
	uint8_t *rest;
	struct wire_out out;
	int out_fds[WIRE_FDS_MAX]; /* borrowed of the description */
	size_t sent;
};

void channel_begin(struct server_channel *channel, int fd, size_t max);
/** Closes the socket, and frees everything. */
void channel_end(struct server_channel *channel);

/** Receives a message. 1: `out` has it; 0: none is whole yet; else as wire_read(). */
int channel_receive(struct server_channel *channel, struct server_message *out);

/** Whether a message may have been read ahead: poll() does not tell of it. */
bool channel_has_more(const struct server_channel *channel);

/** Closes the descriptors that nobody took, and gives the memory back to the channel for the next message. */
void channel_release(struct server_channel *channel, struct server_message *message);

/** Takes descriptor `index`. -1: there is none. */
int message_take_fd(struct server_message *message, unsigned index);
/** Frees a message. */
void message_end(struct server_message *message);

/** Sends, or keeps what the socket does not take. Nothing may be kept already. 0 or -errno. */
int channel_send(struct server_channel *channel, struct wire_out *out);
/** Sends what is kept. 1: nothing is left; 0: something is; else -errno. */
int channel_flush(struct server_channel *channel);
/** Whether something is kept. */
bool channel_is_full(const struct server_channel *channel);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * One message of vfio-user on a stream socket: whole in, whole out, with its
 * descriptors.
 *
 * Rules: a size that the peer claims is checked before memory is taken for it;
 * descriptors that arrive belong to the receiver, and wire_drop_fds() closes those
 * that nobody took. There is no way to find the next message after a wrong size: the
 * connection ends.
 *
 * Small messages are read ahead, several by one system call. Whose descriptors came
 * with them is known all the same: a peer sends a message by a sendmsg() of its own,
 * and recvmsg() ends behind the piece that had descriptors (net/unix/af_unix.c). So
 * they belong to the last message that begins in what one recvmsg() returned.
 */
#ifndef LIB_WIRE_MESSAGE_H
#define LIB_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "lib/wire/protocol.h"

/** Bytes that are read ahead at the most. */
enum { WIRE_AHEAD = 2048 };

/** Receives the messages of one direction, one after the other. */
struct wire_reader {
	struct wire_header header;
	uint8_t *payload; /* header.size - sizeof(header) bytes */
	size_t room;      /* of payload */
	size_t max;       /* bytes of a message that are accepted */
	size_t got;       /* bytes of the message that came, the header included */
	int fds[WIRE_FDS_MAX];
	unsigned fd_count;
	/* What was read ahead: bytes [ahead_at, ahead_end), and descriptors that came with them. */
	uint8_t ahead[WIRE_AHEAD];
	size_t ahead_at, ahead_end;
	int ahead_fds[WIRE_FDS_MAX];
	unsigned ahead_fd_count;
	bool exact;   /* set by the caller: nothing more is read ahead, only what was is used up */
	bool drained; /* the socket had no more when it was asked last */
};

/** Begins with nothing; `max`: bytes of a message that are accepted. */
void wire_reader_init(struct wire_reader *reader, size_t max);
/** Frees the payload and closes the descriptors that nobody took. */
void wire_reader_end(struct wire_reader *reader);

/**
 * Receives what is there of a message. 1: it is whole; the next call begins the
 * next one, and closes descriptors of this one that nobody took. 0: more has to
 * come, the socket would block. -ECONNRESET: the peer closed it, at the end of a
 * message or within one; -EMSGSIZE: the header's size is below 16 or above the
 * limit (the header is valid then, and can be answered); -EPROTO: more
 * descriptors than WIRE_FDS_MAX; -ENOMEM; else what the kernel returned. After an
 * error the connection cannot be used.
 */
int wire_read(struct wire_reader *reader, int socket);

/** Whether bytes were read ahead: wire_read() has to be called, since the socket does not tell of them. */
bool wire_has_more(const struct wire_reader *reader);

/** Whether the socket had nothing more when the last message was read, and nothing was read ahead: to try
 * again is most probably in vain, and the socket tells when it is not. */
bool wire_is_drained(const struct wire_reader *reader);

/** Bytes of the payload of the message that is whole. */
size_t wire_payload(const struct wire_reader *reader);

/** Takes descriptor `index` of the message: the caller owns it. -1: there is none, or it was taken. */
int wire_take_fd(struct wire_reader *reader, unsigned index);

/** Closes the descriptors that nobody took. */
void wire_drop_fds(struct wire_reader *reader);

/** The same two for descriptors of a message that left its reader. */
int wire_take_of(int *fds, unsigned count, unsigned index);
void wire_close_fds(int *fds, unsigned *count);

/** A message that is sent: `parts` is what follows the header; header.size is computed. */
struct wire_out {
	struct wire_header header;
	struct iovec parts[3];
	unsigned part_count;
	const int *fds; /* borrowed */
	unsigned fd_count;
};

/**
 * Sends it. Returns how many bytes the socket took: all, or fewer where it would
 * block. `from`: how many it took before; descriptors go with the first byte.
 * -EPIPE, -ECONNRESET: the peer is gone; else what the kernel returned. It raises
 * no SIGPIPE.
 */
long wire_write(struct wire_out *out, int socket, size_t from);

/** Bytes of the whole message, and sets header.size. */
size_t wire_size(struct wire_out *out);

#endif

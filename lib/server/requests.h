/* SPDX-License-Identifier: MIT */
/*
 * The commands of the client, as a table: how long the payload is at least, and what
 * carries it out. A handler returns 0 or a negative errno, which is the reply; it fills
 * the reply's parts, whose bytes stay valid until the reply is sent.
 */
#ifndef LIB_SERVER_REQUESTS_H
#define LIB_SERVER_REQUESTS_H

#include "lib/server/server.h"

struct server_reply {
	struct iovec parts[3];
	unsigned part_count;
	const int *fds; /* borrowed */
	unsigned fd_count;
	uint8_t fixed[64]; /* room for the fixed part */
	int fd;            /* room for one descriptor */
	bool ends;         /* the session ends after it */
	int close;         /* closed when it is sent; 0: none */
};

/** Adds the fixed part, a copy of `length` bytes. */
void reply_put(struct server_reply *reply, const void *data, size_t length);
/** Adds bytes that stay valid. */
void reply_add(struct server_reply *reply, void *data, size_t length);

/** Carries a message out, and answers. The message is released. 0; -errno ends the session. */
int request_carry_out(struct lend_server *server, struct server_message *message);
/**
 * Whether it can be carried out while the device waits for guest memory: it takes no memory away that
 * the device may have pointers to. A client's processor may stand still until it is answered, and with it
 * the part of the client that would answer the device: at an access, at the end of a line interrupt
 * (SET_IRQS), and when a region is mapped for it or taken away.
 */
bool request_can_nest(const struct lend_server *server, const struct server_message *message);
/** Whether it resets the device. */
bool request_resets(const struct lend_server *server, const struct server_message *message);

/* The handlers, by the file that has them. */
int version_request(struct lend_server *server, struct server_message *message, struct server_reply *reply);
int region_info_request(struct lend_server *server, struct server_message *message,
			struct server_reply *reply);
int region_io_fds_request(struct lend_server *server, struct server_message *message,
			  struct server_reply *reply);
int region_read_request(struct lend_server *server, struct server_message *message,
			struct server_reply *reply);
int region_write_request(struct lend_server *server, struct server_message *message,
			 struct server_reply *reply);
int region_write_multi_request(struct lend_server *server, struct server_message *message,
			       struct server_reply *reply);

#endif

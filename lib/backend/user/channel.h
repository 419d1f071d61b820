/* SPDX-License-Identifier: MIT */
/*
 * The session with a server of vfio-user, as its own files see it.
 *
 * Any number of threads call. There is no thread of the session: one of those that
 * wait for a reply polls the sockets, and hands the replies of the others to them.
 * What the server asks for (DMA by messages) is answered by whoever reads.
 *
 * `lock` guards all fields that are not fixed. It is a leaf, and is never held
 * while a thread waits: sockets are read and written without blocking, and poll()
 * runs without the lock.
 */
#ifndef LIB_BACKEND_USER_CHANNEL_H
#define LIB_BACKEND_USER_CHANNEL_H

#include <pthread.h>

#include "lib/backend/backend.h"
#include "lib/context.h"
#include "lib/wire/message.h"
#include "lib/wire/version.h"

struct user_call;

/** A message on its way out. */
struct user_out {
	struct user_out *next;
	struct wire_out message;
	size_t sent;
	struct user_call *call; /* NULL: it is a channel's answer */
};

/** A socket. The server's commands come on the twin socket if there is one, else on the main one. */
struct user_channel {
	int fd; /* -1: there is none; fixed */
	struct wire_reader reader;
	struct user_out *first, **last; /* to be sent, in this order */
	/* The answer to a command of the server: while it is not sent, nothing is read. */
	struct user_out answer;
	bool answering;
	bool stuck; /* `events` tells when the answer can be sent, and not what can be read */
	struct wire_dma_access head;
	uint8_t *data; /* of the answer */
	size_t room;   /* of data */
};

enum { USER_MAIN, USER_TWIN, USER_CHANNELS };

struct user_session {
	struct lend_context *context; /* fixed, as the next lines are */
	char name[LEND_NAME_SIZE];
	unsigned timeout_ms;
	struct wire_limits server; /* what it takes */
	int kick;                  /* eventfd: the thread that polls is to look again */
	int events;                /* epoll: something is to be read while nobody calls */
	int told; /* the server's eventfd of the error interrupt; only this process writes to `error_fd` */

	pthread_mutex_t lock;
	struct user_channel channels[USER_CHANNELS];
	struct user_call *waiting; /* calls that are not done */
	struct user_call *poller;  /* the one whose thread is in poll(); NULL: nobody is */
	bool open;                 /* the device is in use: once dead, it reads all ones and logs no error */
	bool waits;                /* a session that died may be taken up again */
	bool dead;
	bool stray; /* a reply that nobody waits for was logged */
	char reason[192];
	uint16_t last_id;
	int error_fd;            /* eventfd that is signalled when the session dies; -1: none. Borrowed */
	struct domain_map *maps; /* what the server knows: ascending, without overlap */
	size_t map_count, map_room;
	unsigned map_changes; /* counts them */
};

/** A session without a lock held and without `kick` and `events`: one thread alone may use it. */
int user_session_start(struct lend_context *context, const char *name, int fd, unsigned timeout_ms,
		       struct user_session **out, struct lend_error *error);
/** Puts the sockets into `events`. */
int user_session_watch(struct user_session *session);
void user_channel_open(struct user_channel *channel, int fd);
void user_channel_close(struct user_channel *channel);
/** Tells the server of a piece of memory. */
int user_domain_tell(struct user_session *session, const struct domain_map *map);

/* All of the following with the lock. */

/** Puts a message at the end of the queue, and sends what the socket takes. */
void user_channel_send(struct user_session *session, struct user_channel *channel, struct user_out *out);
/** Sends and reads what can be sent and read now; reads no message more once `*enough` is true. */
void user_channel_pump(struct user_session *session, struct user_channel *channel, const bool *enough);
/** The same for all channels, without an end but a bound of messages. */
void user_session_pump(struct user_session *session);
/** The session is over: one line of log, and all calls end. */
LEND_PRINTF(2, 3) void user_session_die(struct user_session *session, const char *format, ...);

/** Ends a call that waits. */
void user_call_finish(struct user_session *session, struct user_call *call, int ret);
/** A reply came. */
void user_call_reply(struct user_session *session, struct wire_reader *reader);

/** Makes channel->answer of the command that came; false: it wants no reply. */
bool user_dma_answer(struct user_session *session, struct user_channel *channel);

/** Name of a command, for sentences. */
const char *user_command_name(unsigned command);

#endif

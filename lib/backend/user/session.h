/* SPDX-License-Identifier: MIT */
/*
 * A session with a server of vfio-user: one device behind a socket.
 *
 * A session dies when the server closes the connection, does not answer in time,
 * or breaks the protocol. It is logged once. A device that is in use then reads
 * all ones, and what is written is dropped; the eventfd of its error interrupt is
 * signalled, as the kernel does for a device that failed.
 */
#ifndef LIB_BACKEND_USER_SESSION_H
#define LIB_BACKEND_USER_SESSION_H

#include "lib/backend/backend.h"

struct user_session;

/** How long a reply may take if the caller does not say it. */
enum { USER_TIMEOUT_MS = 5000 };

/**
 * Connects to the server that listens at `path`, within `timeout_ms`. Returns the
 * descriptor, or a negative errno with a sentence. -EAGAIN: it has another client.
 */
int user_connect(const char *path, unsigned timeout_ms, struct lend_error *error);

/**
 * Tells versions with the server behind `fd`, a connected socket, which is the
 * session's, also on failure. -EPROTO: it is no server of vfio-user that can be
 * used; -ENOTCONN: it did not answer. Each with a sentence.
 */
int user_session_new(struct lend_context *context, const char *name, int fd, unsigned timeout_ms,
		     struct user_session **out, struct lend_error *error);
/** No call may be in the session. Closes it. */
void user_session_free(struct user_session *session);

/**
 * The device is in use from now on: if the session dies, its reads answer all ones.
 * `waits`: the session may be taken up again then, by user_session_adopt().
 */
void user_session_use(struct user_session *session, bool waits);
/** Whether it died, and may be taken up again. Any thread. */
bool user_session_waits(struct user_session *session);
/** It is not taken up again: the error interrupt says so. */
void user_session_give_up(struct user_session *session);

/**
 * A session for taking up `session`, which has died: over `fd`, which is its own,
 * also on failure. The server is told of all memory. It is not watched, and of use
 * for nothing but a transport to compare the device by, and user_session_adopt().
 */
int user_session_retry(struct user_session *session, int fd, struct user_session **out,
		       struct lend_error *error);
/**
 * The session goes on with the connection of `fresh`, which is empty then, and still
 * has to be freed. -EAGAIN: memory came or went meanwhile; it is to be tried again.
 */
int user_session_adopt(struct user_session *session, struct user_session *fresh);

/** Ends a session that cannot be used; it waits again. `why`: a negative errno. */
void user_session_lose(struct user_session *session, int why);

/** A descriptor that can be read when user_session_serve() has work while nobody calls. The same for good. */
int user_session_fd(const struct user_session *session);
/** Answers the server, and sees its end. Never blocks. Any thread; a callback of the monitor's loop. */
void user_session_serve(void *session);

/** Why the session died, for a sentence; empty: it lives. `room` bytes. */
void user_session_reason(struct user_session *session, char *out, size_t room);

/** A transport over the session, which it owns: close() frees it. -ENOMEM. */
int user_transport_new(struct user_session *session, const struct transport_ops **ops, void **dev);
/** `dev` goes on with the regions of `fresh`, the transport of another session with the same device. */
void user_transport_adopt(void *dev, void *fresh);
/** Writes the command register as it was written last. 0 or a negative errno. */
int user_transport_resume(void *dev);

/** A domain_make: the memory that the server knows; domain_user.arg is the session, which outlives it. */
int user_domain_new(struct lend_context *context, const struct domain_user *user,
		    const struct domain_ops **ops, void **domain, struct lend_error *error);

#endif

/* SPDX-License-Identifier: MIT */
/* Unix sockets: those that clients connect to (-serial unix:PATH, the control socket), and clients of ours.
 */
#ifndef TOOL_RUN_SOCKET_H
#define TOOL_RUN_SOCKET_H

#include "lend/types.h"

/**
 * Listens at `path`, for this user alone. A socket there that nobody serves
 * any more is replaced. The descriptor, or a negative errno with the sentence, in
 * which `what` stands before the path.
 */
int socket_listen_for(const char *what, const char *path, int backlog, struct lend_error *error);
/** That of -serial, which has one client at a time. */
int socket_listen(const char *path, struct lend_error *error);

/** Whether somebody listens at `path`, or it cannot be told; no client is seen there. */
bool socket_is_served(const char *path);

/** Takes the client that waits; -EAGAIN: none does, or it went away meanwhile. */
int socket_accept(int listener);
/**
 * Whether that failed because this process or the computer has no room: the client goes on waiting, and
 * the listener would wake us again and again.
 */
bool socket_is_short(int error);

/**
 * Connects to the server of a device at `path`, which takes one client; one that
 * does not take us is waited for `wait_ms`. The descriptor, or a negative errno with
 * the sentence.
 */
int socket_connect(const char *path, unsigned wait_ms, struct lend_error *error);

/**
 * Connects to `path` and takes the one descriptor that is handed out there
 * (SCM_RIGHTS). A server that does not take its client, or sends nothing, is
 * waited for `wait_ms` each. The descriptor, or a negative errno with the
 * sentence; -ETIMEDOUT: it did not answer in time.
 */
int socket_take_fd(const char *path, unsigned wait_ms, struct lend_error *error);

#endif

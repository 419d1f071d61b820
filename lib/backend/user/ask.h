/* SPDX-License-Identifier: MIT */
/* A question whose answer is as long as the server likes, and says how much room it needs. */
#ifndef LIB_BACKEND_USER_ASK_H
#define LIB_BACKEND_USER_ASK_H

#include "lib/backend/user/channel.h"

/** An answer; starts from all zero. user_answer_free() ends it. */
struct user_answer {
	uint8_t *bytes;
	size_t length;
	int fds[WIRE_FDS_MAX]; /* the first fd_count; -1: it was taken */
	unsigned fd_count;
};

/**
 * Sends `request`, of `length` bytes, which begins with argsz: at first `room`, and then
 * what the server says, up to 64 KiB. Both fixed parts have the same length. An answer
 * that needs more is its fixed part alone. 0, or a negative errno.
 */
int user_ask(struct user_session *session, unsigned command, void *request, size_t length, uint32_t room,
	     struct user_answer *out);

void user_answer_free(struct user_answer *answer);

#endif

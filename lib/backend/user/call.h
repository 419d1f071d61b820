/* SPDX-License-Identifier: MIT */
/* One command to the server, and its reply. */
#ifndef LIB_BACKEND_USER_CALL_H
#define LIB_BACKEND_USER_CALL_H

#include "lib/backend/user/channel.h"

struct user_call {
	/* Set by the caller. */
	unsigned command;
	bool posted;         /* it gets no reply, and is done when it is sent */
	struct iovec out[2]; /* payload */
	unsigned out_count;
	const int *fds; /* descriptors that go with it; borrowed */
	unsigned fd_count;
	struct iovec in[2]; /* room for the payload of the reply */
	unsigned in_count;
	size_t least; /* bytes of payload that a reply has at least */
	/*
	 * Room for descriptors of the reply, which are the caller's then; -1 where none came.
	 * If more came, none is taken.
	 */
	int *taken_fds;
	unsigned taken_max;

	/* Set by the session. */
	size_t got;       /* bytes of payload that came */
	unsigned fds_got; /* descriptors that came */
	struct user_out message;
	struct user_call *next;
	pthread_cond_t wake;
	uint64_t deadline; /* ms, monotonic */
	bool done;
	int ret;
};

/**
 * Sends the command, and waits for its reply. 0; -ENOTCONN: the session is dead;
 * else the error that the server answered with. Any thread.
 */
int user_call(struct user_session *session, struct user_call *call);

#endif

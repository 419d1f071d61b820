/* SPDX-License-Identifier: MIT */
/* See ask.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/backend/user/ask.h"
#include "lib/backend/user/call.h"

enum { ROOM_MAX = 64 << 10, TRIES_MAX = 3 };

static int ask_once(struct user_session *session, unsigned command, void *request, size_t length,
		    uint32_t room, struct user_answer *out)
{
	struct user_call call = {.command = command,
				 .out = {{request, length}},
				 .out_count = 1,
				 .in_count = 1,
				 .least = length,
				 .taken_fds = out->fds,
				 .taken_max = WIRE_FDS_MAX};
	uint8_t *bytes = realloc(out->bytes, room);
	int ret;

	wire_close_fds(out->fds, &out->fd_count);
	if (!bytes)
		return -ENOMEM;
	out->bytes = bytes;
	memcpy(request, &room, sizeof(room));
	call.in[0] = (struct iovec){bytes, room};
	ret = user_call(session, &call);
	out->length = call.got;
	out->fd_count = call.fds_got;
	return ret;
}

int user_ask(struct user_session *session, unsigned command, void *request, size_t length, uint32_t room,
	     struct user_answer *out)
{
	int ret = 0;

	for (int i = 0; i < TRIES_MAX && !ret; i++) {
		uint32_t need = room;

		ret = ask_once(session, command, request, length, room, out);
		if (!ret)
			memcpy(&need, out->bytes, sizeof(need));
		if (need <= room || need > ROOM_MAX)
			break;
		room = need;
	}
	return ret;
}

void user_answer_free(struct user_answer *answer)
{
	wire_close_fds(answer->fds, &answer->fd_count);
	free(answer->bytes);
}

/* SPDX-License-Identifier: MIT */
/* How a machine is made to end; see ladder.h. */
#include <limits.h>

#include "tool/run/ladder.h"

static enum ladder_step take(struct ladder *ladder, enum ladder_step step, uint64_t deadline)
{
	ladder->last = step;
	ladder->deadline = deadline;
	return step;
}

enum ladder_step ladder_ask_stop(struct ladder *ladder, uint64_t now)
{
	if (ladder->ended || ladder->last >= LADDER_STOP)
		return LADDER_NONE;
	return take(ladder, LADDER_STOP, now + ladder->times.stop_ms);
}

enum ladder_step ladder_ask(struct ladder *ladder, uint64_t now)
{
	if (ladder->ended)
		return LADDER_NONE;
	if (ladder->last == LADDER_NONE && ladder->running)
		return take(ladder, LADDER_BUTTON, now + ladder->times.button_ms);
	return ladder_ask_stop(ladder, now);
}

void ladder_end(struct ladder *ladder, uint64_t now)
{
	ladder->ended = true;
	if (ladder->last < LADDER_KILL)
		ladder->deadline = now + ladder->times.end_ms;
}

enum ladder_step ladder_tick(struct ladder *ladder, uint64_t now)
{
	if (!ladder->deadline || now < ladder->deadline)
		return LADDER_NONE;
	if (ladder->ended || ladder->last == LADDER_STOP)
		return take(ladder, LADDER_KILL, 0);
	return ladder_ask_stop(ladder, now);
}

int ladder_wait(const struct ladder *ladder, uint64_t now)
{
	uint64_t left;

	if (!ladder->deadline)
		return -1;
	left = ladder->deadline > now ? ladder->deadline - now : 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

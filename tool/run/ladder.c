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

/* The machine gets the time of a silent one from now on, within its limit. */
static void renew(struct ladder *ladder, uint64_t now)
{
	ladder->deadline = now + ladder->times.stop_ms;
	if (ladder->deadline > ladder->limit)
		ladder->deadline = ladder->limit;
}

enum ladder_step ladder_ask_stop(struct ladder *ladder, uint64_t now)
{
	if (ladder->ended || ladder->last >= LADDER_STOP)
		return LADDER_NONE;
	ladder->limit = now + ladder->times.work_ms;
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

void ladder_work(struct ladder *ladder, bool working, uint64_t now)
{
	ladder->working = working;
	if (!ladder->ended && ladder->last == LADDER_STOP)
		renew(ladder, now);
}

void ladder_end(struct ladder *ladder, uint64_t now)
{
	if (ladder->ended || ladder->last == LADDER_KILL)
		return;
	ladder->ended = ladder->working = true;
	ladder->limit = now + ladder->times.end_ms;
	renew(ladder, now);
}

enum ladder_step ladder_tick(struct ladder *ladder, uint64_t now)
{
	if (!ladder->deadline || now < ladder->deadline)
		return LADDER_NONE;
	if (!ladder->ended && ladder->last != LADDER_STOP)
		return ladder_ask_stop(ladder, now);
	if (!ladder->working || now >= ladder->limit)
		return take(ladder, LADDER_KILL, 0);
	ladder->deadline = ladder->limit;
	return LADDER_WAIT;
}

int ladder_wait(const struct ladder *ladder, uint64_t now)
{
	uint64_t left;

	if (!ladder->deadline)
		return -1;
	left = ladder->deadline > now ? ladder->deadline - now : 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

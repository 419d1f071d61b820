/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/rtc_stage.h"

static int64_t now(void *opaque)
{
	return ((struct stage *)opaque)->clock;
}

static void arm(void *opaque, int64_t ns)
{
	struct stage *stage = opaque;

	assert_true(ns == -1 || ns > 0);
	stage->armed = ns;
	stage->arms++;
}

static void irq(void *opaque, bool high)
{
	struct stage *stage = opaque;

	assert_int_equal(stage->high, !high);
	stage->high = high;
}

void rtc_stage_make(struct stage *stage, int64_t ahead)
{
	const struct rtc_calls calls = {now, arm, irq, stage};

	stage->armed = -1;
	rtc_init(&stage->rtc, ahead, &calls);
}

int rtc_stage_start(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	stage->clock = START * SECOND;
	rtc_stage_make(stage, 0);
	*state = stage;
	return 0;
}

int rtc_stage_end(void **state)
{
	struct stage *stage = *state;

	rtc_free(&stage->rtc);
	free(stage);
	return 0;
}

unsigned rtc_get(struct stage *stage, unsigned index)
{
	rtc_ops.write(&stage->rtc, 0, 1, index);
	return (unsigned)rtc_ops.read(&stage->rtc, 1, 1);
}

void rtc_set(struct stage *stage, unsigned index, unsigned value)
{
	rtc_ops.write(&stage->rtc, 0, 1, index);
	rtc_ops.write(&stage->rtc, 1, 1, value);
}

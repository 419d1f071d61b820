/* SPDX-License-Identifier: MIT */
/* Ctrl-a and what follows it; the queue of bytes; the steps to a machine's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tool/run/escape.c"
#include "tool/run/ladder.c"
#include "tool/run/ring.c"

/* What reaches the guest of `typed`; actions other than sending as letters in `asked`. */
static void type(struct escape *escape, const char *typed, char *sent, char *asked)
{
	for (; *typed; typed++) {
		uint8_t byte = (uint8_t)*typed;

		switch (escape_byte(escape, &byte)) {
		case ESCAPE_SEND:
			*sent++ = (char)byte;
			break;
		case ESCAPE_END:
			*asked++ = 'E';
			break;
		case ESCAPE_HELP:
			*asked++ = 'H';
			break;
		case ESCAPE_SWALLOW:
			break;
		}
	}
	*sent = *asked = '\0';
}

static void keys(void **state)
{
	static const struct {
		const char *typed, *sent, *asked;
	} rows[] = {
		{"ls\r", "ls\r", ""}, {"xh", "xh", ""},
		{"\1x", "", "E"},     {"a\1xb", "ab", "E"},
		{"\1h", "", "H"},     {"\1?", "", "H"},
		{"\1a", "\1", ""},    {"\1\1", "\1", ""},
		{"\1\1x", "\1x", ""}, {"\1a\1x", "\1", "E"},
		{"\1c", "", ""},      {"\1cx", "x", ""},
		{"\1zx\1", "x", ""},  {"\3\4\32\34", "\3\4\32\34", ""},
		{"\1X", "", ""},
	};
	char sent[16], asked[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct escape escape = {false};

		type(&escape, rows[i].typed, sent, asked);
		assert_string_equal(sent, rows[i].sent);
		assert_string_equal(asked, rows[i].asked);
	}
}

static void keys_in_two_reads(void **state)
{
	struct escape escape = {false};
	char sent[16], asked[16];

	(void)state;
	type(&escape, "a\1", sent, asked);
	assert_string_equal(asked, "");
	type(&escape, "x", sent, asked);
	assert_string_equal(sent, "");
	assert_string_equal(asked, "E");
}

static void ring_wraps(void **state)
{
	const uint8_t *piece;
	struct ring ring;

	(void)state;
	assert_int_equal(ring_init(&ring, 5), 0);
	assert_int_equal(ring_put(&ring, "abcd", 4), 4);
	ring_drop(&ring, 3);
	assert_int_equal(ring_put(&ring, "efghij", 6), 4);
	assert_int_equal(ring_room(&ring), 0);
	assert_int_equal(ring_peek(&ring, &piece), 2);
	assert_memory_equal(piece, "de", 2);
	ring_drop(&ring, 2);
	assert_int_equal(ring_peek(&ring, &piece), 3);
	assert_memory_equal(piece, "fgh", 3);
	ring_drop(&ring, 99);
	assert_int_equal(ring.used, 0);
	assert_int_equal(ring_room(&ring), 5);
	ring_free(&ring);
}

static const struct ladder_times times = {.button_ms = 300, .stop_ms = 50, .work_ms = 200, .end_ms = 600};

static void end_by_button(void **state)
{
	struct ladder ladder = {.times = times, .running = true};

	(void)state;
	assert_int_equal(ladder_wait(&ladder, 1000), -1);
	assert_int_equal(ladder_ask(&ladder, 1000), LADDER_BUTTON);
	assert_int_equal(ladder_wait(&ladder, 1100), 200);
	assert_int_equal(ladder_tick(&ladder, 1299), LADDER_NONE);
	assert_int_equal(ladder_tick(&ladder, 1300), LADDER_STOP);
	assert_int_equal(ladder_tick(&ladder, 1349), LADDER_NONE);
	assert_int_equal(ladder_tick(&ladder, 1350), LADDER_KILL);
	assert_int_equal(ladder_wait(&ladder, 1350), -1);
	assert_int_equal(ladder_tick(&ladder, 99999), LADDER_NONE);
}

static void end_asked_twice(void **state)
{
	struct ladder ladder = {.times = times, .running = true};

	(void)state;
	assert_int_equal(ladder_ask(&ladder, 0), LADDER_BUTTON);
	assert_int_equal(ladder_ask(&ladder, 10), LADDER_STOP);
	assert_int_equal(ladder_ask(&ladder, 20), LADDER_NONE);
	assert_int_equal(ladder_ask_stop(&ladder, 20), LADDER_NONE);
	assert_int_equal(ladder_tick(&ladder, 60), LADDER_KILL);
	assert_int_equal(ladder_ask(&ladder, 61), LADDER_NONE);
}

/* Before the guest runs nobody sees a button. */
static void end_before_running(void **state)
{
	struct ladder ladder = {.times = times};

	(void)state;
	assert_int_equal(ladder_ask(&ladder, 5), LADDER_STOP);
	assert_int_equal(ladder_tick(&ladder, 55), LADDER_KILL);
}

static void end_reported(void **state)
{
	struct ladder ladder = {.times = times, .running = true};

	(void)state;
	assert_int_equal(ladder_ask(&ladder, 0), LADDER_BUTTON);
	assert_int_equal(ladder_ask(&ladder, 1), LADDER_STOP);
	ladder_end(&ladder, 2);
	assert_int_equal(ladder_ask(&ladder, 3), LADDER_NONE);
	/* Giving back takes its time: not the 50 ms of a stop, but not for ever, however often it is said. */
	assert_int_equal(ladder_tick(&ladder, 51), LADDER_NONE);
	assert_int_equal(ladder_tick(&ladder, 52), LADDER_WAIT);
	assert_int_equal(ladder_wait(&ladder, 100), 502);
	ladder_end(&ladder, 500);
	ladder_work(&ladder, false, 500);
	assert_int_equal(ladder_tick(&ladder, 601), LADDER_NONE);
	assert_int_equal(ladder_tick(&ladder, 602), LADDER_KILL);
	ladder_end(&ladder, 603);
	assert_int_equal(ladder_wait(&ladder, 603), -1);
}

/* A reset takes longer than a silent machine gets; said once, it is waited for to the limit. */
static void end_while_at_work(void **state)
{
	struct ladder ladder = {.times = times, .running = true};

	(void)state;
	ladder_work(&ladder, true, 5);
	assert_int_equal(ladder_wait(&ladder, 5), -1);
	assert_int_equal(ladder_ask_stop(&ladder, 10), LADDER_STOP);
	assert_int_equal(ladder_tick(&ladder, 59), LADDER_NONE);
	assert_int_equal(ladder_tick(&ladder, 60), LADDER_WAIT);
	assert_int_equal(ladder_tick(&ladder, 61), LADDER_NONE);
	assert_int_equal(ladder_wait(&ladder, 100), 110);
	assert_int_equal(ladder_tick(&ladder, 209), LADDER_NONE);
	assert_int_equal(ladder_tick(&ladder, 210), LADDER_KILL);
}

/* What comes after the work gets the time of a silent machine again. */
static void end_after_work(void **state)
{
	struct ladder ladder = {.times = times, .running = true};

	(void)state;
	assert_int_equal(ladder_ask_stop(&ladder, 0), LADDER_STOP);
	ladder_work(&ladder, true, 40);
	assert_int_equal(ladder_tick(&ladder, 89), LADDER_NONE);
	assert_int_equal(ladder_tick(&ladder, 90), LADDER_WAIT);
	ladder_work(&ladder, false, 120);
	assert_int_equal(ladder_tick(&ladder, 169), LADDER_NONE);
	assert_int_equal(ladder_tick(&ladder, 170), LADDER_KILL);
}

/* A machine that says over and over that it is at work gets no more than the limit. */
static void work_has_a_limit(void **state)
{
	struct ladder ladder = {.times = times, .running = true};

	(void)state;
	assert_int_equal(ladder_ask_stop(&ladder, 0), LADDER_STOP);
	for (uint64_t now = 1; now < 200; now++) {
		ladder_work(&ladder, now & 1, now);
		assert_int_equal(ladder_tick(&ladder, now), LADDER_NONE);
	}
	assert_int_equal(ladder_tick(&ladder, 200), LADDER_KILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(keys_in_two_reads),
		cmocka_unit_test(ring_wraps),
		cmocka_unit_test(end_by_button),
		cmocka_unit_test(end_asked_twice),
		cmocka_unit_test(end_before_running),
		cmocka_unit_test(end_reported),
		cmocka_unit_test(end_while_at_work),
		cmocka_unit_test(end_after_work),
		cmocka_unit_test(work_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Control characters in what comes from the host, and each way by which a sentence is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool/clean.c"
#include "tool/say.c"
#include "tool/take.c"

/* A serial number or mount point with control characters does nothing to a terminal, of any coding. */
static void a_control_character_is_replaced(void **state)
{
	static const struct {
		const char *given, *clean;
	} rows[] = {
		{"a\033[31m\x7f\n\xc2\x9b\xc3\xa4", "a?[31m????\xc3\xa4"},
		{"\x9b[2J", "?[2J"},
		{"\xe2\x82\xac\x9b", "\xe2\x82\xac?"}, /* the same byte in a character, and alone */
		{"\xf0\x9f\x98\x80\x80", "\xf0\x9f\x98\x80?"},
		{"\xc3", "\xc3"},
		{"\xc3\033\x9b", "\xc3??"},
		{"", ""},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		clean_copy(text, sizeof(text), rows[i].given);
		assert_string_equal(text, rows[i].clean);
	}
}

static void say_it(void)
{
	tool_say("%s is with %s", "0000:03:00.0", "e1\033[2J\nlend");
}

static void note_it(void)
{
	take_note(NULL, "0000:03:00.0: was with e1\033[2J\nlend");
}

/* What a function prints on a stream. */
static void expect(int stream, void (*print)(void), const char *expected)
{
	int ends[2], before = dup(stream);
	char text[96];
	ssize_t got;

	fflush(NULL);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], stream);
	print();
	dup2(before, stream);
	close(before);
	close(ends[1]);
	got = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	text[got > 0 ? got : 0] = '\0';
	assert_string_equal(text, expected);
}

/* A line stays one line, and nothing in it reaches the terminal as an order. */
static void each_way_to_print_is_clean(void **state)
{
	(void)state;
	expect(STDERR_FILENO, say_it, "lend: 0000:03:00.0 is with e1?[2J?lend\n");
	expect(STDOUT_FILENO, note_it, "0000:03:00.0: was with e1?[2J?lend\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_control_character_is_replaced),
		cmocka_unit_test(each_way_to_print_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The command's table: words that find a command, and help that is the command's own. */
#include <signal.h>

#include "tests/unit/cmocka.h"

int lend_main(int argc, char **argv);
#define main lend_main
#include "tool/main.c"
#undef main
#include "tool/clean.c"
#include "tool/nearest.c"
#include "tool/say.c"

static char line[64];

/* What a command is called with; its status is the number of words. */
static int run(int argc, char **argv)
{
	line[0] = '\0';
	for (int i = 0; i < argc; i++) {
		strcat(line, argv[i]);
		strcat(line, " ");
	}
	return argc + 10;
}

#define COMMAND(name_)                                                                                       \
	const struct tool_command tool_##name_ = {                                                           \
		.name = #name_, .summary = "", .help = "not whole\n", .run = run}
COMMAND(ls);
COMMAND(check);
COMMAND(bind);
COMMAND(unbind);
COMMAND(vf);
COMMAND(topology);
COMMAND(cdi);
COMMAND(run);
COMMAND(ps);
COMMAND(ctl);
COMMAND(serve);

static int call(const char *first, const char *second)
{
	char *argv[] = {(char *)"lend", (char *)first, (char *)second, NULL};

	return lend_main(second ? 3 : 2, argv);
}

static void commands_are_found(void **state)
{
	(void)state;
	assert_int_equal(call("serve", "test"), 12);
	assert_string_equal(line, "serve test ");
	assert_int_equal(call("bind", NULL), 11);
	assert_int_equal(call("serv", NULL), TOOL_USAGE);
	assert_int_equal(call("help", "serv"), TOOL_USAGE);
}

/* Some commands make their help of more than one text: both ways to it show the same. */
static void help_is_the_commands_own(void **state)
{
	(void)state;
	assert_int_equal(call("help", "serve"), 12);
	assert_string_equal(line, "serve --help ");
}

/* A parent may have ignored it: then nobody is told how a process ended that a command has started. */
static void ends_of_processes_are_told(void **state)
{
	struct sigaction now;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(call("serve", NULL), 11);
	assert_int_equal(sigaction(SIGCHLD, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_found),
		cmocka_unit_test(help_is_the_commands_own),
		cmocka_unit_test(ends_of_processes_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

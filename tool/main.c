/* SPDX-License-Identifier: MIT */
/* The lend command: one table of sub-commands, and help over it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/nearest.h"
#include "tool/tool.h"

static const struct tool_command *const commands[] = {
	&tool_ls,  &tool_check, &tool_bind, &tool_unbind, &tool_vf,    &tool_topology,
	&tool_cdi, &tool_run,   &tool_ps,   &tool_ctl,    &tool_serve,
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static int print(const char *text)
{
	return fputs(text, stdout) < 0 || fflush(stdout) ? TOOL_FAILED : TOOL_OK;
}

static int print_help(void)
{
	printf("lend hands a PCI device of this computer to a virtual machine, and gets it back.\n"
	       "\n"
	       "usage: lend COMMAND [ARGUMENT]...\n"
	       "\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-10s%s\n", commands[i]->name, commands[i]->summary);
	return print("  help      this text, or with a command's name the help of that command\n"
		     "\n"
		     "  --version prints the version\n"
		     "\n"
		     "The manual: man lend, and man lend-ls, lend-check, lend-bind, lend-cdi, lend-run,\n"
		     "lend-ctl, lend-serve\n");
}

static const struct tool_command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int unknown(const char *name)
{
	struct nearest nearest = {.word = name};

	nearest_offer(&nearest, "help");
	for (size_t i = 0; i < COMMANDS; i++)
		nearest_offer(&nearest, commands[i]->name);
	if (nearest.best)
		tool_say("there is no command '%.100s'; the nearest is 'lend %s', and 'lend help' lists all",
			 name, nearest.best);
	else
		tool_say("there is no command '%.100s'; 'lend help' lists those that there are", name);
	return TOOL_USAGE;
}

static int help(int argc, char **argv)
{
	const struct tool_command *command;

	if (argc < 2)
		return print_help();
	command = find(argv[1]);
	return command ? command->run(2, (char *[]){argv[1], (char *)"--help", NULL}) : unknown(argv[1]);
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return !strcmp(word, a) || !strcmp(word, b) || !strcmp(word, c);
}

/* A descriptor opened later must not become standard input, output or error. */
static bool open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	const struct tool_command *command;

	if (!open_standard())
		return TOOL_FAILED;
	signal(SIGCHLD, SIG_DFL); /* inherited as ignored, it would hide the end of a process from us */
	if (argc < 2) {
		tool_say("no command is given; 'lend help' lists them");
		return TOOL_USAGE;
	}
	if (is_one_of(argv[1], "help", "--help", "-h"))
		return help(argc - 1, argv + 1);
	if (is_one_of(argv[1], "--version", "-version", "-V"))
		return print("lend " LEND_VERSION "\n");
	command = find(argv[1]);
	if (!command)
		return unknown(argv[1]);
	return command->run(argc - 1, argv + 1);
}

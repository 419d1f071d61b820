/* SPDX-License-Identifier: MIT */
/*
 * The command line of lend run for tests of it: parsed, and what is said. The
 * files under test are included: a test program is not linked with the tool's.
 */
#ifndef TESTS_UNIT_TOOL_COMMAND_LINE_H
#define TESTS_UNIT_TOOL_COMMAND_LINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tool/nearest.c"
#include "tool/run/claim.c"
#include "tool/run/device_arg.c"
#include "tool/run/device_json.c"
#include "tool/run/firmware_arg.c"
#include "tool/run/foreign.c"
#include "tool/run/foreign_device.c"
#include "tool/run/cpus_arg.c"
#include "tool/run/machine_arg.c"
#include "tool/run/memory_arg.c"
#include "tool/run/options.c"
#include "tool/run/properties.c"
#include "tool/run/property_device.c"
#include "tool/run/property_function.c"
#include "tool/run/property_kinds.c"
#include "tool/run/property_user.c"
#include "tool/run/serial_arg.c"
#include "tool/run/served_arg.c"
#include "tool/run/unseen.c"
#include "tool/run/value.c"
#include "tool/run/whole_file.c"
#include "tool/clean.c"
#include "tool/say.c"

static struct run_options options;
static struct lend_error error;

/* Parses "run" and the arguments, which end with NULL. */
static inline int parse(const char *first, ...)
{
	char *argv[100] = {(char *)(uintptr_t) "run"};
	const char *next = first;
	int argc = 1;
	va_list args;

	va_start(args, first);
	for (; next; next = va_arg(args, const char *))
		argv[argc++] = (char *)(uintptr_t)next;
	va_end(args);
	error.text[0] = '\0';
	return options_parse(argc, argv, &options, &error);
}

static inline int parse_device(const char *device)
{
	return parse("-kernel", "K", "-device", device, NULL);
}

/* The sentence is one line that names `word`. */
static inline void assert_says(const char *word)
{
	if (!strstr(error.text, word))
		fail_msg("'%s' does not name '%s'", error.text, word);
	assert_null(strchr(error.text, '\n'));
}

static inline void assert_refused(const char *option, const char *value, const char *word)
{
	if (parse("-kernel", "K", option, value, NULL) != -EINVAL)
		fail_msg("%s %s was accepted", option, value ? value : "");
	assert_says(word);
}

#endif

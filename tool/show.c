/* SPDX-License-Identifier: MIT */
/* How devices are shown: colours, the width of the terminal, JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool/host.h"

bool show_colours(void)
{
	const char *term = getenv("TERM"), *off = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && (!off || !*off) && term && strcmp(term, "dumb") != 0;
}

unsigned show_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return 0;
	return size.ws_col;
}

const char *show_colour(const struct lend_survey_device *device, bool colours)
{
	static const char *const sequences[] = {
		[LEND_STATE_READY] = "\033[32m",  [LEND_STATE_BINDABLE] = "\033[36m",
		[LEND_STATE_SHARED] = "\033[33m", [LEND_STATE_BUSY] = "\033[31m",
		[LEND_STATE_UNFIT] = "\033[2m",   [LEND_STATE_BLOCKED] = "\033[2m",
		[LEND_STATE_DEAD] = "\033[31m",
	};

	return colours ? sequences[device->state] : "";
}

const char *show_plain(bool colours)
{
	return colours ? "\033[0m" : "";
}

json_t *show_json(const char *text)
{
	json_t *string = json_string(text);
	char copy[1024];

	if (string)
		return string;
	/* Not UTF-8: what is not ASCII is lost. */
	snprintf(copy, sizeof(copy), "%s", text);
	for (unsigned char *at = (unsigned char *)copy; *at; at++)
		if (*at >= 0x80)
			*at = '?';
	return json_string(copy);
}

enum tool_status show_print_json(json_t *value)
{
	bool failed = !value || json_dumpf(value, stdout, JSON_INDENT(2)) || putchar('\n') == EOF ||
		      fflush(stdout) || ferror(stdout);

	json_decref(value);
	if (failed)
		tool_say("cannot print the result as JSON");
	return failed ? TOOL_FAILED : TOOL_OK;
}

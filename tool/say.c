/* SPDX-License-Identifier: MIT */
/* Sentences for a person: kept in an error, or printed. */
#include <stdarg.h>
#include <stdio.h>

#include "tool/clean.h"
#include "tool/tool.h"

int tool_fail(struct lend_error *error, int ret, const char *format, ...)
{
	va_list args;

	if (error) {
		va_start(args, format);
		vsnprintf(error->text, sizeof(error->text), format, args);
		va_end(args);
	}
	return ret;
}

void tool_say(const char *format, ...)
{
	char text[sizeof(struct lend_error)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	clean_text(text);
	/* One call, so that lines of several processes do not mix. */
	fprintf(stderr, "lend: %s\n", text);
}

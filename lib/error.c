/* SPDX-License-Identifier: MIT */
/* Writing the sentence of an error (error.h). */
#include <stdarg.h>
#include <stdio.h>

#include "lib/error.h"

int error_say(struct lend_error *error, int code, const char *format, ...)
{
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return code;
}

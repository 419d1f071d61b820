/* SPDX-License-Identifier: MIT */
/* See scan.h. The state is a few flags: bytes are looked at once, and none is kept. */
#include "tool/run/qmp/scan.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void in_string(struct qmp_scan *scan, char c)
{
	if (scan->escape)
		scan->escape = false;
	else if (c == '\\')
		scan->escape = true;
	else if (c == '"')
		scan->string = false;
}

/* True: this byte closes the request. */
static bool in_value(struct qmp_scan *scan, char c)
{
	if (c == '"')
		scan->string = true;
	else if (c == '{' || c == '[')
		scan->deep |= ++scan->depth > QMP_DEPTH_MAX;
	else if (c == '}' || c == ']')
		return --scan->depth == 0;
	return false;
}

static bool take(struct qmp_scan *scan, char c)
{
	if (!scan->length++)
		scan->junk = c != '{' && c != '[';
	if (c == '\n') {
		scan->cut = scan->depth > 0;
		return true;
	}
	if (scan->junk)
		return false;
	if (scan->string)
		in_string(scan, c);
	else
		return in_value(scan, c);
	return false;
}

size_t qmp_scan(struct qmp_scan *scan, const char *bytes, size_t count, bool *whole)
{
	*whole = false;
	for (size_t i = 0; i < count; i++) {
		if (!scan->length && is_space(bytes[i]))
			continue;
		if (take(scan, bytes[i])) {
			*whole = true;
			return i + 1;
		}
	}
	return count;
}

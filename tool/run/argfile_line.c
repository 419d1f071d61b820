/* SPDX-License-Identifier: MIT */
/* A line of a file of arguments; see argfile.h. What a person would not see, or not mean, is refused. */
#include <errno.h>
#include <string.h>

#include "tool/run/argfile.h"
#include "tool/run/unseen.h"
#include "tool/tool.h"

static const char blanks[] = " \t\r";

static char *trim(char *line)
{
	char *end;

	line += strspn(line, blanks);
	for (end = line + strlen(line); end > line && strchr(blanks, end[-1]);)
		*--end = '\0';
	return line;
}

static unsigned count(const char *text, char c)
{
	unsigned found = 0;

	for (; *text; text++)
		found += *text == c;
	return found;
}

/*
 * Whoever comes from a shell quotes a value that has blanks in it. The guest's kernel would take all of it
 * as one parameter. A value that only begins with a quote may have one of its own that is meant.
 */
static int take_quotes_off(char **value, struct lend_error *error)
{
	char *text = *value, quote = *text;
	size_t length = strlen(text);
	unsigned quotes = count(text, quote);

	if (quote != '"' && quote != '\'')
		return 0;
	if (quotes == 1)
		return tool_fail(error, -EINVAL, "nothing closes the quote before %.60s; leave it out",
				 text + 1);
	if (text[length - 1] != quote)
		return 0;
	if (quotes > 2)
		return tool_fail(error, -EINVAL,
				 "there are quotes within quotes in %.100s; leave out those around the value",
				 text);
	text[length - 1] = '\0';
	*value = text + 1;
	return 0;
}

static int check_line(const char *line, struct lend_error *error)
{
	const char *unseen = unseen_find(line);

	if (unseen)
		return tool_fail(error, -EINVAL, "there is %s in it; type the line anew", unseen);
	if (*line == '@')
		return tool_fail(error, -EINVAL,
				 "a file of arguments cannot name another one, %.100s; write its lines here",
				 line + 1);
	if (line[strlen(line) - 1] == '\\')
		return tool_fail(error, -EINVAL,
				 "it ends with a backslash; leave that out, for each line is an argument");
	return 0;
}

int argfile_cut(char *line, char **option, char **value, struct lend_error *error)
{
	char *at;
	int ret;

	*option = *value = NULL;
	line = trim(line);
	if (!*line || *line == '#')
		return 0;
	ret = check_line(line, error);
	if (ret)
		return ret;
	*option = line;
	/* Names of options have neither blanks nor "=": what comes after the first of them is the value. */
	at = *line == '-' ? line + strcspn(line, " \t=") : line + strlen(line);
	if (!*at)
		return 0;
	if (*at != '=') {
		*at++ = '\0';
		*value = at + strspn(at, blanks);
		return take_quotes_off(value, error);
	}
	*value = at + 1;
	ret = take_quotes_off(value, error);
	if (!ret && *value != at + 1)
		memmove(at + 1, *value, strlen(*value) + 1);
	*value = NULL;
	return ret;
}

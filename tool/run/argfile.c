/* SPDX-License-Identifier: MIT */
/* Arguments from files; see argfile.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/run/argfile.h"
#include "tool/tool.h"

enum { FILE_MAX = 1 << 16, ARGUMENTS_MAX = 4096 };

static const char blanks[] = " \t\r";

static int add(struct argfile *out, char *argument, struct lend_error *error)
{
	char **more;

	if (out->argc == ARGUMENTS_MAX)
		return tool_fail(error, -E2BIG, "more than %d arguments are given", ARGUMENTS_MAX);
	more = reallocarray(out->argv, (size_t)out->argc + 2, sizeof(*more));
	if (!more)
		return tool_fail(error, -ENOMEM, "not enough memory");
	out->argv = more;
	out->argv[out->argc++] = argument;
	out->argv[out->argc] = NULL;
	return 0;
}

static int add_line(struct argfile *out, const char *path, char *line, struct lend_error *error)
{
	char *end, *value;
	int ret;

	line += strspn(line, blanks);
	for (end = line + strlen(line); end > line && strchr(blanks, end[-1]);)
		*--end = '\0';
	if (!*line || *line == '#')
		return 0;
	if (*line == '@')
		return tool_fail(
			error, -EINVAL,
			"%.100s: a file of arguments cannot name another one, %.100s; write its lines here",
			path, line + 1);
	/* Names of options have neither blanks nor "=": what comes after the first of them is the value. */
	value = *line == '-' ? line + strcspn(line, " \t=") : line + strlen(line);
	if (*value != ' ' && *value != '\t')
		return add(out, line, error);
	*value++ = '\0';
	ret = add(out, line, error);
	return ret ? ret : add(out, value + strspn(value, blanks), error);
}

static int read_file(const char *path, char **text, struct lend_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length = -1;
	struct stat st;

	if (fd < 0)
		return tool_fail(error, -errno, "cannot open the file of arguments %.200s: %s", path,
				 strerror(errno));
	*text = malloc(FILE_MAX + 1);
	if (*text && !fstat(fd, &st) && S_ISREG(st.st_mode))
		length = read(fd, *text, FILE_MAX + 1);
	close(fd);
	if (length < 0 || length > FILE_MAX || memchr(*text, '\0', (size_t)length)) {
		free(*text);
		return tool_fail(error, -EINVAL,
				 "%.200s is not a file of arguments: a text of at most %d KiB", path,
				 FILE_MAX >> 10);
	}
	(*text)[length] = '\0';
	return 0;
}

static int add_file(struct argfile *out, const char *path, struct lend_error *error)
{
	char **texts = reallocarray(out->texts, out->text_count + 1, sizeof(*texts)), *rest, *line;
	int ret;

	if (!texts)
		return tool_fail(error, -ENOMEM, "not enough memory");
	out->texts = texts;
	ret = read_file(path, &rest, error);
	if (ret)
		return ret;
	out->texts[out->text_count++] = rest;
	while (!ret && (line = strsep(&rest, "\n")))
		ret = add_line(out, path, line, error);
	return ret;
}

int argfile_expand(int argc, char *const *argv, struct argfile *out, struct lend_error *error)
{
	int ret = 0;

	memset(out, 0, sizeof(*out));
	for (int i = 0; !ret && i < argc; i++)
		ret = i && argv[i][0] == '@' ? add_file(out, argv[i] + 1, error) : add(out, argv[i], error);
	return ret;
}

void argfile_free(struct argfile *argfile)
{
	for (size_t i = 0; i < argfile->text_count; i++)
		free(argfile->texts[i]);
	free(argfile->texts);
	free(argfile->argv);
}

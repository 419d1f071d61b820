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

static int add(struct argfile *out, char *argument, const struct argfile_place *place,
	       struct lend_error *error)
{
	size_t count = (size_t)out->argc;
	struct argfile_place *places;
	char **more;

	if (out->argc == ARGUMENTS_MAX)
		return tool_fail(error, -E2BIG, "more than %d arguments are given", ARGUMENTS_MAX);
	more = reallocarray(out->argv, count + 2, sizeof(*more));
	if (more)
		out->argv = more;
	places = more ? reallocarray(out->places, count + 1, sizeof(*places)) : NULL;
	if (!places)
		return tool_fail(error, -ENOMEM, "not enough memory");
	out->places = places;
	out->places[count] = *place;
	out->argv[count] = argument;
	out->argv[++out->argc] = NULL;
	return 0;
}

static void say_place(const struct argfile_place *place, struct lend_error *error)
{
	struct lend_error plain;

	if (!place->path || !error)
		return;
	plain = *error;
	tool_fail(error, 0, "%.150s, line %u: %s", place->path, place->line, plain.text);
}

void argfile_add_place(const struct argfile *argfile, int index, struct lend_error *error)
{
	if (index > 0 && index < argfile->argc)
		say_place(&argfile->places[index], error);
}

static int add_line(struct argfile *out, const struct argfile_place *place, char *line,
		    struct lend_error *error)
{
	char *option, *value;
	int ret = argfile_cut(line, &option, &value, error);

	if (!ret && option)
		ret = add(out, option, place, error);
	if (!ret && value)
		ret = add(out, value, place, error);
	if (ret)
		say_place(place, error);
	return ret;
}

/* At most one byte more than a file may have. Its length, or a negative errno with a sentence. */
static ssize_t load(const char *path, char *text, struct lend_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length = 0, more = -1;
	struct stat st;

	if (fd < 0)
		return tool_fail(error, -errno, "cannot open the file of arguments %.200s: %s", path,
				 strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return tool_fail(error, -EINVAL, "%.200s is no file of arguments, but a folder or a device",
				 path);
	}
	while (length <= FILE_MAX && (more = read(fd, text + length, (size_t)(FILE_MAX + 1 - length))) > 0)
		length += more;
	more = more < 0 ? -errno : 0;
	close(fd);
	if (more)
		return tool_fail(error, (int)more, "cannot read the file of arguments %.200s: %s", path,
				 strerror((int)-more));
	return length;
}

static int check_text(const char *path, const char *text, size_t length, struct lend_error *error)
{
	struct argfile_place place = {path, 1};
	const char *zero;

	if (length > FILE_MAX)
		return tool_fail(error, -EINVAL, "%.200s is longer than the %d KiB of a file of arguments",
				 path, FILE_MAX >> 10);
	if (length >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2)))
		return tool_fail(error, -EINVAL, "%.200s is a text in UTF-16; save it as UTF-8", path);
	zero = memchr(text, '\0', length);
	if (!zero)
		return 0;
	for (const char *at = text; (at = memchr(at, '\n', (size_t)(zero - at))); at++)
		place.line++;
	tool_fail(error, 0, "there is a byte in it that is zero; a file of arguments is a text");
	say_place(&place, error);
	return -EINVAL;
}

static int read_file(const char *path, char **text, struct lend_error *error)
{
	ssize_t length;
	int ret;

	*text = malloc(FILE_MAX + 2);
	if (!*text)
		return tool_fail(error, -ENOMEM, "not enough memory");
	length = load(path, *text, error);
	ret = length < 0 ? (int)length : check_text(path, *text, (size_t)length, error);
	if (ret) {
		free(*text);
		return ret;
	}
	(*text)[length] = '\0';
	return 0;
}

static int add_file(struct argfile *out, const char *path, struct lend_error *error)
{
	static const char mark[] = "\xef\xbb\xbf"; /* what some editors begin UTF-8 with */
	char **texts = reallocarray(out->texts, out->text_count + 1, sizeof(*texts)), *rest, *line;
	struct argfile_place place = {path, 0};
	int ret;

	if (!texts)
		return tool_fail(error, -ENOMEM, "not enough memory");
	out->texts = texts;
	ret = read_file(path, &rest, error);
	if (ret)
		return ret;
	out->texts[out->text_count++] = rest;
	if (!strncmp(rest, mark, sizeof(mark) - 1))
		rest += sizeof(mark) - 1;
	while (!ret && (line = strsep(&rest, "\n"))) {
		place.line++;
		ret = add_line(out, &place, line, error);
	}
	return ret;
}

int argfile_expand(int argc, char *const *argv, struct argfile *out, struct lend_error *error)
{
	static const struct argfile_place here = {0};
	int ret = 0;

	memset(out, 0, sizeof(*out));
	for (int i = 0; !ret && i < argc; i++)
		ret = i && argv[i][0] == '@' ? add_file(out, argv[i] + 1, error)
					     : add(out, argv[i], &here, error);
	return ret;
}

void argfile_free(struct argfile *argfile)
{
	for (size_t i = 0; i < argfile->text_count; i++)
		free(argfile->texts[i]);
	free(argfile->texts);
	free(argfile->places);
	free(argfile->argv);
}

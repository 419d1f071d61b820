/* SPDX-License-Identifier: MIT */
/* Reading small files below a folder (sysfs.h). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/sysfs.h"

int sysfs_path(char out[PATH_MAX], const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(out, PATH_MAX, format, args);
	va_end(args);
	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* A descriptor, or negative errno. */
static int open_file(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int fd, ret = sysfs_path(path, "%s/%s", dir, name);

	if (ret)
		return ret;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysfs_read(const char *dir, const char *name, char *out, size_t size)
{
	int ret, fd = open_file(dir, name);
	ssize_t length;

	if (fd < 0)
		return fd;
	length = read(fd, out, size - 1);
	ret = length < 0 ? -errno : (int)length;
	close(fd);
	if (ret < 0)
		return ret;
	out[ret] = '\0';
	if (ret > 0 && out[ret - 1] == '\n')
		out[--ret] = '\0';
	return ret;
}

int sysfs_number(const char *dir, const char *name, long *out)
{
	char text[32], *end;
	long value;
	int ret;

	ret = sysfs_read(dir, name, text, sizeof(text));
	if (ret < 0)
		return ret;
	errno = 0;
	value = strtol(text, &end, 0);
	if (errno || end == text || *end)
		return -EINVAL;
	*out = value;
	return 0;
}

int sysfs_target(const char *dir, const char *name, char out[PATH_MAX])
{
	char path[PATH_MAX];
	ssize_t length;
	int ret;

	ret = sysfs_path(path, "%s/%s", dir, name);
	if (ret)
		return ret;
	length = readlink(path, out, PATH_MAX - 1);
	if (length < 0)
		return -errno;
	out[length] = '\0';
	return (int)length;
}

int sysfs_link(const char *dir, const char *name, char *out, size_t size)
{
	char target[PATH_MAX];
	const char *last;
	int ret;

	ret = sysfs_target(dir, name, target);
	if (ret < 0)
		return ret;
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= size)
		return -ENAMETOOLONG;
	strcpy(out, last);
	return 0;
}

char *sysfs_load(const char *dir, const char *name, size_t *length)
{
	const size_t most = 1 << 20, step = 4096;
	size_t room = 0, used = 0;
	int fd = open_file(dir, name);
	ssize_t got = -1;
	char *text = NULL;
	int why = 0;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	do {
		char *more = realloc(text, room + step);

		got = -1;
		why = ENOMEM;
		if (!more)
			break;
		text = more;
		room += step;
		while (room - used > 1 && (got = read(fd, text + used, room - used - 1)) > 0)
			used += (size_t)got;
		why = got < 0 ? errno : EFBIG;
	} while (got > 0 && room < most);
	close(fd);
	if (got) {
		free(text);
		errno = why;
		return NULL;
	}
	text[used] = '\0';
	if (length)
		*length = used;
	return text;
}

/* Passes whole lines to `each`, with `last` also a part of one; what is left moves to the front. */
static int give_lines(char *text, size_t *used, bool last, int (*each)(void *opaque, char *line),
		      void *opaque)
{
	char *line = text, *end;
	int ret = 0;

	while (!ret && (end = memchr(line, '\n', *used - (size_t)(line - text)))) {
		*end = '\0';
		ret = each(opaque, line);
		line = end + 1;
	}
	*used -= (size_t)(line - text);
	if (!ret && last && *used) {
		line[*used] = '\0';
		*used = 0;
		return each(opaque, line);
	}
	memmove(text, line, *used);
	return ret;
}

int sysfs_lines(const char *dir, const char *name, int (*each)(void *opaque, char *line), void *opaque)
{
	const size_t room = 1 << 16;
	int ret = 0, fd = open_file(dir, name);
	size_t used = 0;
	ssize_t got = -1;
	char *text;

	if (fd < 0)
		return fd;
	text = malloc(room + 1);
	if (!text)
		ret = -ENOMEM;
	while (!ret && (got = read(fd, text + used, room - used)) > 0) {
		used += (size_t)got;
		ret = give_lines(text, &used, used == room, each, opaque);
	}
	if (!ret)
		ret = got < 0 ? -errno : give_lines(text, &used, true, each, opaque);
	free(text);
	close(fd);
	return ret;
}

bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == ' ') && (!at[length] || at[length] == ' '))
			return true;
	return false;
}

bool sysfs_owner(const char *path, struct lend_bdf *out)
{
	const size_t longest = 15; /* "fffffff:ff:1f.7" */
	const char *end = path + strlen(path);
	char name[16];

	while (end > path) {
		const char *start = memrchr(path, '/', (size_t)(end - path));
		size_t length;

		start = start ? start + 1 : path;
		length = (size_t)(end - start);
		/* The kernel always writes the domain, so a short address is none. */
		if (length > strlen("00:00.0") && length <= longest) {
			memcpy(name, start, length);
			name[length] = '\0';
			if (!lend_bdf_parse(name, out))
				return true;
		}
		end = start > path ? start - 1 : path;
	}
	return false;
}

int sysfs_each(const char *dir, int (*each)(void *opaque, const char *name), void *opaque)
{
	const struct dirent *entry;
	DIR *open = opendir(dir);
	int ret = 0;

	if (!open)
		return -errno;
	/* At the end of the folder errno stays; what cannot be listed to its end is not listed. */
	while (!ret && (errno = 0, entry = readdir(open)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ret = each(opaque, entry->d_name);
	if (!ret)
		ret = -errno;
	closedir(open);
	return ret;
}

/* SPDX-License-Identifier: MIT */
/* See replace.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/replace.h"
#include "tool/tool.h"

/* Closes `fd` in any case. */
static int write_all(int fd, const char *text, bool on_disk)
{
	FILE *file = fdopen(fd, "w");
	int ret = 0;

	if (!file) {
		ret = -errno;
		close(fd);
		return ret;
	}
	if (fputs(text, file) < 0 || fputc('\n', file) < 0 || fflush(file) || (on_disk && fsync(fd)))
		ret = -errno;
	if (fclose(file) && !ret)
		ret = -errno;
	return ret;
}

static int write_new(const char *path, const char *text)
{
	char fresh[PATH_MAX];
	int fd, ret;

	/* Readers of a folder look at the ending: this name has none that they know. */
	if (snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0644)) {
		ret = -errno;
		close(fd);
	} else {
		ret = write_all(fd, text, true);
	}
	if (!ret && rename(fresh, path))
		ret = -errno;
	if (ret)
		unlink(fresh);
	return ret;
}

int replace_file(const char *path, const char *text, struct lend_error *error)
{
	struct stat there;
	int fd, ret;

	/* A link is written through: a rename would take the place of /dev/stdout for everybody. */
	if (lstat(path, &there) || S_ISREG(there.st_mode)) {
		ret = write_new(path, text);
	} else {
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_TRUNC);
		ret = fd < 0 ? -errno : write_all(fd, text, false);
	}
	return ret ? tool_fail(error, ret, "cannot write %.200s: %s", path, strerror(-ret)) : 0;
}

/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/run/store.h"
#include "tool/tool.h"

enum { PATH_ROOM = 4096, COPY_BYTES = 65536 };

int store_path(const struct home *home, const char *name, char *out, size_t room, struct lend_error *error)
{
	static const struct home_folder vars = {"/var/lib/lend/vars", ".local/state", "lend/vars"};
	char folder[PATH_ROOM];
	int ret = home_path(home, &vars, folder, sizeof(folder));

	if (ret == -ENOENT)
		return tool_fail(
			error, -ENOENT,
			"there is no place for the guest's UEFI variables: neither XDG_STATE_HOME nor "
			"HOME is set; give -firmware CODE,vars=FILE");
	if (ret || strlen(name) + strlen(folder) + sizeof("/.fd") > room)
		return tool_fail(error, -ENAMETOOLONG,
				 "the path for the guest's UEFI variables is too long; give -firmware "
				 "CODE,vars=FILE");
	ret = home_make(folder);
	if (ret)
		return tool_fail(
			error, ret,
			"cannot make the folder %s for the guest's UEFI variables: %s; give -firmware "
			"CODE,vars=FILE",
			folder, strerror(-ret));
	snprintf(out, room, "%s/%s.fd", folder, name);
	return 0;
}

static int copy_all(int from, int to)
{
	off_t at = 0;
	ssize_t got;

	do
		got = sendfile(to, from, &at, COPY_BYTES);
	while (got > 0 || (got < 0 && errno == EINTR));
	/* The name may be on the disk before the bytes otherwise. */
	return got < 0 || fsync(to) ? -errno : 0;
}

/* Gives a file its name, unless another one has that by now: then that one is used. */
static int give_name(const char *beside, const char *path)
{
	if (!renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_NOREPLACE) || errno == EEXIST)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* A file system that does not know the flag. */
	return link(beside, path) && errno != EEXIST ? -errno : 0;
}

int store_no_template(const char *path, struct lend_error *error)
{
	return tool_fail(error, -ENOENT,
			 "%s is not there, and neither is a template of it beside the image; give "
			 "vars-template=FILE, like OVMF_VARS_4M.fd of the package ovmf",
			 path);
}

/* The new file is made beside its place, so that a half-written one is never found there. */
static int make_store(const char *path, const struct store_template *template, struct lend_error *error)
{
	char beside[PATH_ROOM];
	int fd, ret;

	if (template->fd < 0)
		return store_no_template(path, error);
	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return tool_fail(error, -ENAMETOOLONG, "the path %.100s... is too long", path);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return tool_fail(
			error, -ENOENT,
			"cannot make %s for the guest's UEFI variables: there is no such folder; make "
			"it, or give another vars=FILE",
			path);
	if (fd < 0)
		return tool_fail(error, -errno, "cannot make %s for the guest's UEFI variables: %s", path,
				 strerror(errno));
	ret = copy_all(template->fd, fd);
	ret = ret ? ret : give_name(beside, path);
	close(fd);
	unlink(beside); /* gone already where it was renamed */
	return ret ? tool_fail(error, ret, "cannot make %s from %s: %s", path, template->name, strerror(-ret))
		   : 0;
}

static int lock_store(int fd, const char *path, bool readonly, struct lend_error *error)
{
	if (!flock(fd, (readonly ? LOCK_SH : LOCK_EX) | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return tool_fail(error, -EBUSY,
				 "the UEFI variables in %s are another machine's, which runs; give this one "
				 "another -name, or another vars=FILE",
				 path);
	return tool_fail(error, -errno, "cannot lock the UEFI variables in %s: %s", path, strerror(errno));
}

/* O_NONBLOCK, since opening a pipe by mistake would wait for ever. */
static int open_either(const char *path, bool *readonly)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	*readonly = fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM);
	return *readonly ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : fd;
}

int store_open(const char *path, const struct store_template *template, bool *readonly,
	       struct lend_error *error)
{
	int fd = open_either(path, readonly), ret;

	if (fd < 0 && errno == ENOENT) {
		ret = make_store(path, template, error);
		if (ret)
			return ret;
		fd = open_either(path, readonly);
	}
	if (fd < 0)
		return tool_fail(error, -errno, "cannot open the UEFI variables in %s: %s", path,
				 strerror(errno));
	ret = lock_store(fd, path, *readonly, error);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* SPDX-License-Identifier: MIT */
/* See registry.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/run/registry.h"
#include "tool/tool.h"

static const char entry_name[] = "machine.json", entry_new[] = "machine.json.new", socket_name[] = "qmp",
		  lock_name[] = ".lock";

struct registry_home registry_home(void)
{
	return (struct registry_home){.root = !geteuid(), .runtime = getenv("XDG_RUNTIME_DIR")};
}

/* 0, or -ENOENT: there is none. */
static int home_path(const struct registry_home *home, char out[REGISTRY_PATH])
{
	if (!home->root && (!home->runtime || home->runtime[0] != '/'))
		return -ENOENT;
	return snprintf(out, REGISTRY_PATH, "%s/lend", home->root ? "/run" : home->runtime) < REGISTRY_PATH
		       ? 0
		       : -ENOENT;
}

const char *registry_pattern(const struct registry_home *home, size_t index)
{
	static char pattern[REGISTRY_PATH + 32];
	char path[REGISTRY_PATH];

	if (index == 1 && home->root)
		return "/run/user/*/lend/*/machine.json";
	if (index || home_path(home, path))
		return NULL;
	snprintf(pattern, sizeof(pattern), "%s/*/%s", path, entry_name);
	return pattern;
}

static void empty_folder(int folder)
{
	unlinkat(folder, entry_name, 0);
	unlinkat(folder, entry_new, 0);
	unlinkat(folder, socket_name, 0);
}

static int open_folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The name still leads to the folder that is open: another keeper may have removed it meanwhile. */
static bool is_there(int parent, const char *name, int folder)
{
	struct stat mine, now;

	return !fstat(folder, &mine) && !fstatat(parent, name, &now, AT_SYMLINK_NOFOLLOW) &&
	       mine.st_ino == now.st_ino && mine.st_dev == now.st_dev;
}

/* The folder, locked. A negative errno; -EWOULDBLOCK: its keeper lives. */
static int lock_folder(int parent, const char *name)
{
	int fd = open_folder(parent, name);

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		int ret = -errno;

		close(fd);
		return ret;
	}
	if (is_there(parent, name, fd))
		return fd;
	close(fd);
	return -ESTALE;
}

/* What killed keepers left behind. */
static void sweep(int parent)
{
	int fd = dup(parent);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!entries && fd >= 0)
		close(fd);
	while (entries && (entry = readdir(entries))) {
		int folder = entry->d_name[0] == '.' ? -1 : lock_folder(parent, entry->d_name);

		if (folder < 0)
			continue;
		empty_folder(folder);
		unlinkat(parent, entry->d_name, AT_REMOVEDIR);
		close(folder);
	}
	if (entries)
		closedir(entries);
}

/* Its last machine may remove the folder between its making and its locking: then it is made again. */
static int make_folder(int parent, const char *name)
{
	int ret;

	do {
		if (mkdirat(parent, name, 0700) && errno != EEXIST)
			return -errno;
		ret = lock_folder(parent, name);
	} while (ret == -ENOENT || ret == -ESTALE);
	return ret;
}

/* Root's folder is the one where lend remembers what it took, which users may read. */
static int open_parent(const struct registry_home *home, const char *path)
{
	if (mkdir(path, home->root ? 0755 : 0700) && errno != EEXIST)
		return -errno;
	return open_folder(AT_FDCWD, path);
}

/* One keeper at a time: what one sweeps, another may not take for a machine. A file that only its user opens.
 */
static int lock_parent(int parent)
{
	int fd = openat(parent, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		flock(fd, LOCK_EX);
	return fd < 0 ? -errno : fd;
}

int registry_enter(struct registry *registry, const struct registry_home *home, const char *name,
		   struct lend_error *error)
{
	char path[REGISTRY_PATH];
	int parent, lock, ret = home_path(home, path);

	*registry = (struct registry){.parent = -1, .folder = -1};
	if (ret)
		return tool_fail(error, ret, "there is no run directory: XDG_RUNTIME_DIR is not set");
	if (snprintf(registry->path, sizeof(registry->path), "%s/%s", path, name) >= REGISTRY_PATH ||
	    snprintf(registry->socket, sizeof(registry->socket), "%s/%s", registry->path, socket_name) >=
		    REGISTRY_PATH)
		return tool_fail(error, -ENAMETOOLONG, "the run directory %.100s has too long a path", path);
	parent = open_parent(home, path);
	if (parent < 0)
		return tool_fail(error, parent, "cannot make %s: %s", path, strerror(-parent));
	lock = ret = lock_parent(parent);
	if (ret >= 0) {
		sweep(parent);
		ret = make_folder(parent, name);
		close(lock);
	}
	if (ret < 0) {
		close(parent);
		if (ret == -EWOULDBLOCK)
			return tool_fail(error, -EEXIST,
					 "a machine '%s' runs already; give another -name, or end it: "
					 "lend ctl %s quit",
					 name, name);
		return tool_fail(error, ret, "cannot make %s: %s", registry->path, strerror(-ret));
	}
	registry->folder = ret;
	registry->parent = parent;
	empty_folder(ret);
	return 0;
}

int registry_write(const struct registry *registry, const json_t *entry)
{
	int fd, ret;

	if (registry->folder < 0)
		return 0;
	fd = openat(registry->folder, entry_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	ret = json_dumpfd(entry, fd, JSON_COMPACT) ? -EIO : 0;
	close(fd);
	if (!ret && renameat(registry->folder, entry_new, registry->folder, entry_name))
		ret = -errno;
	return ret;
}

void registry_leave(struct registry *registry)
{
	if (registry->folder < 0)
		return;
	empty_folder(registry->folder);
	unlinkat(registry->parent, strrchr(registry->path, '/') + 1, AT_REMOVEDIR);
	close(registry->folder);
	close(registry->parent);
	registry->folder = registry->parent = -1;
}

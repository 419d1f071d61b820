/* SPDX-License-Identifier: MIT */
/*
 * One process at a time changes the folder (flock): another one boots its image as it is meanwhile, and
 * waits for nothing. A file that is used keeps a new time, so that the one that was not used for the longest
 * time goes first; once a day is enough for that, and spares a read-only or layered file system. The folder
 * may have other files of the user's: only what has a name of ours is counted or removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "tool/run/kernel/cache.h"
#include "tool/run/kernel/entry.h"
#include "tool/run/kernel/seen.h"
#include "tool/tool.h"

enum { PATH_ROOM = 4096, DAY = 86400, FREE_SHARE = 4 };

static const char new_name[] = ".lend-new";

static int folder_path(const struct kernel_cache *cache, char out[PATH_ROOM])
{
	static const struct home_folder kernels = {"/var/cache/lend/kernels", ".cache", "lend/kernels"};

	if (cache->folder)
		return snprintf(out, PATH_ROOM, "%s", cache->folder) < PATH_ROOM ? 0 : -ENAMETOOLONG;
	return home_path(&cache->home, &kernels, out, PATH_ROOM);
}

static int open_folder(const struct kernel_cache *cache, char path[PATH_ROOM], struct lend_error *error)
{
	int ret = folder_path(cache, path), fd;

	if (ret)
		return tool_fail(error, ret, "unpacked kernels have no folder: %s",
				 ret == -ENOENT ? "neither XDG_CACHE_HOME nor HOME is set"
						: "its path is too long");
	ret = home_make(path);
	fd = ret ? ret : open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return tool_fail(error, ret ? ret : -errno, "the folder of unpacked kernels, %s: %s", path,
				 strerror(ret ? -ret : errno));
	if (entry_is_own(fd, true))
		return fd;
	close(fd);
	return tool_fail(error, -EPERM,
			 "the folder of unpacked kernels, %s, belongs to another user, or others may write "
			 "there; give another -kernel-cache",
			 path);
}

static bool is_right(const struct kernel_cache *cache, const struct seen *seen, const struct payload *payload)
{
	int64_t begun = time(NULL);

	if (seen_before(seen))
		return true;
	if (!entry_is_right(seen->fd, seen->kernel, payload))
		return false;
	seen_now(seen, begun - cache->settled_s);
	return true;
}

/* A file that is not there, not ours or not right is none. */
static int open_entry(const struct kernel_cache *cache, int folder, const char *name, int kernel,
		      const struct payload *payload)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	const struct seen seen = {folder, name, fd, kernel};
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!entry_is_own(fd, false) || !is_right(cache, &seen, payload)) {
		close(fd);
		return -EBADMSG;
	}
	if (!fstat(fd, &st) && st.st_mtime + DAY < time(NULL))
		futimens(fd, NULL); /* in vain where the file system cannot be written to */
	return fd;
}

/* Our files of the folder: what they have together, and which one was not used for the longest time. */
struct survey {
	uint64_t bytes;
	time_t oldest;
	char name[NAME_MAX + 1]; /* empty: there is none */
};

static bool is_our_name(const char *name)
{
	const size_t suffix = sizeof(SEEN_SUFFIX) - 1;
	size_t length = strlen(name);

	if (length > suffix && !strcmp(name + length - suffix, SEEN_SUFFIX))
		length -= suffix;
	return entry_is_name(name, length);
}

static int survey(int folder, struct survey *out)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct stat st;

	*out = (struct survey){0};
	if (!entries) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(entries))) {
		if (!is_our_name(entry->d_name) || fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(st.st_mode))
			continue;
		out->bytes += (uint64_t)st.st_size;
		if (out->name[0] && st.st_mtime >= out->oldest)
			continue;
		out->oldest = st.st_mtime;
		snprintf(out->name, sizeof(out->name), "%s", entry->d_name);
	}
	closedir(entries);
	return 0;
}

/* Makes room for `size` bytes, which are not more than `most`: of the cache, and then of the disk. */
static int make_room(int folder, uint64_t most, uint64_t size)
{
	struct survey found;
	struct statvfs disk;
	int ret;

	while (!(ret = survey(folder, &found)) && found.name[0] && found.bytes + size > most)
		if (unlinkat(folder, found.name, 0))
			return -errno;
	if (ret)
		return ret;
	return !fstatvfs(folder, &disk) && disk.f_bavail * disk.f_frsize / FREE_SHARE < size ? -ENOSPC : 0;
}

/* Under its own name only when it is whole. */
static int make_entry(int folder, const char *name, int kernel, const struct payload *payload)
{
	int fd, ret;

	fd = openat(folder, new_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = entry_make(fd, kernel, payload);
	if (!ret && renameat(folder, new_name, folder, name))
		ret = -errno;
	if (ret)
		unlinkat(folder, new_name, 0);
	close(fd);
	return ret;
}

/* What is not there is made by one process; the next one finds it. */
static int add_entry(const struct kernel_cache *cache, int folder, const char *name, int kernel,
		     const struct payload *payload)
{
	uint64_t most = cache->bytes_max ? cache->bytes_max : CACHE_BYTES_MAX, size = entry_size(payload);
	int fd, ret;

	if (size > most)
		return -ENOSPC;
	if (flock(folder, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	fd = open_entry(cache, folder, name, kernel, payload);
	if (fd >= 0)
		return fd;
	unlinkat(folder, name, 0);
	unlinkat(folder, new_name, 0); /* of a process that was killed */
	ret = make_room(folder, most, size);
	ret = ret ? ret : make_entry(folder, name, kernel, payload);
	/* As it is found the next time: for reading alone, and checked. */
	return ret ? ret : open_entry(cache, folder, name, kernel, payload);
}

static int find_entry(const struct kernel_cache *cache, int folder, int kernel, const struct payload *payload)
{
	char name[ENTRY_NAME];
	int fd = entry_name(kernel, payload, name);

	if (fd)
		return fd;
	fd = open_entry(cache, folder, name, kernel, payload);
	return fd < 0 ? add_entry(cache, folder, name, kernel, payload) : fd;
}

static bool is_unpackable(int kernel, struct payload *payload)
{
	uint8_t head[16];

	return !payload_find(kernel, payload) &&
	       pread(kernel, head, sizeof(head), (off_t)payload->at) == sizeof(head) &&
	       payload_is_known(head, sizeof(head));
}

int kernel_cache_find(const struct kernel_cache *cache, int kernel, uint64_t *size, struct lend_error *error)
{
	struct payload payload;
	char path[PATH_ROOM];
	int folder, fd;

	if (!is_unpackable(kernel, &payload))
		return tool_fail(error, -ENOEXEC, "the kernel holds none that can be unpacked beforehand");
	folder = open_folder(cache, path, error);
	if (folder < 0)
		return folder;
	fd = find_entry(cache, folder, kernel, &payload);
	close(folder);
	if (fd < 0)
		return tool_fail(error, fd, "the kernel could not be unpacked into %s: %s", path,
				 strerror(-fd));
	*size = payload.unpacked;
	return fd;
}

/* SPDX-License-Identifier: MIT */
/* Loop devices on an image; see attached.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/serve/nvme/attached.h"

/* Without the newline at its end. False: it cannot be read, or does not fit. */
static bool read_line(int block, const char *device, const char *attribute, char *text, size_t room)
{
	char name[NAME_MAX + 64];
	ssize_t got;
	int fd;

	snprintf(name, sizeof(name), "%s/%s", device, attribute);
	fd = openat(block, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, room);
	close(fd);
	if (got < 1 || text[got - 1] != '\n')
		return false;
	text[got - 1] = '\0';
	return true;
}

/* A user who may not reach the file by its path is not told: then the device is not seen. */
static bool writes_to(int block, const char *device, const struct stat *file)
{
	char path[PATH_MAX + 1], readonly[8];
	struct stat about;

	return !strncmp(device, "loop", 4) &&
	       read_line(block, device, "loop/backing_file", path, sizeof(path)) && !stat(path, &about) &&
	       about.st_dev == file->st_dev && about.st_ino == file->st_ino &&
	       read_line(block, device, "ro", readonly, sizeof(readonly)) && !strcmp(readonly, "0");
}

bool nvme_attached_find(const char *folder, const struct stat *file, char name[NVME_ATTACHED_NAME])
{
	DIR *block = opendir(folder);
	bool found = false;
	struct dirent *entry;

	if (!block)
		return false;
	while (!found && (entry = readdir(block))) {
		found = writes_to(dirfd(block), entry->d_name, file);
		if (found)
			snprintf(name, NVME_ATTACHED_NAME, "/dev/%.24s", entry->d_name);
	}
	closedir(block);
	return found;
}

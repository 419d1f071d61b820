/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/run/home.h"

struct home home_of(const char *variable)
{
	return (struct home){.root = !geteuid(), .base = getenv(variable), .home = getenv("HOME")};
}

static bool is_path(const char *text)
{
	return text && text[0] == '/';
}

int home_path(const struct home *home, const struct home_folder *folder, char *out, size_t room)
{
	int length;

	if (home->root)
		length = snprintf(out, room, "%s", folder->root);
	else if (is_path(home->base))
		length = snprintf(out, room, "%s/%s", home->base, folder->below);
	else if (is_path(home->home))
		length = snprintf(out, room, "%s/%s/%s", home->home, folder->base, folder->below);
	else
		return -ENOENT;
	return (size_t)length < room ? 0 : -ENAMETOOLONG;
}

int home_make(char *path)
{
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

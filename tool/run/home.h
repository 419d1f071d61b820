/* SPDX-License-Identifier: MIT */
/* Folders of lend's own in which it keeps what outlives a run: of the computer for root, else of the user. */
#ifndef TOOL_RUN_HOME_H
#define TOOL_RUN_HOME_H

#include <stdbool.h>
#include <stddef.h>

/** Whose folders they are. */
struct home {
	bool root;
	const char
		*base; /* the XDG variable for this kind of files; NULL or no absolute path: below `home` */
	const char *home; /* HOME; NULL: not known */
};

/** What the environment says; `variable` is the XDG variable. */
struct home home_of(const char *variable);

/** The places of one folder. */
struct home_folder {
	const char *root;  /* its path for root */
	const char *base;  /* of the user: what stands for the variable below HOME, ".cache" */
	const char *below; /* and the folder's path below that */
};

/** The folder's path. 0, -ENOENT: neither the variable nor HOME is set, or -ENAMETOOLONG. */
int home_path(const struct home *home, const struct home_folder *folder, char *out, size_t room);

/** Makes a folder, and those above it. Only this user sees what is in those that are made. 0 or a negative
 * errno. */
int home_make(char *path);

#endif

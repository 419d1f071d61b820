/* SPDX-License-Identifier: MIT */
#include <ftw.h>
#include <stdio.h>

#include "tests/unit/folder.h"

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
	(void)st, (void)flag, (void)walk;
	return remove(path);
}

int folder_remove(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

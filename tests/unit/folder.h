/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

/** Removes a folder of a test, and all that is in it. Links are not followed. 0, or -1 with errno. */
int folder_remove(const char *path);

#endif

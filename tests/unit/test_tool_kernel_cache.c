/* SPDX-License-Identifier: MIT */
/* The folder of unpacked kernels: whose it is, what is not taken from it, and what leaves it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/folder.h"
#include "tests/unit/kernel_stage.h"

/* Each is made anew, and nothing of the old one is used. */
static void what_may_not_be_ours_is_not_used(void **state)
{
	struct stage *stage = *state;
	ino_t first = kernel_find_right(stage);
	const char *path = kernel_entry_path(stage);
	char other[300];

	assert_int_equal(chmod(path, 0620), 0);
	assert_int_not_equal(kernel_find_right(stage), first);
	first = kernel_find_right(stage);
	assert_int_equal(chmod(path, 0602), 0);
	assert_int_not_equal(kernel_find_right(stage), first);
	snprintf(other, sizeof(other), "%s/other", stage->root);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	kernel_find_right(stage);
	assert_int_equal(kernel_find_right(stage), kernel_find_right(stage));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	kernel_find_right(stage);
	if (!geteuid()) {
		assert_int_equal(chown(path, 1, 1), 0);
		first = kernel_find_right(stage);
		assert_int_equal(kernel_find_right(stage), first);
	}
}

static void a_folder_of_others_is_refused(void **state)
{
	struct stage *stage = *state;

	kernel_find_right(stage);
	assert_int_equal(chmod(stage->folder, 0770), 0);
	assert_int_equal(kernel_find(stage), -EPERM);
	assert_non_null(strstr(stage->error.text, stage->folder));
	assert_int_equal(chmod(stage->folder, 0707), 0);
	assert_int_equal(kernel_find(stage), -EPERM);
	assert_int_equal(chmod(stage->folder, 0700), 0);
	if (!geteuid()) {
		assert_int_equal(chown(stage->folder, 1, 1), 0);
		assert_int_equal(kernel_find(stage), -EPERM);
		assert_int_equal(chown(stage->folder, 0, 0), 0);
	}
	folder_remove(stage->folder);
	assert_int_equal(symlink(stage->root, stage->folder), 0);
	assert_true(kernel_find(stage) < 0);
}

static void the_oldest_leave(void **state)
{
	struct stage *stage = *state;
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	ino_t second;
	char oldest[256];

	stage->cache.bytes_max = 2 * KERNEL + KERNEL / 2;
	kernel_find_right(stage);
	strcpy(oldest, kernel_entry_path(stage));
	assert_int_equal(utimensat(AT_FDCWD, oldest, old, 0), 0);
	stage->kernel[KERNEL - 1] = 1;
	kernel_pack(stage, kernel_pack_zstd);
	second = kernel_find_right(stage);
	assert_int_equal(access(oldest, F_OK), 0);
	stage->kernel[KERNEL - 1] = 2;
	kernel_pack(stage, kernel_pack_zstd);
	kernel_find_right(stage);
	assert_int_equal(access(oldest, F_OK), -1);
	stage->kernel[KERNEL - 1] = 1;
	kernel_pack(stage, kernel_pack_zstd);
	assert_int_equal(kernel_find_right(stage), second);
	stage->cache.bytes_max = KERNEL; /* less than one needs */
	stage->kernel[KERNEL - 1] = 3;
	kernel_pack(stage, kernel_pack_zstd);
	assert_int_equal(kernel_find(stage), -ENOSPC);
	stage->kernel[KERNEL - 1] = 1; /* nothing left for one that does not fit */
	kernel_pack(stage, kernel_pack_zstd);
	assert_int_equal(kernel_find_right(stage), second);
}

static off_t size_of(const char *folder, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return stat(path, &st) ? -1 : st.st_size;
}

/* The user may name any folder: what has no name of ours is neither counted nor removed. */
static void other_files_stay(void **state)
{
	static const char *const names[] = {"disk.img",
					    "new",
					    "0123456789abcdef",
					    "0123456789abcdef-0123456",
					    "0123456789abcdef-012345678",
					    "0123456789abcdef-0123456g",
					    "0123456789ABCDEF-01234567",
					    "0123456789abcdef_01234567",
					    "0123456789abcdef-01234567.save"};
	static const char ours[] = "0123456789abcdef-01234567", seen[] = "0123456789abcdef-01234568.seen";
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct stage *stage = *state;

	kernel_find_right(stage);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) + 2; i++) {
		const char *name = i < sizeof(names) / sizeof(*names)    ? names[i]
				   : i == sizeof(names) / sizeof(*names) ? ours
									 : seen;
		char path[256];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", stage->folder, name);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, 1 << 30), 0);
		assert_int_equal(futimens(fd, old), 0);
		close(fd);
	}
	stage->kernel[KERNEL - 1] = 1;
	kernel_pack(stage, kernel_pack_zstd);
	kernel_find_right(stage);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(size_of(stage->folder, names[i]), 1 << 30);
	assert_int_equal(size_of(stage->folder, ours), -1);
	assert_int_equal(size_of(stage->folder, seen), -1);
}

/* What is used keeps its place, though it was made long ago. */
static void use_makes_young(void **state)
{
	struct stage *stage = *state;
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct stat st;

	kernel_find_right(stage);
	assert_int_equal(utimensat(AT_FDCWD, kernel_entry_path(stage), old, 0), 0);
	kernel_find_right(stage);
	assert_int_equal(stat(kernel_entry_path(stage), &st), 0);
	assert_true(st.st_mtime > 1000);
}

static void nobody_waits_for_another_process(void **state)
{
	struct stage *stage = *state;
	int folder;

	kernel_find_right(stage);
	folder = open(stage->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(folder, LOCK_EX), 0);
	kernel_find_right(stage); /* what is there is found all the same */
	stage->kernel[KERNEL - 1] = 1;
	kernel_pack(stage, kernel_pack_zstd);
	assert_int_equal(kernel_find(stage), -EBUSY);
	close(folder);
	kernel_find_right(stage);
}

/* A process that was killed leaves a file that is none. */
static void a_half_made_file_is_replaced(void **state)
{
	struct stage *stage = *state;
	char path[256];

	kernel_find_right(stage);
	snprintf(path, sizeof(path), "%s/.lend-new", stage->folder);
	assert_int_equal(rename(kernel_entry_path(stage), path), 0);
	assert_int_equal(truncate(path, 4096), 0);
	kernel_find_right(stage);
	assert_int_equal(access(path, F_OK), -1);
}

static void the_folder_is_the_users(void **state)
{
	struct stage *stage = *state;
	char path[256];

	stage->cache.folder = NULL;
	assert_int_equal(kernel_find(stage), -ENOENT);
	stage->cache.home.home = "relative";
	assert_int_equal(kernel_find(stage), -ENOENT);
	stage->cache.home.home = stage->root;
	kernel_find_right(stage);
	snprintf(path, sizeof(path), "%s/.cache/lend/kernels", stage->root);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/xdg", stage->root);
	stage->cache.home.base = path;
	kernel_find_right(stage);
	snprintf(stage->folder, sizeof(stage->folder), "%s/xdg/lend/kernels", stage->root);
	assert_int_equal(access(stage->folder, F_OK), 0);
}

int main(void)
{
#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, kernel_stage_start, kernel_stage_end)
	const struct CMUnitTest tests[] = {
		CACHE_TEST(what_may_not_be_ours_is_not_used),
		CACHE_TEST(a_folder_of_others_is_refused),
		CACHE_TEST(the_oldest_leave),
		CACHE_TEST(other_files_stay),
		CACHE_TEST(use_makes_young),
		CACHE_TEST(nobody_waits_for_another_process),
		CACHE_TEST(a_half_made_file_is_replaced),
		CACHE_TEST(the_folder_is_the_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

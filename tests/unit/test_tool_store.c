/* SPDX-License-Identifier: MIT */
/* The store of a machine's UEFI variables: where it is, and that one machine alone has it. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/unit/firmware_files.h"
#include "tests/unit/folder.h"
#include "tool/run/store.c"
#include "tool/clean.c"
#include "tool/say.c"

struct stage {
	char root[64], path[128];
	struct lend_error error;
};

static const char *at(struct stage *stage, const char *name)
{
	snprintf(stage->path, sizeof(stage->path), "%s/%s", stage->root, name);
	return stage->path;
}

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	strcpy(stage->root, "/tmp/lend-test-store-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	folder_remove(stage->root);
	free(stage);
	return 0;
}

static void assert_says(const struct stage *stage, const char *word)
{
	if (!strstr(stage->error.text, word))
		fail_msg("'%s' does not name '%s'", stage->error.text, word);
}

/* In the folder; none is left of how they are made. */
static unsigned count_files(struct stage *stage)
{
	DIR *folder = opendir(stage->root);
	const struct dirent *entry;
	unsigned count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)))
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

/* Opens the store in a process of its own, which says whether it has it and keeps it until `end` closes. */
static pid_t open_beside(const char *path, const struct store_template *template, const int said[2],
			 const int end[2])
{
	struct lend_error error;
	bool readonly;
	pid_t child = fork();
	char byte;
	int fd;

	if (child)
		return child;
	close(end[1]);
	fd = store_open(path, template, &readonly, &error);
	byte = fd >= 0 ? 'y' : fd == -EBUSY ? 'n' : '?';
	if (write(said[1], &byte, 1) != 1 || read(end[0], &byte, 1) != 0)
		_exit(1);
	_exit(0);
}

/* Two at once: one makes the file, and one alone has it. */
static void a_store_is_made_by_one_of_two(void **state)
{
	struct stage *stage = *state;
	struct store_template template = {.fd = firmware_file(FILE_STORE, VARS_4M), .name = "t"};
	char path[128], byte;
	bool readonly;

	strcpy(path, at(stage, "vars.fd"));
	for (unsigned round = 0; round < 100; round++) {
		int said[2], end[2], fd;
		pid_t child;

		unlink(path);
		assert_int_equal(pipe(said) | pipe(end), 0);
		child = open_beside(path, &template, said, end);
		fd = store_open(path, &template, &readonly, &stage->error);
		assert_int_equal(read(said[0], &byte, 1), 1);
		assert_true(fd >= 0 ? byte == 'n' : fd == -EBUSY && byte == 'y');
		assert_int_equal(count_files(stage), 1);
		close(end[1]);
		assert_int_equal(waitpid(child, NULL, 0), child);
		if (fd >= 0)
			close(fd);
		close(end[0]);
		close(said[0]);
		close(said[1]);
	}
	close(template.fd);
}

static void a_store_is_found_by_its_name(void **state)
{
	struct stage *stage = *state;
	const struct home none = {.base = "relative"};
	struct home home = {.base = stage->root, .home = "/nowhere"};
	char path[200], folder[200];
	struct stat st;

	assert_int_equal(store_path(&home, "web", path, sizeof(path), &stage->error), 0);
	snprintf(folder, sizeof(folder), "%s/lend/vars/web.fd", stage->root);
	assert_string_equal(path, folder);
	assert_int_equal(stat(at(stage, "lend/vars"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	home = (struct home){.home = stage->root};
	assert_int_equal(store_path(&home, "web", path, sizeof(path), &stage->error), 0);
	assert_non_null(strstr(path, "/.local/state/lend/vars/web.fd"));
	assert_int_equal(store_path(&none, "web", path, sizeof(path), &stage->error), -ENOENT);
	assert_says(stage, "vars=FILE");
	assert_int_equal(store_path(&home, "web", path, 20, &stage->error), -ENAMETOOLONG);
	/* A file is where the folder should be. */
	close(open(at(stage, "file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	home = (struct home){.base = at(stage, "file")};
	assert_int_equal(store_path(&home, "web", path, sizeof(path), &stage->error), -ENOTDIR);
	assert_says(stage, "cannot make the folder");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_store_is_made_by_one_of_two, setup, teardown),
		cmocka_unit_test_setup_teardown(a_store_is_found_by_its_name, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

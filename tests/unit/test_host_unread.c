/* SPDX-License-Identifier: MIT */
/*
 * Files and folders that are there and cannot be read. What a survey opens on a host is
 * written down; then each of these fails, one after the other. The survey must say that it
 * did not look there: else a device seems to be free that nobody looked at.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/host_many.h"

enum { PATHS_MAX = 8192 };

/* How a path fails: it cannot be opened, or what was opened cannot be read. */
enum how { OPENED, READ };

static struct {
	const char *root;
	char *paths[PATHS_MAX]; /* those that were opened; sorted */
	size_t count;
	const char *fails; /* NULL: none */
	enum how how;
	int error;
	int fd;   /* of the path that fails; -1: it is not open */
	DIR *dir; /* the same of a folder */
} host;

int __real_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __real_readlink(const char *path, char *buffer, size_t size);
int __real_access(const char *path, int mode);
int __real_stat(const char *path, struct stat *out);
DIR *__real_opendir(const char *path);
struct dirent *__real_readdir(DIR *dir);

int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __wrap_readlink(const char *path, char *buffer, size_t size);
int __wrap_access(const char *path, int mode);
int __wrap_stat(const char *path, struct stat *out);
DIR *__wrap_opendir(const char *path);
struct dirent *__wrap_readdir(DIR *dir);

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static void note(const char *path)
{
	if (host.fails || bsearch(&path, host.paths, host.count, sizeof(*host.paths), by_name))
		return;
	assert_true(host.count < PATHS_MAX);
	host.paths[host.count] = strdup(path);
	assert_non_null(host.paths[host.count]);
	host.count++;
	qsort(host.paths, host.count, sizeof(*host.paths), by_name);
}

/* Whether a call with this path, from the root on, is the one that fails. */
static bool is_it(const char *path)
{
	size_t length = host.root ? strlen(host.root) : 0;

	if (!length || strncmp(path, host.root, length))
		return false;
	note(path + length + 1);
	return host.fails && !strcmp(path + length + 1, host.fails);
}

static bool fails(const char *path)
{
	if (!is_it(path) || host.how != OPENED)
		return false;
	errno = host.error;
	return true;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	int mode, fd;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, int) : 0;
	va_end(args);
	if (fails(path))
		return -1;
	fd = __real_open(path, flags, mode);
	if (is_it(path) || fd == host.fd)
		host.fd = is_it(path) ? fd : -1;
	return fd;
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	if (!host.fails || fd != host.fd || host.how != READ)
		return __real_read(fd, buffer, size);
	errno = host.error;
	return -1;
}

ssize_t __wrap_readlink(const char *path, char *buffer, size_t size)
{
	return fails(path) ? -1 : __real_readlink(path, buffer, size);
}

int __wrap_access(const char *path, int mode)
{
	return fails(path) ? -1 : __real_access(path, mode);
}

int __wrap_stat(const char *path, struct stat *out)
{
	return fails(path) ? -1 : __real_stat(path, out);
}

DIR *__wrap_opendir(const char *path)
{
	DIR *dir = fails(path) ? NULL : __real_opendir(path);

	if (dir && (is_it(path) || dir == host.dir))
		host.dir = is_it(path) ? dir : NULL;
	return dir;
}

struct dirent *__wrap_readdir(DIR *dir)
{
	if (!host.fails || dir != host.dir || host.how != READ)
		return __real_readdir(dir);
	errno = host.error;
	return NULL;
}

/* A folder that was open at the place of one that fails must not be taken for it. */
static void break_path(const char *path, enum how how, int error)
{
	host.fails = path;
	host.how = how;
	host.error = error;
	host.fd = -1;
	host.dir = NULL;
}

/*
 * What tells nothing of a use: names for a person, what a device is known by, and what says
 * how it is reset. An attribute in this list may fail without a word.
 */
static bool is_of_no_use(const char *path)
{
	static const char *const ends[] = {"/numa_node", "/reset_method", "/nvme", "/serial"};
	size_t length = strlen(path);

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (length > strlen(ends[i]) && !strcmp(path + length - strlen(ends[i]), ends[i]))
			return true;
	return false;
}

static bool is_said(const struct lend_survey *survey)
{
	struct lend_way way;

	for (size_t i = 0; lend_survey_way(survey, i, &way); i++)
		if (way.unseen && way.unseen[0])
			return true;
	return false;
}

/* One file or folder after the other, in one way. */
static void each_path(struct host_tree *tree, enum how how, int error)
{
	size_t silent = 0, many;

	break_path(NULL, how, 0);
	tree_survey(tree);
	assert_false(is_said(tree->survey));
	many = host.count;
	assert_true(many > 500);
	for (size_t i = 0; i < many; i++) {
		struct lend_survey *survey = NULL;

		break_path(host.paths[i], how, error);
		if (lend_survey_new(tree->context, &survey))
			continue;
		/* A link, or a question whether a path is there, is not read. */
		if (!is_of_no_use(host.paths[i]) && !is_said(survey) &&
		    (how == OPENED || host.fd >= 0 || host.dir)) {
			print_error("%s\n", host.paths[i]);
			silent++;
		}
		lend_survey_free(survey);
	}
	break_path(NULL, how, 0);
	assert_int_equal(silent, 0);
	tree_survey(tree);
	assert_false(is_said(tree->survey));
}

static void may_not_be_opened(void **state)
{
	each_path(*state, OPENED, EACCES);
}

static void cannot_be_opened(void **state)
{
	each_path(*state, OPENED, EIO);
}

static void cannot_be_read(void **state)
{
	each_path(*state, READ, EIO);
}

static void without_memory(void **state)
{
	each_path(*state, OPENED, ENOMEM);
}

/* Without the lists of sysfs no use of a disk, or of an interface, is seen. */
static void lists(void **state)
{
	static const struct {
		const char *list, *sees[12];
	} rows[] = {
		{"sys/dev/block",
		 {"open", "mount", "journal", "pool", "swap", "hibernation", "crash", "loop", "cache",
		  "target", "volume", "raid"}},
		{"sys/dev/char", {"open", "console"}},
		{"sys/class/net", {"open", "address", "route", "bridged", "tunnel", "console"}},
	};
	struct host_tree *tree = *state;
	char said[160];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lend_way way;
		unsigned told = 0;

		break_path(rows[i].list, OPENED, EIO);
		tree_survey(tree);
		snprintf(said, sizeof(said), "%s/%s, which could not be read (Input/output error)",
			 tree->root, rows[i].list);
		for (size_t k = 0; lend_survey_way(tree->survey, k, &way); k++)
			for (size_t s = 0; s < 12 && rows[i].sees[s]; s++)
				if (!strcmp(way.name, rows[i].sees[s])) {
					assert_string_equal(way.unseen, said);
					told++;
				}
		for (size_t s = 0; s < 12 && rows[i].sees[s]; s++)
			told--;
		assert_int_equal(told, 0);
	}
}

/* What is not there is no failure. */
static void what_is_not_there(void **state)
{
	static const int errors[] = {ENOENT, ENOTDIR};
	struct host_tree *tree = *state;

	tree_survey(tree);
	for (size_t i = 0; i < host.count; i++) {
		struct lend_survey *survey = NULL;

		if (!strncmp(host.paths[i], "proc/", 5) || strstr(host.paths[i], "/bus/pci/devices"))
			continue;
		for (size_t k = 0; k < 2; k++) {
			break_path(host.paths[i], OPENED, errors[k]);
			assert_int_equal(lend_survey_new(tree->context, &survey), 0);
			if (is_said(survey))
				fail_msg("%s: said", host.paths[i]);
			lend_survey_free(survey);
		}
	}
}

static int setup(void **state)
{
	struct host_tree *tree = many_new();

	host.root = tree->root;
	break_path(NULL, OPENED, 0);
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	host.root = NULL;
	while (host.count)
		free(host.paths[--host.count]);
	tree_free(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(may_not_be_opened),
		TEST(cannot_be_opened),
		TEST(cannot_be_read),
		TEST(without_memory),
		TEST(lists),
		TEST(what_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

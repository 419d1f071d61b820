/* SPDX-License-Identifier: MIT */
/*
 * Accesses that may never end are made by a helper, which is left behind. A pipe that nobody
 * reads stands for an attribute that does not come back.
 */
#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/host/taking/write.h"
#include "tests/unit/host_taking.h"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void a_write_that_hangs(void **state)
{
	struct host_tree *tree = *state;
	struct lend_context_config config = {.size = sizeof(config)};
	struct lend_context *context;
	char path[PATH_MAX], text[8];
	double start = now();

	assert_int_equal(lend_context_new(&config, &context), 0);
	snprintf(path, sizeof(path), "%s", tree_path(tree, "pipe"));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(host_write(context, path, "x", 100), -ETIMEDOUT);
	/* Another pipe: the first one's helper would answer this one's. */
	assert_int_equal(mkfifo(tree_path(tree, "other"), 0600), 0);
	assert_int_equal(host_read(tree->root, "other", text, sizeof(text), 100), -ETIMEDOUT);
	assert_true(now() - start >= 0.2 && now() - start < 60);
	tree_put(tree, "file", "");
	snprintf(path, sizeof(path), "%s", tree_path(tree, "file"));
	assert_int_equal(host_write(context, path, "text\n", 30000), 0);
	assert_int_equal(host_read(tree->root, "file", text, sizeof(text), 30000), 4);
	assert_string_equal(text, "text");
	assert_int_equal(host_read(tree->root, "file", text, 4, 30000), -ENAMETOOLONG);
	assert_int_equal(host_write(context, tree_path(tree, "none/none"), "x", 30000), -ENOENT);
	lend_context_free(context);
}

/* A process that runs on does not collect what it left behind. */
static void a_helper_that_was_left_behind(void **state)
{
	struct host_tree *tree = *state;
	struct lend_context_config config = {.size = sizeof(config)};
	struct lend_context *context;
	double start = now();
	char path[PATH_MAX];
	siginfo_t child;

	assert_int_equal(lend_context_new(&config, &context), 0);
	snprintf(path, sizeof(path), "%s", tree_path(tree, "pipe"));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(host_write(context, path, "x", 100), -ETIMEDOUT);
	/* Nobody but the library waits for it here. */
	while (!waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) && now() - start < 60)
		poll(NULL, 0, 10);
	assert_int_equal(errno, ECHILD);
	lend_context_free(context);
}

/* What is left behind holds nothing of ours: a reader of our output sees its end. */
static void a_helper_keeps_no_descriptor(void **state)
{
	struct host_tree *tree = *state;
	struct lend_context_config config = {.size = sizeof(config)};
	struct lend_context *context;
	char path[PATH_MAX], byte;
	int ends[2];

	assert_int_equal(lend_context_new(&config, &context), 0);
	snprintf(path, sizeof(path), "%s", tree_path(tree, "pipe"));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(host_write(context, path, "x", 100), -ETIMEDOUT);
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	lend_context_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_write_that_hangs, plain),
		TEST(a_helper_that_was_left_behind, plain),
		TEST(a_helper_keeps_no_descriptor, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

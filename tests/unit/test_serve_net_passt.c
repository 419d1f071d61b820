/* SPDX-License-Identifier: MIT */
/* What passt said, and what of it a user reads. Its sentences are those of 2023 to 2025. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/said.h"
#include "tool/serve/net/backend.h"

#define NO_LOG "Failed to send 46 bytes to syslog\n"

static void why_it_does_not_start(void **state)
{
	static const char *const rows[][2] = {
		{NO_LOG "No external routable interface for IPv4\n" NO_LOG
			"No external routable interface for IPv6\n" NO_LOG "External interface not usable\n",
		 "give it a default route"},
		{"Couldn't create user namespace: Operation not permitted\n", "user.max_user_namespaces"},
		{"passt: unrecognized option '--fd'\n", "too old"},
		{NO_LOG "One thing\nCouldn't do another\n" NO_LOG, "does not start: Couldn't do another"},
		{NO_LOG, "it said nothing"},
		{"", "it said nothing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *words = strdup(rows[i][0]);
		struct lend_error error = {""};

		assert_non_null(words);
		assert_int_equal(net_passt_said(words, false, &error), -EIO);
		if (!strstr(error.text, rows[i][1]))
			fail_msg("%s: %s", rows[i][0], error.text);
		free(words);
	}
}

static void what_it_warns_of(void **state)
{
	char words[] = NO_LOG "Don't run as root. Changing to nobody...\n" NO_LOG
			      "Couldn't get any nameserver address\n";
	struct lend_error error;
	struct said said;

	(void)state;
	said_begin(&said);
	assert_int_equal(net_passt_said(words, true, &error), 0);
	said_end(&said);
	assert_string_equal(said.text, "lend: passt: Couldn't get any nameserver address\n");
}

/* A program of that name in PATH: it finds its descriptor and no other one, and its words come back. */
static void it_is_started(void **state)
{
	char folder[] = "/tmp/lend-test-passt-XXXXXX", path[64], *before = strdup(getenv("PATH"));
	struct net_backend *backend = NULL;
	struct lend_error error = {""};
	char frame[16];
	struct iovec piece = {frame, sizeof(frame)};
	FILE *file;
	int other = fcntl(STDIN_FILENO, F_DUPFD, 100); /* as one that a parent has given to us */

	(void)state;
	assert_in_range(other, 100, INT_MAX);
	assert_non_null(mkdtemp(folder));
	setenv("PATH", folder, 1);
	assert_int_equal(net_user_open(&backend, &error), -ENOENT);
	assert_non_null(strstr(error.text, "install the package passt"));
	snprintf(path, sizeof(path), "%s/passt", folder);
	for (unsigned fails = 0; fails < 2; fails++) {
		file = fopen(path, "we");
		assert_non_null(file);
		fprintf(file,
			"#!/bin/sh\n[ \"$1 $2\" = '--quiet --fd' ] || exit 9\n"
			"[ -e /proc/$$/fd/%d ] && exit 9\n"
			"printf '\\0\\0\\0\\3abc' >&$3\necho No namespace >&2\nexit %u\n",
			other, fails);
		fclose(file);
		assert_int_equal(chmod(path, 0700), 0);
		if (fails) {
			assert_int_equal(net_user_open(&backend, &error), -EIO);
			assert_non_null(strstr(error.text, "user.max_user_namespaces"));
			continue;
		}
		assert_int_equal(net_user_open(&backend, &error), 0);
		assert_int_equal(backend->receive(backend, 0, &piece, 1), 3);
		assert_memory_equal(frame, "abc", 3);
		assert_int_equal(backend->receive(backend, 0, &piece, 1), -ECONNRESET);
		backend->end(backend);
	}
	close(other);
	unlink(path);
	rmdir(folder);
	setenv("PATH", before, 1);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(why_it_does_not_start),
		cmocka_unit_test(what_it_warns_of),
		cmocka_unit_test(it_is_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Files of arguments. The files under test are included: a test program is not linked with the tool's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool/run/argfile.c"
#include "tool/say.c"

static char path[] = "/tmp/lend-test-argfile-XXXXXX";

static void put(const void *text, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
}

/* "run -v @file -c 2", and what becomes of it, with "|" between the arguments. */
static int expand(const char *text, char out[512], struct lend_error *error)
{
	char at[64], *argv[] = {(char *)"run", (char *)"-v", at, (char *)"-c", (char *)"2", NULL};
	struct argfile argfile;
	int ret;

	put(text, strlen(text));
	snprintf(at, sizeof(at), "@%s", path);
	ret = argfile_expand(5, argv, &argfile, error);
	out[0] = '\0';
	for (int i = 0; !ret && i < argfile.argc; i++)
		snprintf(out + strlen(out), 512 - strlen(out), "%s%s", i ? "|" : "", argfile.argv[i]);
	if (!ret)
		assert_null(argfile.argv[argfile.argc]);
	argfile_free(&argfile);
	return ret;
}

static void lines(void **state)
{
	static const struct {
		const char *text, *arguments;
	} rows[] = {
		{"", "run|-v|-c|2"},
		{"-m 4G\n", "run|-v|-m|4G|-c|2"},
		{"-m\n4G", "run|-v|-m|4G|-c|2"},
		{"# a comment\n\n  # another\n\t-m=4G \r\n", "run|-v|-m=4G|-c|2"},
		{"-append console=ttyS0 quiet root=/dev/x\n",
		 "run|-v|-append|console=ttyS0 quiet root=/dev/x|-c|2"},
		{"-append=console=ttyS0 quiet\n", "run|-v|-append=console=ttyS0 quiet|-c|2"},
		{"-device   vfio-pci,host=05:00.0 \n", "run|-v|-device|vfio-pci,host=05:00.0|-c|2"},
		{"a b # c\n", "run|-v|a b # c|-c|2"},
	};
	char out[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(expand(rows[i].text, out, NULL), 0);
		assert_string_equal(out, rows[i].arguments);
	}
}

static void what_is_refused(void **state)
{
	static char large[FILE_MAX + 2];
	char out[512], *folder[] = {(char *)"run", (char *)"@/tmp", NULL};
	char *none[] = {(char *)"run", (char *)"@/nonexistent", NULL};
	char at[64], *given[] = {(char *)"run", at, NULL};
	struct argfile argfile;
	struct lend_error error;

	(void)state;
	assert_int_equal(expand("@other\n", out, &error), -EINVAL);
	assert_non_null(strstr(error.text, "cannot name another one, other"));
	assert_int_equal(argfile_expand(2, none, &argfile, &error), -ENOENT);
	argfile_free(&argfile);
	assert_int_equal(argfile_expand(2, folder, &argfile, &error), -EINVAL);
	argfile_free(&argfile);
	snprintf(at, sizeof(at), "@%s", path);
	put("a\0b", 3);
	assert_int_equal(argfile_expand(2, given, &argfile, &error), -EINVAL);
	argfile_free(&argfile);
	memset(large, 'x', sizeof(large));
	put(large, sizeof(large) - 1);
	assert_int_equal(argfile_expand(2, given, &argfile, &error), -EINVAL);
	argfile_free(&argfile);
	for (size_t i = 0; i + 1 < sizeof(large); i += 2)
		memcpy(large + i, "x\n", 2);
	put(large, FILE_MAX);
	assert_int_equal(argfile_expand(2, given, &argfile, &error), -E2BIG);
	argfile_free(&argfile);
}

static int setup(void **state)
{
	(void)state;
	return close(mkstemp(path));
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(what_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

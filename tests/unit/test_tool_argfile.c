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
#include "tool/run/argfile_line.c"
#include "tool/run/unseen.c"
#include "tool/clean.c"
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
		/* A pair of quotes around a value is taken off; others are the guest's. */
		{"-append \"quiet console=ttyS0 mark=end\"\n",
		 "run|-v|-append|quiet console=ttyS0 mark=end|-c|2"},
		{"-append 'quiet x=\"a b\"'\n", "run|-v|-append|quiet x=\"a b\"|-c|2"},
		{"-append=\"a b\" \r\n", "run|-v|-append=a b|-c|2"},
		{"-append \"\"\n", "run|-v|-append||-c|2"},
		{"-append x=\"a b\"\n", "run|-v|-append|x=\"a b\"|-c|2"},
		{"-append \"a b\"=c d\n", "run|-v|-append|\"a b\"=c d|-c|2"},
		{"-append=x=\"a b\"\n", "run|-v|-append=x=\"a b\"|-c|2"},
		/* What some editors write. */
		{"\xef\xbb\xbf-m 4G\r\n-v\r\n", "run|-v|-m|4G|-v|-c|2"},
		{"\xef\xbb\xbf# a comment\n", "run|-v|-c|2"},
		{"# caf\xc3\xa9 \xe2\x80\x9cquoted\xe2\x80\x9d\n-append caf\xc3\xa9\n",
		 "run|-v|-append|caf\xc3\xa9|-c|2"},
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
	assert_non_null(strstr(error.text, "/tmp is no file of arguments"));
	argfile_free(&argfile);
	snprintf(at, sizeof(at), "@%s", path);
	put("a\n\nx\0b", 6);
	assert_int_equal(argfile_expand(2, given, &argfile, &error), -EINVAL);
	assert_non_null(strstr(error.text, "line 3: there is a byte in it that is zero"));
	argfile_free(&argfile);
	put("\xff\xfe-\0m\0", 6);
	assert_int_equal(argfile_expand(2, given, &argfile, &error), -EINVAL);
	assert_non_null(strstr(error.text, "UTF-16; save it as UTF-8"));
	argfile_free(&argfile);
	memset(large, 'x', sizeof(large));
	put(large, sizeof(large) - 1);
	assert_int_equal(argfile_expand(2, given, &argfile, &error), -EINVAL);
	assert_non_null(strstr(error.text, "longer than the 64 KiB"));
	argfile_free(&argfile);
	for (size_t i = 0; i + 1 < sizeof(large); i += 2)
		memcpy(large + i, "x\n", 2);
	put(large, FILE_MAX);
	assert_int_equal(argfile_expand(2, given, &argfile, &error), -E2BIG);
	argfile_free(&argfile);
}

/* Each is one line, which names the file, the line and what is wrong. */
static void lines_that_are_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"-m 4G\n@other\n", "line 2: a file of arguments cannot name another one, other"},
		{"-m 4G\n\n-append \"quiet\n", "line 3: nothing closes the quote before quiet"},
		{"-append 'quiet", "line 1: nothing closes the quote"},
		{"-append \"root=\"x y\" quiet\"\n", "line 1: there are quotes within quotes"},
		{"-append=\"a \"b\" c\"\n", "line 1: there are quotes within quotes"},
		{"# x\n-m 4G \\\n-c 2\n", "line 2: it ends with a backslash"},
		{"-m 4G\n\xef\xbb\xbf-c 2\n", "line 2: there is a byte order mark (U+FEFF)"},
		{"-m\xc2\xa0"
		 "4G\n",
		 "line 1: there is a no-break space (U+00A0)"},
		{"-append a\xe2\x80\x8b"
		 "b\n",
		 "line 1: there is a space without width"},
		{"-append \xe2\x80\x9cquiet\xe2\x80\x9d\n", "line 1: there is a quote of a text document"},
		{"-c 2\n\xe2\x80\x93"
		 "device vfio-pci,host=05:00.0\n",
		 "line 2: there is a dash (U+2013)"},
		{"-m 4G\r-c 2\r", "line 1: there is a carriage return"},
		{"-append \x1b[1m\n", "line 1: there is an escape character"},
		{"-append a\x7f"
		 "b\n",
		 "line 1: there is a control character"},
	};
	struct lend_error error;
	char out[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(expand(rows[i].text, out, &error), -EINVAL);
		if (!strstr(error.text, rows[i].says) || !strstr(error.text, path) ||
		    strchr(error.text, '\n'))
			fail_msg("%s", error.text);
	}
}

/* What the options say of an argument is said with its place. */
static void places(void **state)
{
	char at[64], *argv[] = {(char *)"run", (char *)"-v", at, (char *)"-c", NULL};
	static char long_line[FILE_MAX];
	struct lend_error error;
	struct argfile argfile;

	(void)state;
	memset(long_line, 'x', sizeof(long_line));
	memcpy(long_line, "\n\n-append ", 10);
	put(long_line, sizeof(long_line));
	snprintf(at, sizeof(at), "@%s", path);
	assert_int_equal(argfile_expand(4, argv, &argfile, &error), 0);
	assert_int_equal(argfile.argc, 5);
	for (int i = -1; i < 7; i++) {
		strcpy(error.text, "wrong");
		argfile_add_place(&argfile, i, &error);
		assert_int_equal(strstr(error.text, ", line 3: wrong") != NULL, i == 2 || i == 3);
	}
	/* However long both are, it is a sentence that ends. */
	memset(error.text, 'y', sizeof(error.text) - 1);
	error.text[sizeof(error.text) - 1] = '\0';
	argfile_add_place(&argfile, 2, &error);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
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
		cmocka_unit_test(lines_that_are_refused),
		cmocka_unit_test(places),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

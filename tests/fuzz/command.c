/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: what a user writes. The first byte tells which it is: the words of lend run, a line
 * each; those of a command that looks at devices; a file of arguments; a file of rules. Each is taken, or
 * refused with one line that says something.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lend/survey.h"
#include "lib/rules/rules.h"
#include "tests/unit/cmocka.h"
#include "tool/args.h"
#include "tool/run/argfile.h"
#include "tool/run/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 64 };

static struct run_options options;
static struct lend_error error;

/* No device of this computer is looked at. */
bool lend_survey_is_name(const char *name)
{
	return *name == '/';
}

int lend_survey_new(struct lend_context *context, struct lend_survey **out)
{
	(void)context, (void)out;
	return -1;
}

int lend_survey_names(struct lend_context *context, struct lend_survey **out)
{
	return lend_survey_new(context, out);
}

int lend_survey_resolve(const struct lend_survey *survey, const char *name,
			const struct lend_survey_device **out, struct lend_error *why)
{
	(void)survey, (void)name, (void)out, (void)why;
	return -1;
}

void lend_survey_free(struct lend_survey *survey)
{
	(void)survey;
}

static void check(int ret)
{
	if (!ret)
		return;
	assert_true(ret < 0);
	assert_true(error.text[0]);
	assert_null(strchr(error.text, '\n'));
	assert_true(strlen(error.text) < sizeof(error.text));
}

/* Cuts it into lines, in place; returns how many, with a first word that is none of them. */
static int words(char *text, char *argv[WORDS_MAX + 1])
{
	int argc = 1;

	argv[0] = (char *)(uintptr_t) "run";
	while (argc < WORDS_MAX && text) {
		argv[argc++] = text;
		text = strchr(text, '\n');
		if (text)
			*text++ = '\0';
	}
	argv[argc] = NULL;
	return argc;
}

static void run_words(char *text)
{
	char *argv[WORDS_MAX + 1];
	int argc = words(text, argv), ret = options_parse(argc, argv, &options, &error);

	check(ret);
	if (ret || options.help)
		return;
	assert_true(options.cpus && options.cpus <= VMM_CPUS_MAX && options.device_count <= VMM_DEVICES_MAX);
	assert_true(!options.pin_count || options.pin_count == options.cpus);
	assert_true(options.firmware.file_count <= RUN_FW_FILES_MAX);
}

static void args_words(char *text)
{
	static const struct tool_command command = {.name = "fuzz"};
	const char *value = NULL, *other = NULL;
	bool flag = false;
	const struct args_option rows[] = {{"verbose", 'v', &flag, NULL},
					   {"memory", 'm', NULL, &value},
					   {"socket-path", 's', NULL, &other},
					   {"device", '\0', NULL, NULL},
					   {NULL, '\0', NULL, NULL}};
	struct args args = {.command = &command, .options = rows};
	char *argv[WORDS_MAX + 1];
	int argc = words(text, argv), ret = args_parse(&args, argc, argv, &error);
	unsigned ms;

	check(ret);
	assert_true(args.device_count <= ARGS_DEVICES_MAX);
	if (!ret && value)
		check(args_seconds("memory", value, &ms, &error));
}

static void argument_file(const uint8_t *bytes, size_t length)
{
	char path[40], *argv[] = {(char *)(uintptr_t) "run", path, NULL};
	int fd = memfd_create("arguments", MFD_CLOEXEC), ret;
	struct argfile argfile;

	assert_int_equal(write(fd, bytes, length), (ssize_t)length);
	snprintf(path, sizeof(path), "@/proc/self/fd/%d", fd);
	ret = argfile_expand(2, argv, &argfile, &error);
	check(ret);
	if (!ret) {
		assert_null(argfile.argv[argfile.argc]);
		ret = options_parse(argfile.argc, argfile.argv, &options, &error);
		argfile_add_place(&argfile, options.at, &error);
		check(ret);
	}
	argfile_free(&argfile);
	close(fd);
}

/* An index that leads to each rule once, and rules that together have room. */
static void match(const struct rule *rule, size_t count)
{
	const struct rules rules = {.count = count, .rule = (struct rule *)(uintptr_t)rule};
	const struct rule_ids ids = {0x8086, 0x1521, 0x8086, 1, 0x020000};
	struct rules_applied applied;
	size_t index = 0, matched = 0;

	while (rules_next(&rules, &ids, &index))
		matched++;
	assert_true(matched <= count);
	rules_breaking(&rules, &ids, 0);
	check(rules_merge(&rules, &ids, &applied, &error));
}

static void rule_file(const char *text, size_t length)
{
	json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	static struct rule rules[RULES_MAX];
	size_t count = 0;

	memset(rules, 0, sizeof(rules));
	for (size_t i = 0; i < json_array_size(root) && i < RULES_MAX; i++) {
		int ret = rule_read(json_array_get(root, i), &rules[count], &error);

		check(ret);
		if (ret)
			memset(&rules[count], 0, sizeof(rules[count]));
		else
			count++;
	}
	match(rules, count);
	json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = malloc(size);
	assert_non_null(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	memset(&error, 0, sizeof(error));
	switch (data[0] & 3) {
	case 0:
		run_words(text);
		break;
	case 1:
		args_words(text);
		break;
	case 2:
		argument_file(data + 1, size - 1);
		break;
	default:
		rule_file(text, size - 1);
	}
	free(text);
	return 0;
}

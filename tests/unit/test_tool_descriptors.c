/* SPDX-License-Identifier: MIT */
/* Descriptions of firmware in three folders: which image is taken, and what is passed over. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/folder.h"
#include "tool/run/descriptors.c"
#include "tool/run/whole_file.c"
#include "tool/clean.c"
#include "tool/say.c"

struct stage {
	char root[64], paths[DESCRIPTOR_FOLDERS][128], code[200];
	struct descriptor_folders folders;
	struct descriptor found;
	struct lend_error error;
};

/* What a description says; each part is what a fitting one has where it is NULL. */
struct says {
	const char *interface, *device, *mode, *format, *architecture, *machine, *features;
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	strcpy(stage->root, "/tmp/lend-test-desc-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	for (unsigned i = 0; i < DESCRIPTOR_FOLDERS; i++) {
		snprintf(stage->paths[i], sizeof(stage->paths[i]), "%s/%u", stage->root, i);
		assert_int_equal(mkdir(stage->paths[i], 0755), 0);
		stage->folders.paths[i] = stage->paths[i];
	}
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

static void write_text(struct stage *stage, unsigned folder, const char *name, const char *text)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", stage->paths[folder], name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *code_path(struct stage *stage, const char *code)
{
	snprintf(stage->code, sizeof(stage->code), "%s/%s", stage->root, code);
	return stage->code;
}

/* The image is there, too. */
static void put(struct stage *stage, unsigned folder, const char *name, const char *code,
		const struct says *says)
{
	char text[1500], mode[64] = "";

	if (says->mode)
		snprintf(mode, sizeof(mode), "\"mode\": \"%s\", ", says->mode);
	code_path(stage, code);
	close(open(stage->code, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	snprintf(text, sizeof(text),
		 "{\"interface-types\": [\"%s\"], \"mapping\": {\"device\": \"%s\", %s"
		 "\"executable\": {\"filename\": \"%s\", \"format\": \"%s\"}, "
		 "\"nvram-template\": {\"filename\": \"%s.vars\", \"format\": \"raw\"}}, "
		 "\"targets\": [{\"architecture\": \"aarch64\", \"machines\": [\"virt-*\"]}, "
		 "{\"architecture\": \"%s\", \"machines\": [\"pc-i440fx-*\", \"%s\"]}], "
		 "\"features\": [\"acpi-s3\"%s%s%s], \"tags\": []}",
		 says->interface ? says->interface : "uefi", says->device ? says->device : "flash", mode,
		 stage->code, says->format ? says->format : "raw", stage->code,
		 says->architecture ? says->architecture : "x86_64",
		 says->machine ? says->machine : "pc-q35-*", says->features ? ", \"" : "",
		 says->features ? says->features : "", says->features ? "\"" : "");
	write_text(stage, folder, name, text);
}

static void assert_found(struct stage *stage, const char *code)
{
	char template[300];

	assert_int_equal(descriptor_find(&stage->folders, &stage->found, &stage->error), 0);
	assert_string_equal(stage->found.code, code_path(stage, code));
	snprintf(template, sizeof(template), "%s.vars", stage->code);
	assert_string_equal(stage->found.template, template);
}

static void assert_none(struct stage *stage)
{
	assert_int_equal(descriptor_find(&stage->folders, &stage->found, &stage->error), -ENOENT);
	assert_non_null(strstr(stage->error.text, "install the package ovmf"));
}

/* As Debian has it: two that need SMM come first. */
static void the_first_that_fits(void **state)
{
	struct stage *stage = *state;
	char path[300];

	assert_none(stage);
	put(stage, 0, "60-plain.json", "plain", &(struct says){0});
	put(stage, 0, "40-enrolled.json", "enrolled", &(struct says){.features = "requires-smm"});
	put(stage, 0, "50-secure.json", "secure", &(struct says){.features = "secure-boot"});
	put(stage, 0, "70-later.json", "later", &(struct says){0});
	assert_found(stage, "plain");
	/* Order is by name, whatever the folder. */
	put(stage, 1, "65-mine.json", "mine", &(struct says){0});
	assert_found(stage, "plain");
	put(stage, 2, "45-own.json", "own", &(struct says){.mode = "split"});
	assert_found(stage, "own");
	/* A pipe is not waited for, and /dev/zero has an end. */
	snprintf(path, sizeof(path), "%s/10-pipe.json", stage->paths[0]);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/20-zero.json", stage->paths[0]);
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_found(stage, "own");
}

static void a_later_folder_replaces(void **state)
{
	struct stage *stage = *state;

	put(stage, 0, "60-plain.json", "plain", &(struct says){0});
	put(stage, 0, "70-other.json", "other", &(struct says){0});
	put(stage, 1, "60-plain.json", "mine", &(struct says){0});
	assert_found(stage, "mine");
	write_text(stage, 2, "60-plain.json", ""); /* and takes away */
	assert_found(stage, "other");
	stage->folders.paths[2] = NULL;
	assert_found(stage, "mine");
	stage->folders.paths[1] = "/nonexistent";
	assert_found(stage, "plain");
}

static void what_does_not_fit(void **state)
{
	static const struct says rows[] = {
		{.interface = "bios"},       {.device = "memory"},         {.device = "kernel"},
		{.mode = "combined"},        {.mode = "stateless"},        {.format = "qcow2"},
		{.architecture = "i386"},    {.machine = "pc-q35-2.*"},    {.machine = "microvm"},
		{.features = "secure-boot"}, {.features = "requires-smm"},
	};
	struct stage *stage = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		put(stage, 0, "10-x.json", "x", &rows[i]);
		assert_none(stage);
	}
	put(stage, 0, "10-x.json", "x", &(struct says){0});
	assert_found(stage, "x");
	/* An image that was removed. */
	unlink(code_path(stage, "x"));
	assert_none(stage);
}

static void files_that_are_none(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"\"uefi\"",
		"{\"interface-types\": \"uefi\"}",
		"{\"interface-types\": [1, null], \"targets\": 3, \"mapping\": []}",
		"{\"interface-types\": [\"uefi\"], \"targets\": [null, {\"architecture\": \"x86_64\", "
		"\"machines\": [7]}]}",
		"{\"interface-types\": [\"uefi\"], \"targets\": [{\"architecture\": \"x86_64\", "
		"\"machines\": "
		"[\"pc-q35-*\"]}], \"mapping\": {\"device\": \"flash\", \"executable\": {\"filename\": 5}}}",
	};
	struct stage *stage = *state;
	char name[32];

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		snprintf(name, sizeof(name), "%zu.json", i);
		write_text(stage, 0, name, texts[i]);
	}
	assert_int_equal(mkdir(code_path(stage, "0/9.json"), 0755), 0);
	assert_none(stage);
	put(stage, 0, ".hidden.json", "hidden", &(struct says){0});
	put(stage, 0, "00-plain.json.dpkg-old", "old", &(struct says){0});
	assert_none(stage);
	put(stage, 0, "99.json", "good", &(struct says){0});
	assert_found(stage, "good");
}

static unsigned list_count(const struct stage *stage)
{
	struct list *list = list_files(&stage->folders);
	unsigned count = list->count;

	free(list);
	return count;
}

static void more_files_than_there_is_room_for(void **state)
{
	struct stage *stage = *state;
	char name[32];

	put(stage, 0, "000.json", "good", &(struct says){0});
	for (unsigned i = 1; i < FILES_MAX + 10; i++) {
		snprintf(name, sizeof(name), "%03u.json", i);
		write_text(stage, 0, name, "{}");
	}
	assert_int_equal(list_count(stage), FILES_MAX);
}

static void what_is_said_of_an_image(void **state)
{
	struct stage *stage = *state;

	put(stage, 0, "10.json", "a", &(struct says){.features = "requires-smm"});
	assert_int_equal(descriptor_of(&stage->folders, code_path(stage, "a"), &stage->found), -EOPNOTSUPP);
	put(stage, 0, "20.json", "a", &(struct says){0});
	assert_int_equal(descriptor_of(&stage->folders, code_path(stage, "a"), &stage->found), 0);
	assert_non_null(strstr(stage->found.template, "/a.vars"));
	assert_int_equal(descriptor_of(&stage->folders, code_path(stage, "b"), &stage->found), -ENOENT);
}

static void the_users_own_folder(void **state)
{
	char home[RUN_PATH_MAX];
	const char *kept_config = getenv("XDG_CONFIG_HOME"), *kept_home = getenv("HOME");

	(void)state;
	setenv("XDG_CONFIG_HOME", "/c", 1);
	assert_string_equal(descriptor_folders(home).paths[2], "/c/qemu/firmware");
	setenv("XDG_CONFIG_HOME", "relative", 1);
	setenv("HOME", "/h", 1);
	assert_string_equal(descriptor_folders(home).paths[2], "/h/.config/qemu/firmware");
	unsetenv("HOME");
	assert_null(descriptor_folders(home).paths[2]);
	assert_string_equal(descriptor_folders(home).paths[0], "/usr/share/qemu/firmware");
	unsetenv("XDG_CONFIG_HOME");
	if (kept_config)
		setenv("XDG_CONFIG_HOME", kept_config, 1);
	if (kept_home)
		setenv("HOME", kept_home, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_that_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(a_later_folder_replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(files_that_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(more_files_than_there_is_room_for, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_said_of_an_image, setup, teardown),
		cmocka_unit_test(the_users_own_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

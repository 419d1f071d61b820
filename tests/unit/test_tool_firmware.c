/* SPDX-License-Identifier: MIT */
/* The files of a machine with firmware: what is refused, and what the store of its variables begins as. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/firmware_files.h"
#include "tests/unit/folder.h"
#include "tool/run/descriptors.c"
#include "tool/run/firmware.c"
#include "tool/run/store.c"
#include "tool/run/whole_file.c"
#include "tool/clean.c"
#include "tool/say.c"

struct stage {
	char root[64], path[128];
	struct run_options options;
	struct firmware_files files;
	struct lend_error error;
};

static const char *at(struct stage *stage, const char *name)
{
	snprintf(stage->path, sizeof(stage->path), "%s/%s", stage->root, name);
	return stage->path;
}

static void put(struct stage *stage, const char *name, enum firmware_file kind, uint32_t size)
{
	int fd = open(at(stage, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	firmware_file_fill(fd, kind, size);
	close(fd);
}

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	strcpy(stage->root, "/tmp/lend-test-firmware-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	put(stage, "CODE_4M.fd", FILE_CODE, CODE_4M);
	put(stage, "VARS_4M.fd", FILE_STORE, VARS_4M);
	strcpy(stage->options.firmware.code, at(stage, "CODE_4M.fd"));
	firmware_none(&stage->files);
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	firmware_close(&stage->files);
	folder_remove(stage->root);
	free(stage);
	return 0;
}

static int run(struct stage *stage)
{
	firmware_close(&stage->files);
	return firmware_open(&stage->options, &stage->files, &stage->error);
}

static void set_vars(struct stage *stage, const char *name)
{
	strcpy(stage->options.firmware.vars, at(stage, name));
}

static void assert_says(const struct stage *stage, const char *word)
{
	if (!strstr(stage->error.text, word))
		fail_msg("'%s' does not name '%s'", stage->error.text, word);
	assert_null(strchr(stage->error.text, '\n'));
}

/* What lies in the folder, whose names end so. */
static unsigned count(struct stage *stage, const char *pattern)
{
	char command[256], line[32];
	FILE *shell;

	snprintf(command, sizeof(command), "ls -d %s/%s 2>/dev/null | wc -l", stage->root, pattern);
	shell = popen(command, "r");
	assert_non_null(fgets(line, sizeof(line), shell));
	pclose(shell);
	return (unsigned)atoi(line);
}

static void a_store_without_a_name_is_lost(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(run(stage), 0);
	assert_true(stage->files.config.code_fd >= 0);
	assert_int_equal(stage->files.config.vars_fd, -1);
	assert_true(stage->files.config.template_fd >= 0);
	assert_non_null(strstr(stage->files.config.vars_name, "VARS_4M.fd"));
	assert_non_null(strstr(stage->files.notice, "-name NAME keeps them"));
	/* Also without a template. */
	unlink(at(stage, "VARS_4M.fd"));
	assert_int_equal(run(stage), 0);
	assert_int_equal(stage->files.config.template_fd, -1);
}

static void a_store_is_made_once_and_kept(void **state)
{
	struct stage *stage = *state;
	struct stat st;

	set_vars(stage, "vars.fd");
	assert_int_equal(run(stage), 0);
	assert_true(stage->files.config.vars_fd >= 0);
	assert_int_equal(stage->files.config.template_fd, -1);
	assert_false(stage->files.config.vars_readonly);
	assert_string_equal(stage->files.notice, "");
	assert_int_equal(fstat(stage->files.config.vars_fd, &st), 0);
	assert_int_equal(st.st_size, VARS_4M);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(pwrite(stage->files.config.vars_fd, "kept", 4, 0x1000), 4);
	unlink(at(stage, "VARS_4M.fd")); /* it is needed no more */
	assert_int_equal(run(stage), 0);
	assert_int_equal(pread(stage->files.config.vars_fd, stage->path, 4, 0x1000), 4);
	assert_memory_equal(stage->path, "kept", 4);
	assert_int_equal(count(stage, "vars.fd*"), 1);
}

static void a_store_has_one_machine(void **state)
{
	struct stage *stage = *state;
	struct firmware_files second;

	set_vars(stage, "vars.fd");
	assert_int_equal(run(stage), 0);
	assert_int_equal(firmware_open(&stage->options, &second, &stage->error), -EBUSY);
	assert_says(stage, "vars.fd are another machine's");
	assert_int_equal(second.config.code_fd, -1);
	firmware_close(&stage->files);
	assert_int_equal(firmware_open(&stage->options, &second, &stage->error), 0);
	firmware_close(&second);
}

static void a_machine_is_called_by_its_name_or_uuid(void **state)
{
	struct stage *stage = *state;
	char name[RUN_NAME_MAX] = "";

	assert_false(machine_name(&stage->options, name));
	stage->options.uuid[0] = 0xab;
	stage->options.uuid[15] = 0x01;
	assert_true(machine_name(&stage->options, name));
	assert_string_equal(name, "ab000000-0000-0000-0000-000000000001");
	strcpy(stage->options.name, "web");
	assert_true(machine_name(&stage->options, name));
	assert_string_equal(name, "web");
}

static void a_store_without_a_template_is_not_made(void **state)
{
	struct stage *stage = *state;

	unlink(at(stage, "VARS_4M.fd"));
	set_vars(stage, "vars.fd");
	assert_int_equal(run(stage), -ENOENT);
	assert_says(stage, "vars-template=FILE");
	strcpy(stage->options.firmware.template, at(stage, "other.fd"));
	assert_true(run(stage) < 0);
	assert_says(stage, "other.fd");
	put(stage, "other.fd", FILE_STORE, VARS_4M);
	assert_int_equal(run(stage), 0);
	assert_int_equal(count(stage, "vars.fd"), 1);
}

static void a_store_in_no_folder_is_said(void **state)
{
	struct stage *stage = *state;

	set_vars(stage, "nowhere/vars.fd");
	assert_int_equal(run(stage), -ENOENT);
	assert_says(stage, "no such folder; make it");
	assert_says(stage, "nowhere/vars.fd");
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
	const struct rlimit full = {.rlim_cur = VARS_4M / 2, .rlim_max = RLIM_INFINITY};
	struct stage *stage = *state;
	struct rlimit before;

	set_vars(stage, "vars.fd");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	setrlimit(RLIMIT_FSIZE, &full);
	assert_int_equal(run(stage), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_says(stage, "cannot make");
	assert_int_equal(count(stage, "vars.fd*"), 0);
	assert_int_equal(run(stage), 0);
}

static void a_store_that_cannot_be_written_to_says_so(void **state)
{
	struct stage *stage = *state;

	put(stage, "vars.fd", FILE_STORE, VARS_4M);
	chmod(at(stage, "vars.fd"), 0444);
	set_vars(stage, "vars.fd");
	chmod(stage->root, 0755);
	if (!geteuid() && seteuid(65534))
		skip();
	assert_int_equal(run(stage), 0);
	assert_int_equal(seteuid(getuid()), 0);
	assert_true(stage->files.config.vars_readonly);
	assert_non_null(strstr(stage->files.notice, "cannot be written to"));
}

static void what_is_not_what_it_should_be(void **state)
{
	static const struct {
		const char *code, *vars, *word;
	} rows[] = {
		{"VARS_4M.fd", "CODE_4M.fd", "a store of variables and no code"},
		{"CODE_4M.fd", "CODE_4M.fd", "it is firmware code"},
		{"zeros.fd", NULL, "ends without a reset vector"},
		{"three.fd", NULL, "2, 4 or 8 MiB"},
		{"OVMF_CODE_4M.secboot.fd", NULL, "secure boot"},
		{"link.fd", NULL, "secure boot"},
		{"both.fd", "VARS_4M.fd", "its variables inside"},
		{"CODE_4M.fd", "small.fd", "do not belong together"},
	};
	struct stage *stage = *state;
	char target[128];

	put(stage, "zeros.fd", FILE_ZEROS, WHOLE_4M);
	put(stage, "three.fd", FILE_CODE, 3 << 20);
	put(stage, "both.fd", FILE_BOTH, WHOLE_4M);
	put(stage, "small.fd", FILE_STORE, VARS_2M);
	put(stage, "OVMF_CODE_4M.secboot.fd", FILE_CODE, CODE_4M);
	strcpy(target, stage->path);
	assert_int_equal(symlink(target, at(stage, "link.fd")), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		strcpy(stage->options.firmware.code, at(stage, rows[i].code));
		stage->options.firmware.vars[0] = '\0';
		if (rows[i].vars)
			set_vars(stage, rows[i].vars);
		assert_int_equal(run(stage), -ENOEXEC);
		assert_says(stage, rows[i].word);
		assert_int_equal(stage->files.config.code_fd, -1);
	}
	strcpy(stage->options.firmware.code, at(stage, "nothing.fd"));
	assert_int_equal(run(stage), -ENOENT);
	assert_says(stage, "the package ovmf");
}

/* Nothing is made for an image that is none. */
static void no_store_is_made_beside_a_bad_image(void **state)
{
	struct stage *stage = *state;

	put(stage, "CODE_4M.fd", FILE_ZEROS, CODE_4M);
	set_vars(stage, "vars.fd");
	assert_int_equal(run(stage), -ENOEXEC);
	assert_int_equal(count(stage, "vars.fd*"), 0);
}

/* A store that begins wrong would stay wrong. One that is there needs no template. */
static void no_store_is_made_of_a_bad_template(void **state)
{
	static const struct {
		const char *name, *word;
	} rows[] = {
		{"zeros.fd", "no store of UEFI variables"},
		{"small.fd", "do not belong together"},
		{"CODE_4M.fd", "it is firmware code"},
		{"/dev/zero", "not a regular file"},
	};
	struct stage *stage = *state;
	char *template = stage->options.firmware.template;

	put(stage, "zeros.fd", FILE_ZEROS, VARS_4M);
	put(stage, "small.fd", FILE_STORE, VARS_2M);
	set_vars(stage, "vars.fd");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		strcpy(template, rows[i].name[0] == '/' ? rows[i].name : at(stage, rows[i].name));
		assert_int_equal(run(stage), -ENOEXEC);
		assert_says(stage, rows[i].word);
		assert_says(stage, rows[i].name);
		assert_int_equal(count(stage, "vars.fd*"), 0);
	}
	put(stage, "vars.fd", FILE_STORE, VARS_4M);
	assert_int_equal(run(stage), 0);
}

static void variables_inside_and_none(void **state)
{
	struct stage *stage = *state;

	put(stage, "both.fd", FILE_BOTH, WHOLE_4M);
	strcpy(stage->options.firmware.code, at(stage, "both.fd"));
	strcpy(stage->options.name, "web"); /* nothing is kept by it */
	assert_int_equal(run(stage), 0);
	assert_int_equal(stage->files.config.vars_fd, -1);
	assert_non_null(strstr(stage->files.notice, "lost"));
	strcpy(stage->options.firmware.vars, "none");
	stage->options.firmware.no_vars = true;
	assert_int_equal(run(stage), 0);
	assert_true(stage->files.config.no_vars);
	assert_false(stage->files.config.vars_sync);
	assert_string_equal(stage->files.notice, "");
}

static void settings_are_read(void **state)
{
	struct stage *stage = *state;
	struct run_firmware *asked = &stage->options.firmware;
	char path[128], sparse[128];

	put(stage, "text", FILE_ZEROS, 5);
	strcpy(path, stage->path);
	put(stage, "large", FILE_ZEROS, 1);
	strcpy(sparse, stage->path);
	asked->files[0] = (struct run_fw_file){.name = "opt/a", .string = "abc"};
	asked->files[1] = (struct run_fw_file){.name = "opt/b", .path = path};
	asked->file_count = 2;
	asked->vars_sync = true;
	assert_int_equal(run(stage), 0);
	assert_true(stage->files.config.vars_sync);
	assert_int_equal(stage->files.config.file_count, 2);
	assert_int_equal(stage->files.config.files[0].length, 3);
	assert_string_equal(stage->files.config.files[1].name, "opt/b");
	assert_int_equal(stage->files.config.files[1].length, 5);
	asked->files[1].path = sparse;
	assert_int_equal(truncate(sparse, (16 << 20) + 1), 0);
	assert_int_equal(run(stage), -EFBIG);
	assert_says(stage, "16 MiB");
	asked->files[1].path = stage->root;
	assert_int_equal(run(stage), -ENOEXEC);
	assert_int_equal(mkfifo(at(stage, "pipe"), 0600), 0); /* it is not waited for */
	asked->files[1].path = stage->path;
	assert_int_equal(run(stage), -ENOEXEC);
	assert_says(stage, "/pipe, for -fw-cfg: it is not a regular file");
	asked->files[1].path = "/dev/zero";
	assert_int_equal(run(stage), -ENOEXEC);
	asked->files[1].path = "/proc/self/cmdline"; /* which does not know its length */
	assert_int_equal(run(stage), 0);
	assert_true(stage->files.config.files[1].length > 0);
	asked->files[1].path = "/nonexistent";
	assert_int_equal(run(stage), -ENOENT);
	assert_says(stage, "/nonexistent, for -fw-cfg");
}

static void the_clock_begins_where_it_is_told(void **state)
{
	struct stage *stage = *state;
	struct run_firmware *asked = &stage->options.firmware;

	assert_int_equal(rtc_offset(asked), 0);
	asked->rtc_base = RTC_AT;
	asked->rtc_at = time(NULL) + 1000;
	assert_in_range(rtc_offset(asked), 900, 1000);
	setenv("TZ", "EET-2", 1);
	asked->rtc_base = RTC_LOCAL;
	tzset();
	assert_int_equal(rtc_offset(asked), 7200);
	unsetenv("TZ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_store_without_a_name_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(a_store_is_made_once_and_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_store_has_one_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(a_machine_is_called_by_its_name_or_uuid, setup, teardown),
		cmocka_unit_test_setup_teardown(a_store_without_a_template_is_not_made, setup, teardown),
		cmocka_unit_test_setup_teardown(a_store_in_no_folder_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_leaves_nothing_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(a_store_that_cannot_be_written_to_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_what_it_should_be, setup, teardown),
		cmocka_unit_test_setup_teardown(no_store_is_made_beside_a_bad_image, setup, teardown),
		cmocka_unit_test_setup_teardown(no_store_is_made_of_a_bad_template, setup, teardown),
		cmocka_unit_test_setup_teardown(variables_inside_and_none, setup, teardown),
		cmocka_unit_test_setup_teardown(settings_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(the_clock_begins_where_it_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

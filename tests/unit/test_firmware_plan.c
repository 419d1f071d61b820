/* SPDX-License-Identifier: MIT */
/* Which files are firmware and a store of variables, how they lie in flash, and what is said of others. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/firmware_files.h"
#include "vmm/firmware/flash_plan.h"

static struct flash_plan plan;
static struct lend_error error;

static int look(int code, int vars, int template, bool no_vars)
{
	const struct vmm_firmware_config config = {.code_fd = code,
						   .code_name = "code.fd",
						   .vars_fd = vars,
						   .vars_name = "vars.fd",
						   .template_fd = template,
						   .no_vars = no_vars};
	int ret;

	error.text[0] = '\0';
	ret = flash_plan(&config, &plan, &error);
	close(code);
	if (vars >= 0)
		close(vars);
	if (template >= 0)
		close(template);
	return ret;
}

static void the_images_that_there_are(void **state)
{
	(void)state;
	assert_int_equal(look(firmware_file(FILE_CODE, CODE_4M), -1, -1, true), 0);
	assert_int_equal(plan.vars_size, 0);
	assert_int_equal(
		look(firmware_file(FILE_CODE, CODE_4M), firmware_file(FILE_STORE, VARS_4M), -1, false), 0);
	assert_int_equal(plan.code_size, CODE_4M);
	assert_int_equal(plan.code_offset, 0);
	assert_int_equal(plan.vars_size, VARS_4M);
	assert_false(plan.vars_lost);
	assert_int_equal(
		look(firmware_file(FILE_CODE, CODE_2M), -1, firmware_file(FILE_STORE, VARS_2M), false), 0);
	assert_int_equal(plan.vars_size, VARS_2M);
	assert_true(plan.vars_lost);
	assert_true(plan.vars_from >= 0);
	assert_int_equal(look(firmware_file(FILE_CODE, CODE_4M), -1, -1, false), 0);
	assert_int_equal(plan.vars_size, VARS_4M);
	assert_int_equal(plan.vars_from, -1);
}

static void variables_inside_of_the_image(void **state)
{
	int code = firmware_file(FILE_BOTH, WHOLE_4M);

	(void)state;
	assert_int_equal(look(code, -1, -1, false), 0);
	assert_int_equal(plan.code_size, CODE_4M);
	assert_int_equal(plan.code_offset, VARS_4M);
	assert_int_equal(plan.vars_size, VARS_4M);
	assert_int_equal(plan.vars_from, code);
	assert_true(plan.vars_lost);
	assert_int_equal(look(firmware_file(FILE_BOTH, WHOLE_4M), -1, -1, true), 0);
	assert_int_equal(plan.code_size, WHOLE_4M);
	assert_int_equal(plan.code_offset, 0);
	assert_int_equal(plan.vars_size, 0);
	assert_int_equal(
		look(firmware_file(FILE_BOTH, WHOLE_4M), firmware_file(FILE_STORE, VARS_4M), -1, false),
		-ENOEXEC);
	assert_non_null(strstr(error.text, "its variables inside"));
}

static void what_is_no_firmware(void **state)
{
	static const struct {
		enum firmware_file code;
		uint32_t code_size;
		enum firmware_file vars;
		uint32_t vars_size;
		const char *word;
	} rows[] = {
		{FILE_ZEROS, WHOLE_4M, FILE_STORE, 0, "ends without a reset vector"},
		{FILE_ONES, WHOLE_4M, FILE_STORE, 0, "ends without a reset vector"},
		{FILE_CODE, 3 << 20, FILE_STORE, 0, "2, 4 or 8 MiB"},
		{FILE_BOTH, 3 << 20, FILE_STORE, 0, "2, 4 or 8 MiB"},
		{FILE_CODE, CODE_4M, FILE_STORE, VARS_2M, "do not belong together"},
		{FILE_CODE, CODE_2M, FILE_STORE, VARS_4M, "do not belong together"},
		{FILE_STORE, VARS_4M, FILE_CODE, CODE_4M, "a store of variables and no code"}, /* swapped */
		{FILE_CODE, CODE_4M, FILE_CODE, CODE_4M, "it is firmware code"},
		{FILE_CODE, CODE_4M, FILE_BOTH, WHOLE_4M, "it is firmware code"},
		{FILE_CODE, CODE_4M, FILE_ZEROS, VARS_4M, "does not begin as one"},
		{FILE_CODE, CODE_4M, FILE_STORE, VARS_4M - 1, "a multiple of 4096"},
		{FILE_CODE, CODE_4M, FILE_STORE, VARS_4M + 1, "a multiple of 4096"},
		{FILE_CODE, CODE_4M + 1, FILE_STORE, 0, "a multiple of 4096"},
		{FILE_CODE, 16 << 20, FILE_STORE, 0, "8 MiB at most"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint32_t size = rows[i].vars_size;

		assert_int_equal(look(firmware_file(rows[i].code, rows[i].code_size),
				      size ? firmware_file(rows[i].vars, size) : -1, -1, false),
				 -ENOEXEC);
		assert_null(strchr(error.text, '\n'));
		if (!strstr(error.text, rows[i].word))
			fail_msg("row %zu: '%s'", i, error.text);
	}
	assert_int_equal(look(firmware_file(FILE_CODE, 0x40), -1, -1, false), -ENOEXEC);
	assert_int_equal(look(firmware_file(FILE_CODE, CODE_4M), firmware_file(FILE_ZEROS, 0), -1, false),
			 -ENOEXEC);
}

static void what_is_no_file(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(look(ends[0], -1, -1, false), -ENOEXEC);
	assert_non_null(strstr(error.text, "not a regular file"));
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_images_that_there_are),
		cmocka_unit_test(variables_inside_of_the_image),
		cmocka_unit_test(what_is_no_firmware),
		cmocka_unit_test(what_is_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What lend check says of ports. The file under test is included. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/folder.h"
#include "tool/check_ports.c"

static char root[64];
static struct lend_survey_device card = {.is.name = "0000:01:00.0"};
static const struct lend_survey_device *const devices[] = {&card};

static int set_up(void **state)
{
	char path[160];
	FILE *file;

	(void)state;
	strcpy(root, "/tmp/lend-check-ports-XXXXXX");
	assert_non_null(mkdtemp(root));
	strcpy(path, root);
	for (const char *part = "/sys\0/bus\0/pci\0/devices\0/0000:01:00.0\0"; *part;
	     part += strlen(part) + 1) {
		strcat(path, part);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	strcat(path, "/resource");
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("0x380000000000 0x3801ffffffff 0x14220c\n", file);
	fclose(file);
	setenv("LEND_ROOT", root, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unsetenv("LEND_ROOT");
	return folder_remove(root);
}

static void ports_and_what_does_not_fit(void **state)
{
	struct check_rows rows = {.count = 0};
	struct lend_error error = {""};

	(void)state;
	assert_int_equal(check_ports("2,window=1G", devices, 1, &rows, &error), 0);
	assert_int_equal(rows.count, 2);
	assert_non_null(strstr(rows.rows[0].text, "2 ports"));
	assert_non_null(strstr(rows.rows[0].text, "1024 MiB of prefetchable"));
	assert_int_equal(rows.rows[1].verdict, LEND_NOTE);
	assert_string_equal(rows.rows[1].device, "0000:01:00.0");
	assert_non_null(strstr(rows.rows[1].text, "8192 MiB"));
	assert_non_null(strstr(rows.rows[1].advice, "window=8192M"));
	rows.count = 0;
	assert_int_equal(check_ports("2,window=8G", devices, 1, &rows, &error), 0);
	assert_int_equal(rows.count, 1);
	rows.count = 0;
	assert_int_equal(check_ports("many", devices, 1, &rows, &error), -EINVAL);
	assert_non_null(strstr(error.text, "-ports"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ports_and_what_does_not_fit, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("tool_check_ports", tests, NULL, NULL);
}

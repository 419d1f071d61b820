/* SPDX-License-Identifier: MIT */
/* Loop devices on an image, as sysfs tells them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tool/serve/nvme/attached.h"

static char top[64], image[96];

static void put(const char *name, const char *text)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void make(const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/lend-test-attached-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(image, sizeof(image), "%s/image", top);
	put("image", "x");
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static bool find(char name[NVME_ATTACHED_NAME])
{
	struct stat about;

	assert_int_equal(stat(image, &about), 0);
	name[0] = '\0';
	return nvme_attached_find(top, &about, name);
}

static void a_loop_device_that_writes(void **state)
{
	static const struct {
		const char *device, *path, *readonly;
		bool found;
	} rows[] = {
		{"loop7", "image\n", "0\n", true},
		{"loop7", "link\n", "0\n", true},
		{"loop7", "image\n", "1\n", false},
		{"loop7", "other\n", "0\n", false},
		{"loop7", "image (deleted)\n", "0\n", false},
		{"loop7", "image", "0\n", false},
		{"loop7", "image\n", "", false},
		{"sda", "image\n", "0\n", false},
	};

	(void)state;
	put("other", "x");
	snprintf(image, sizeof(image), "%s/link", top);
	assert_int_equal(symlink("image", image), 0);
	snprintf(image, sizeof(image), "%s/image", top);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char name[NVME_ATTACHED_NAME], file[64], path[160], node[48];

		make(rows[i].device);
		snprintf(file, sizeof(file), "%s/loop", rows[i].device);
		make(file);
		snprintf(file, sizeof(file), "%s/loop/backing_file", rows[i].device);
		snprintf(path, sizeof(path), "%s/%s", top, rows[i].path);
		put(file, path);
		snprintf(file, sizeof(file), "%s/ro", rows[i].device);
		put(file, rows[i].readonly);
		assert_int_equal(find(name), rows[i].found);
		snprintf(node, sizeof(node), "/dev/%s", rows[i].device);
		assert_string_equal(name, rows[i].found ? node : "");
		snprintf(path, sizeof(path), "rm -r %s/%s", top, rows[i].device);
		assert_int_equal(system(path), 0);
	}
}

static void a_computer_without_loop_devices(void **state)
{
	char name[NVME_ATTACHED_NAME];
	struct stat about;

	(void)state;
	assert_false(find(name));
	make("loop0"); /* without a file */
	assert_false(find(name));
	assert_int_equal(stat(image, &about), 0);
	assert_false(nvme_attached_find("/tmp/lend/not-there", &about, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_loop_device_that_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_computer_without_loop_devices, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * lib/host on trees that the test makes in a folder of its own: addresses,
 * devices, groups, and who holds a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lend/host.h"
#include "tests/unit/folder.h"

struct tree {
	char root[64];
	char sysfs[80], proc[80];
	struct lend_context *context;
};

LEND_PRINTF(2, 3) static char *path_in(const struct tree *tree, const char *format, ...)
{
	static char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/", tree->root);
	va_list args;

	va_start(args, format);
	vsnprintf(path + length, sizeof(path) - (size_t)length, format, args);
	va_end(args);
	return path;
}

static void make_dirs(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(copy, 0755);
		*slash = '/';
	}
	mkdir(copy, 0755);
}

static void put(const char *dir, const char *name, const void *data, size_t length)
{
	char path[PATH_MAX];
	int fd;

	assert_true(snprintf(path, sizeof(path), "%s/%s", dir, name) < PATH_MAX);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), length);
	close(fd);
}

static void put_text(const char *dir, const char *name, const char *text)
{
	put(dir, name, text, strlen(text));
}

static void put_link(const char *dir, const char *name, const char *target)
{
	char path[PATH_MAX];

	assert_true(snprintf(path, sizeof(path), "%s/%s", dir, name) < PATH_MAX);
	assert_int_equal(symlink(target, path), 0);
}

/* A device with everything that a recent kernel shows; header_type is byte 0x0e of its config space. */
static void add_device(struct tree *tree, const char *name, int group, const char *driver,
		       uint8_t header_type)
{
	uint8_t config[64] = {[0x0e] = header_type};
	char dir[PATH_MAX], target[64];

	snprintf(dir, sizeof(dir), "%s", path_in(tree, "sys/bus/pci/devices/%s", name));
	make_dirs(dir);
	put_text(dir, "vendor", "0x8086\n");
	put_text(dir, "device", "0x10d3\n");
	put_text(dir, "class", "0x020000\n");
	put_text(dir, "numa_node", "1\n");
	put_text(dir, "reset_method", "flr bus\n");
	put(dir, "config", config, sizeof(config));
	if (driver) {
		snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
		put_link(dir, "driver", target);
	}
	if (group < 0)
		return;
	snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d", group);
	put_link(dir, "iommu_group", target);
	make_dirs(path_in(tree, "sys/kernel/iommu_groups/%d/devices", group));
	put_link(path_in(tree, "sys/kernel/iommu_groups/%d/devices", group), name, "../nowhere");
}

static int setup(void **state)
{
	struct lend_context_config config = {.size = sizeof(config)};
	struct tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	strcpy(tree->root, "/tmp/lend-test-host-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	snprintf(tree->sysfs, sizeof(tree->sysfs), "%s/sys", tree->root);
	snprintf(tree->proc, sizeof(tree->proc), "%s/proc", tree->root);
	make_dirs(tree->sysfs);
	make_dirs(tree->proc);
	config.sysfs_root = tree->sysfs;
	config.proc_root = tree->proc;
	assert_int_equal(lend_context_new(&config, &tree->context), 0);
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	struct tree *tree = *state;

	lend_context_free(tree->context);
	folder_remove(tree->root);
	free(tree);
	return 0;
}

static void addresses_that_are(void **state)
{
	static const struct {
		const char *text, *name;
	} rows[] = {
		{"0000:05:00.0", "0000:05:00.0"},
		{"05:00.0", "0000:05:00.0"},
		{"AB:1f.7", "0000:ab:1f.7"},
		{"10000:01:02.3", "10000:01:02.3"},
		{"fffffff:ff:1f.7", "fffffff:ff:1f.7"},
		{"/sys/bus/pci/devices/0000:05:00.0", "0000:05:00.0"},
		{"/sys/bus/pci/devices/0000:05:00.0/", "0000:05:00.0"},
		{"/sys/devices/pci0000:00/0000:00:1c.0/0001:05:00.1", "0001:05:00.1"},
	};
	struct lend_bdf bdf;
	char name[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(lend_bdf_parse(rows[i].text, &bdf), 0);
		lend_bdf_format(&bdf, name);
		assert_string_equal(name, rows[i].name);
	}
}

static void addresses_that_are_not(void **state)
{
	static const char *const rows[] = {
		"",
		"5:0.0",
		"05:00",
		"05:00.",
		"05:00.8",
		"05:20.0",
		"05:00.00",
		"005:00.0",
		" 05:00.0",
		"05:00.0 ",
		"05:00.0\n",
		"0000:05:00.0,",
		"000:05:00.0",
		"00000000:05:00.0",
		"0000-05:00.0",
		":05:00.0",
		"g5:00.0",
		"eth0",
		"/",
		"//",
		"/sys/bus/pci/devices/05:00.0",
		"/sys/bus/pci/devices",
		"sys/bus/pci/devices/0000:05:00.0",
	};
	struct lend_bdf bdf;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (lend_bdf_parse(rows[i], &bdf) != -EINVAL)
			fail_msg("'%s' was taken for an address", rows[i]);
}

static void uuids(void **state)
{
	static const uint8_t bytes[LEND_UUID_SIZE] = {0x83, 0xb8, 0xf4, 0xf2, 0x50, 0x9f, 0x38, 0x2f,
						      0x3c, 0x1e, 0xe6, 0xbf, 0xe0, 0xfa, 0x10, 0x01};
	static const char *const none[] = {
		"",
		"83b8f4f2",
		"83b8f4f2-509f-382f-3c1e-e6bfe0fa100",
		"83b8f4f2-509f-382f-3c1e-e6bfe0fa10011",
		"83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 ",
		"83b8f4f2-509f-382f-3c1ee6bfe0fa1001",
		"83b8f4f2509f382f3c1ee6bfe0fa1001",
		"83b8f4f-2509f-382f-3c1e-e6bfe0fa1001",
		"83b8f4f2-509f-382f-3c1e-e6bfe0fa1g01",
		"83b8f4f2-509f-382f-3c1e-e6bfe0fa10-1",
		"{83b8f4f2-509f-382f-3c1e-e6bfe0fa1001}",
	};
	uint8_t out[LEND_UUID_SIZE];

	(void)state;
	assert_int_equal(lend_uuid_parse("83b8f4f2-509F-382f-3c1e-E6bfe0fa1001", out), 0);
	assert_memory_equal(out, bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (lend_uuid_parse(none[i], out) != -EINVAL)
			fail_msg("'%s' was taken for a UUID", none[i]);
}

static void find_tells_all(void **state)
{
	struct tree *tree = *state;
	struct lend_host_device device;

	add_device(tree, "0000:05:00.0", 7, "e1000e", 0x80);
	assert_int_equal(lend_host_find(tree->context, "05:00.0", &device, sizeof(device), NULL), 0);
	assert_string_equal(device.name, "0000:05:00.0");
	assert_int_equal(device.bdf.bus, 5);
	assert_string_equal(device.driver, "e1000e");
	assert_int_equal(device.group, 7);
	assert_int_equal(device.vendor, 0x8086);
	assert_int_equal(device.device, 0x10d3);
	assert_int_equal(device.class_code, 0x020000);
	assert_false(device.is_bridge);
	assert_false(device.is_vf);
	assert_int_equal(device.numa_node, 1);
	assert_string_equal(device.reset_methods, "flr bus");
}

static void find_with_little_known(void **state)
{
	struct tree *tree = *state;
	struct lend_host_device device;

	make_dirs(path_in(tree, "sys/bus/pci/devices/0000:00:1f.0"));
	assert_int_equal(lend_host_find(tree->context, "0000:00:1f.0", &device, sizeof(device), NULL), 0);
	assert_string_equal(device.driver, "");
	assert_int_equal(device.group, -1);
	assert_int_equal(device.numa_node, -1);
	assert_string_equal(device.reset_methods, "");
	put_text(path_in(tree, "sys/bus/pci/devices/0000:00:1f.0"), "numa_node", "-1\n");
	put_text(path_in(tree, "sys/bus/pci/devices/0000:00:1f.0"), "class", "0x060400\n");
	assert_int_equal(lend_host_find(tree->context, "0000:00:1f.0", &device, sizeof(device), NULL), 0);
	assert_int_equal(device.numa_node, -1);
	assert_true(device.is_bridge);
}

static void find_bridge_and_vf(void **state)
{
	struct tree *tree = *state;
	struct lend_host_device device;

	add_device(tree, "0000:00:01.0", 1, "pcieport", 0x81);
	add_device(tree, "0000:05:10.0", 2, NULL, 0);
	put_link(path_in(tree, "sys/bus/pci/devices/0000:05:10.0"), "physfn", "../0000:05:00.0");
	assert_int_equal(lend_host_find(tree->context, "00:01.0", &device, sizeof(device), NULL), 0);
	assert_true(device.is_bridge);
	assert_int_equal(lend_host_find(tree->context, "05:10.0", &device, sizeof(device), NULL), 0);
	assert_true(device.is_vf);
}

static void find_errors_have_sentences(void **state)
{
	struct tree *tree = *state;
	struct lend_host_device device;
	struct lend_error error = {""};

	assert_int_equal(lend_host_find(tree->context, "eth0", &device, sizeof(device), &error), -EINVAL);
	assert_non_null(strstr(error.text, "'eth0'"));
	assert_int_equal(lend_host_find(tree->context, "09:00.0", &device, sizeof(device), &error), -ENODEV);
	assert_non_null(strstr(error.text, "0000:09:00.0"));
}

static void group_is_sorted(void **state)
{
	static const char *const names[] = {"0001:00:00.0", "0000:05:00.1", "0000:05:00.0", "0000:04:1f.7",
					    "0000:05:01.0"};
	static const char *const sorted[] = {"0000:04:1f.7", "0000:05:00.0", "0000:05:00.1", "0000:05:01.0",
					     "0001:00:00.0"};
	struct tree *tree = *state;
	struct lend_host_device members[5];

	for (size_t i = 0; i < 5; i++)
		add_device(tree, names[i], 12, i == 1 ? "snd" : "vfio-pci", 0);
	put_text(path_in(tree, "sys/kernel/iommu_groups/12/devices"), "a-platform-device", "");
	assert_int_equal(lend_host_group(tree->context, 12, members, 5, sizeof(*members)), 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(members[i].name, sorted[i]);
	assert_string_equal(members[2].driver, "snd");
	assert_string_equal(members[0].driver, "vfio-pci");

	memset(members, 0, sizeof(members));
	assert_int_equal(lend_host_group(tree->context, 12, members, 2, sizeof(*members)), 5);
	assert_string_equal(members[1].name, sorted[1]);
	assert_string_equal(members[2].name, "");
	assert_int_equal(lend_host_group(tree->context, 12, NULL, 0, 0), 5);
	assert_int_equal(lend_host_group(tree->context, 13, members, 5, sizeof(*members)), -ENOENT);
}

static void add_process(struct tree *tree, int pid, const char *command, const char *file)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path_in(tree, "proc/%d/fd", pid));
	make_dirs(dir);
	put_link(dir, "0", "/dev/null");
	put_link(dir, "9", file);
	put_text(path_in(tree, "proc/%d", pid), "comm", command);
}

static void holder_is_the_first(void **state)
{
	struct tree *tree = *state;
	struct lend_host_holder holder;

	assert_int_equal(lend_host_holder(tree->context, "/dev/vfio/7", &holder, sizeof(holder)), -ENOENT);
	add_process(tree, getpid(), "self\n", "/dev/vfio/7");
	make_dirs(path_in(tree, "proc/self/fd"));
	put_link(path_in(tree, "proc/self/fd"), "3", "/dev/vfio/7");
	assert_int_equal(lend_host_holder(tree->context, "/dev/vfio/7", &holder, sizeof(holder)), -ENOENT);
	add_process(tree, 400001, "qemu-system-x86\n", "/dev/vfio/7");
	add_process(tree, 300001, "other\n", "/dev/vfio/7");
	add_process(tree, 200001, "third\n", "/dev/vfio/70");
	assert_int_equal(lend_host_holder(tree->context, "/dev/vfio/7", &holder, sizeof(holder)), 0);
	assert_int_equal(holder.pid, 300001);
	assert_string_equal(holder.command, "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_that_are),
		cmocka_unit_test(addresses_that_are_not),
		cmocka_unit_test(uuids),
		cmocka_unit_test_setup_teardown(find_tells_all, setup, teardown),
		cmocka_unit_test_setup_teardown(find_with_little_known, setup, teardown),
		cmocka_unit_test_setup_teardown(find_bridge_and_vf, setup, teardown),
		cmocka_unit_test_setup_teardown(find_errors_have_sentences, setup, teardown),
		cmocka_unit_test_setup_teardown(group_is_sorted, setup, teardown),
		cmocka_unit_test_setup_teardown(holder_is_the_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

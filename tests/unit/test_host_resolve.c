/* SPDX-License-Identifier: MIT */
/* Names of devices, and the device that is expected, on recorded hosts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lend/bind.h"
#include "tests/unit/host_tree.h"

static int plain(void **state)
{
	*state = tree_new("plain");
	return 0;
}

static int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

static void names(void **state)
{
	static const struct {
		const char *name, *address;
	} rows[] = {
		{"0000:01:00.0", "0000:01:00.0"},
		{"01:00.0", "0000:01:00.0"},
		{"/sys/bus/pci/devices/0000:01:00.0", "0000:01:00.0"},
		{"pci0000:00/10.0/00.0", "0000:01:00.0"},
		{"pci0000:00/09.0", "0000:00:09.0"},
		{"eth0", "0000:02:00.0"},
		{"eth1", "0000:03:00.0"},
		{"/dev/nvme0n1", "0000:01:00.0"},
		{"/dev/disk/by-id/nvme-lend0", "0000:01:00.0"},
		{"/dev/snd/controlC0", "0000:00:09.0"},
		{"1b36:0010", "0000:01:00.0"},
		{"1b36:0010/lend0", "0000:01:00.0"},
		{"1234:11E8", "0000:00:08.0"},
	};
	struct host_tree *tree = *state;
	const struct lend_survey_device *device;
	struct lend_error error = {""};

	tree_put(tree, "dev/nvme0n1", "");
	tree_put(tree, "dev/snd/controlC0", "");
	tree_link(tree, "dev/disk/by-id/nvme-lend0", "../../nvme0n1");
	tree_survey(tree);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (lend_survey_resolve(tree->survey, rows[i].name, &device, &error))
			fail_msg("%s: %s", rows[i].name, error.text);
		assert_string_equal(device->is.name, rows[i].address);
		assert_true(lend_survey_is_name(rows[i].name));
	}
}

static void what_names_nothing(void **state)
{
	static const struct {
		const char *name;
		int ret;
		const char *says;
	} rows[] = {
		{"09:00.0", -ENODEV, "0000:09:00.0"},
		{"eth7", -ENODEV, "'eth7'"},
		{"eth", -ENODEV, "'eth'"},
		{"/dev/sdz", -ENODEV, "/dev/sdz"},
		{"/dev/null0", -ENODEV, "not of one PCI device"},
		{"8086:ffff", -ENODEV, "8086:ffff"},
		{"1b36:0010/other", -ENODEV, "1b36:0010/other"},
		{"1b36:0010/", -EINVAL, "names no device"},
		{"pci0000:00/1f.7", -ENODEV, "pci0000:00/1f.7"},
		{"", -EINVAL, "names no device"},
		{"-v", -EINVAL, "names no device"},
		{"/etc/passwd", -EINVAL, "names no device"},
		/* Two of one kind: the way in which the wrong disk is handed out. */
		{"8086:10d3", -ENOTUNIQ, "0000:02:00.0, 0000:03:00.0"},
	};
	struct host_tree *tree = *state;
	const struct lend_survey_device *device;

	tree_put(tree, "dev/null0", "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lend_error error = {""};
		int ret = lend_survey_resolve(tree->survey, rows[i].name, &device, &error);

		if (ret != rows[i].ret || !strstr(error.text, rows[i].says))
			fail_msg("'%s': %d %s", rows[i].name, ret, error.text);
		if (rows[i].ret == -EINVAL)
			assert_false(lend_survey_is_name(rows[i].name));
	}
}

/* Like an address, and none: what may be meant is named, and never taken. */
static void what_may_be_meant(void **state)
{
	static const struct {
		const char *name;
		int ret;
		const char *says;
	} rows[] = {
		{"00:1f", -ENOTUNIQ,
		 "there are 0000:00:1f.0, 0000:00:1f.2, 0000:00:1f.3: name each that is meant"},
		{"0000:00:1F", -ENOTUNIQ, "0000:00:1f.2"},
		{"00:1f.", -ENOTUNIQ, "0000:00:1f.2"},
		{"00:1f.*", -ENOTUNIQ, "0000:00:1f.2"},
		{"pci_0000_00_1f", -ENOTUNIQ, "0000:00:1f.2"},
		{"01:00", -EINVAL, "write 0000:01:00.0, if that is meant"},
		{"0000:01:00", -EINVAL, "write 0000:01:00.0"},
		{"1:0.0", -EINVAL, "write 0000:01:00.0"},
		{"0:1:0.0", -EINVAL, "write 0000:01:00.0"},
		{"0x1:0x0.0", -EINVAL, "write 0000:01:00.0"},
		{"01:00:0", -EINVAL, "write 0000:01:00.0"},
		{"0000:01:00:0", -EINVAL, "write 0000:01:00.0"},
		{"pci_0000_01_00_0", -EINVAL, "write 0000:01:00.0"},
		{"PCI:1:0:0", -EINVAL, "write 0000:01:00.0"},
		{"PCI:0:31:2", -EINVAL, "write 0000:00:1f.2"},
		{"1:0.7", -ENODEV, "nothing is there that it could be"},
		{"0001:01:00", -ENODEV, "lend ls lists"},
		{"05:00", -ENODEV, "'05:00'"},
	};
	static const char *const none[] = {"100:00", "00:20.0:0:0:0", "00:1f.8",     ":",    "1:",
					   "::",     "1:0.0 ",        "00:1f.2.2.2", "PCI:", "123456789:0",
					   "fe80::1"};
	struct host_tree *tree = *state;
	const struct lend_survey_device *device;
	struct lend_error error;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int ret = lend_survey_resolve(tree->survey, rows[i].name, &device, &error);

		if (ret != rows[i].ret || !strstr(error.text, rows[i].says) ||
		    !strstr(error.text, rows[i].name))
			fail_msg("'%s': %d %s", rows[i].name, ret, error.text);
		assert_true(lend_survey_is_name(rows[i].name));
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		if (lend_survey_resolve(tree->survey, none[i], &device, &error) != -EINVAL ||
		    !strstr(error.text, "names no device"))
			fail_msg("'%s': %s", none[i], error.text);
	}
}

/* A slot with more functions than a sentence has room for. */
static void a_slot_of_many(void **state)
{
	struct host_tree *tree = *state;
	const struct lend_survey_device *device;
	struct lend_error error;
	char path[64];

	for (unsigned i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "sys/bus/pci/devices/%04x:07:00.%u/vendor", i / 8, i % 8);
		tree_put(tree, path, "0x8086\n");
	}
	tree_survey(tree);
	assert_int_equal(lend_survey_resolve(tree->survey, "07:00", &device, &error), -ENOTUNIQ);
	assert_non_null(strstr(error.text, "0000:07:00.0, 0000:07:00.1"));
	assert_non_null(strstr(error.text, ", and more: name each"));
}

static void expected_devices(void **state)
{
	static const struct {
		const char *address, *expected;
		int ret;
	} rows[] = {
		{"01:00.0", "1b36:0010", 0},
		{"01:00.0", "1b36:0010/lend0", 0},
		{"01:00.0", "1b36:0010/lend1", -ESTALE},
		{"01:00.0", "8086:10d3", -ESTALE},
		{"01:00.0", "nvme", -EINVAL},
		{"01:00.0", "1b36:0010 ", -EINVAL},
		{"00:08.0", "1234:11e8/x", -ENODATA},
	};
	struct host_tree *tree = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(lend_survey_expect(tree->survey, tree_device(tree, rows[i].address),
						    rows[i].expected, NULL),
				 rows[i].ret);
}

/* A drive tells its number to its driver alone; what lend bind remembered counts while VFIO has it. */
static void a_serial_number_is_remembered(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bdf bdf = tree_bdf("01:00.0");

	assert_int_equal(lend_bind(tree->context, &bdf, 1, NULL, NULL), 0);
	tree_survey(tree);
	assert_string_equal(tree_device(tree, "01:00.0")->serial, "");
	assert_int_equal(
		lend_survey_expect(tree->survey, tree_device(tree, "01:00.0"), "1b36:0010/lend0", NULL), 0);
	assert_int_equal(
		lend_survey_expect(tree->survey, tree_device(tree, "01:00.0"), "1b36:0010/lend1", NULL),
		-ESTALE);
}

static void a_disk_with_two_ways(void **state)
{
	struct host_tree *tree = *state;
	const struct lend_survey_device *device;
	struct lend_error error = {""};

	tree_put(tree, "dev/nvme0n1", "");
	tree_remove(tree, "sys/dev/block/259:0");
	tree_link(tree, "sys/dev/block/259:5", "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
	tree_link(tree, "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0",
		  "../../../pci0000:00/0000:00:10.0/0000:01:00.0/nvme/nvme0");
	tree_link(tree, "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme1",
		  "../../../pci0000:00/0000:00:11.0/0000:02:00.0/nvme/nvme1");
	tree_folder(tree, "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1");
	tree_survey(tree);
	assert_int_equal(lend_survey_resolve(tree->survey, "/dev/nvme0n1", &device, &error), -ENOTUNIQ);
	assert_non_null(strstr(error.text, "0000:01:00.0"));
	assert_non_null(strstr(error.text, "0000:02:00.0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, plain, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names),
		TEST(what_names_nothing),
		TEST(what_may_be_meant),
		TEST(a_slot_of_many),
		TEST(expected_devices),
		TEST(a_serial_number_is_remembered),
		TEST(a_disk_with_two_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

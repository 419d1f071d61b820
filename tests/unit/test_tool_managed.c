/* SPDX-License-Identifier: MIT */
/*
 * The devices of a run before there is a machine, on recorded hosts. There is no
 * kernel below: what is bound stays where it was, which is seen and undone. The
 * files under test are included: a test program is not linked with the tool's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend/check.h"
#include "tests/unit/host_tree.h"
#include "tool/host.c"
#include "tool/run/managed.c"
#include "tool/clean.c"
#include "tool/say.c"
#include "tool/take.c"

static int setup(void **state)
{
	struct host_tree *tree = tree_new("plain");

	tree_put(tree, "dev/nvme0n1", "");
	setenv("LEND_ROOT", tree->root, 1);
	*state = tree;
	return 0;
}

static int teardown(void **state)
{
	unsetenv("LEND_ROOT");
	tree_free(*state);
	return 0;
}

static struct run_options options;
static struct lend_error error;

/* Devices as device_parse() leaves them: an address, or a name. */
static int begin(const char *first, const char *second, const char *expect, bool managed)
{
	const char *const names[] = {first, second};
	struct managed made;
	struct lend_bdf bdf;
	int ret;

	memset(&options, 0, sizeof(options));
	error.text[0] = '\0';
	for (int i = 0; i < 2 && names[i]; i++) {
		struct run_device *device = &options.devices[options.device_count++];

		if (lend_bdf_parse(names[i], &bdf))
			snprintf(device->name, sizeof(device->name), "%s", names[i]);
		else
			lend_bdf_format(&bdf, device->host);
		snprintf(device->expect, sizeof(device->expect), "%s", expect && !i ? expect : "");
		device->managed = managed;
	}
	ret = managed_find(&made, &options, &error);
	if (!ret)
		ret = managed_take(&made, &options, &error);
	assert_int_equal(managed_end(&made, &options, NULL), 0);
	return ret;
}

static void says(const char *text)
{
	if (!strstr(error.text, text))
		fail_msg("'%s' does not say '%s'", error.text, text);
}

static void names_become_addresses(void **state)
{
	(void)state;
	assert_int_equal(begin("eth0", "/dev/nvme0n1", NULL, false), 0);
	assert_string_equal(options.devices[0].host, "0000:02:00.0");
	assert_string_equal(options.devices[1].host, "0000:01:00.0");
	assert_int_equal(begin("eth7", NULL, NULL, false), -ENODEV);
	assert_int_equal(begin("8086:10d3", NULL, NULL, false), -ENOTUNIQ);
	says("0000:02:00.0, 0000:03:00.0");
	assert_int_equal(begin("00:1f", NULL, NULL, false), -ENOTUNIQ);
	says("0000:00:1f.0, 0000:00:1f.2");
	says("each takes a -device of its own");
	assert_int_equal(begin("nvme0n1", "01:00.0", NULL, false), -EINVAL);
	says("0000:01:00.0 is given twice");
}

/* An address without a wish is the machine's to look up. */
static void a_plain_address(void **state)
{
	struct host_tree *tree = *state;

	tree_remove(tree, "sys");
	assert_int_equal(begin("01:00.0", NULL, NULL, false), 0);
	assert_int_equal(begin("01:00.0", NULL, "1b36:0010", false), -ENODEV);
}

static void what_is_expected(void **state)
{
	(void)state;
	assert_int_equal(begin("01:00.0", NULL, "1b36:0010/lend0", false), 0);
	assert_int_equal(begin("01:00.0", NULL, "8086:10d3", true), -ESTALE);
	says("another device");
	assert_int_equal(begin("01:00.0", NULL, "1b36:0010/other", true), -ESTALE);
}

static void taken_and_put_back(void **state)
{
	struct host_tree *tree = *state;

	assert_int_equal(begin("01:00.0", NULL, NULL, true), -ENODEV);
	says("went to nvme and not to vfio-pci");
	assert_null(tree_get(tree, "run/lend/0000:01:00.0"));
	assert_true(options.devices[0].taken);
	tree_append(tree, "proc/swaps", "/dev/nvme0n1 partition 1000 0 -2\n");
	assert_int_equal(begin("01:00.0", NULL, NULL, true), -EBUSY);
	says("swap");
}

/* What VFIO has stays there when the machine ends, and when it lets the device go. */
static void what_vfio_had_is_not_taken(void **state)
{
	struct host_tree *tree = *state;

	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	assert_int_equal(begin("01:00.0", NULL, NULL, true), 0);
	assert_true(options.devices[0].managed && !options.devices[0].taken);
}

/* One that left the machine: it is as it was, or it is not there any more. */
static void one_alone_is_given_back(void **state)
{
	struct run_device device = {.managed = true};

	(void)state;
	memset(&options, 0, sizeof(options));
	strcpy(device.host, "0000:01:00.0");
	assert_int_equal(managed_give(&device, &options, &error), 0);
	strcpy(device.host, "0000:77:00.0");
	assert_int_equal(managed_give(&device, &options, &error), 0);
	strcpy(device.host, "/sys/bus/mdev/devices/x");
	assert_int_equal(managed_give(&device, &options, &error), -EINVAL);
	says("cannot give it back");
}

/* The user's rules are those of the tree, too, and not this computer's. */
static void rules_of_the_tree(void **state)
{
	struct host_tree *tree = *state;
	const struct lend_check_row *row;
	struct lend_bdf bdf = tree_bdf("01:00.0");
	struct lend_context *context;
	struct lend_check *check;
	unsigned found = 0;

	tree_put(tree, "etc/lend/quirks.d/1.json", "[{}]");
	assert_int_equal(host_context(&context), 0);
	assert_int_equal(lend_check_new(context, &bdf, 1, NULL, &check, NULL), 0);
	for (size_t i = 0; (row = lend_check_at(check, i)); i++)
		found += !strcmp(row->topic, "rules") && strstr(row->text, tree->root);
	assert_int_equal(found, 1);
	lend_check_free(check);
	lend_context_free(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_become_addresses),     TEST(a_plain_address),   TEST(what_is_expected),
		TEST(taken_and_put_back),         TEST(rules_of_the_tree), TEST(one_alone_is_given_back),
		TEST(what_vfio_had_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

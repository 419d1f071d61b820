/* SPDX-License-Identifier: MIT */
/* What lend run says before it takes a device, and how a row of the check becomes a sentence. */
#include <errno.h>
#include <string.h>

#include "tests/unit/preflight.h"

/* Before any device is taken: images, then the computer. */
static void what_is_said_before_a_device_is_taken(void **state)
{
	struct host_tree *tree = tree_new("plain");
	struct run_options options = machine_of("0000:01:00.0");
	struct lend_error error = {""};
	char text[2101];

	(void)state;
	options.devices[0].managed = true;
	assert_int_equal(preflight_computer(tree->context, &options, &images, &error), 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	options.append = text;
	assert_int_equal(preflight_computer(tree->context, &options, &images, &error), -E2BIG);
	assert_string_equal(error.text, "K: this kernel takes a command line of 2047 bytes, and -append has "
					"2100; shorten it");
	options.append = NULL;
	tree_remove(tree, "dev/kvm");
	assert_int_not_equal(preflight_computer(tree->context, &options, &images, &error), 0);
	assert_non_null(strstr(error.text, "; as root: modprobe kvm-amd"));
	/* Nothing is taken in between: it is asked once, with the devices. */
	options.devices[0].managed = false;
	assert_int_equal(preflight_computer(tree->context, &options, &images, &error), 0);
	assert_int_not_equal(preflight_devices(tree->context, &options, &error), 0);
	assert_non_null(strstr(error.text, "; as root: modprobe kvm-amd"));
	options.devices[0].managed = true;
	tree_put(tree, "dev/kvm", "");
	options.memory = 64ull << 30;
	assert_int_not_equal(preflight_computer(tree->context, &options, &images, &error), 0);
	assert_non_null(strstr(error.text, "this computer has"));
	/* Without a device no IOMMU is asked for, and a descriptor is nobody's address. */
	tree_free(tree);
	tree = tree_new("no-iommu");
	options = machine_of("");
	assert_int_equal(preflight_computer(tree->context, &options, &images, &error), 0);
	assert_int_equal(preflight_devices(tree->context, &options, &error), 0);
	strcpy(options.devices[0].host, "0000:09:00.0");
	assert_int_equal(preflight_devices(tree->context, &options, &error), -ENODEV);
	assert_non_null(strstr(error.text, "there is no PCI device 0000:09:00.0"));
	tree_free(tree);
}

/* A cure is whole or it is not there. */
static void sentences(void **state)
{
	struct lend_check_row row = {.topic = "t", .text = "it is so"};
	struct lend_error error;

	(void)state;
	lend_check_sentence(&row, &error);
	assert_string_equal(error.text, "it is so");
	strcpy(row.device, "0000:01:00.0");
	strcpy(row.advice, "do that");
	lend_check_sentence(&row, &error);
	assert_string_equal(error.text, "0000:01:00.0: it is so; do that");
	strcpy(row.command, "cmd");
	lend_check_sentence(&row, &error);
	assert_string_equal(error.text, "0000:01:00.0: it is so; as root: cmd");
	strcpy(row.kernel_argument, "a=b");
	lend_check_sentence(&row, &error);
	assert_string_equal(error.text,
			    "0000:01:00.0: it is so; add a=b to the kernel's command line, and reboot");
	row.kernel_argument[0] = '\0';
	memset(row.text, 'x', sizeof(row.text) - 1);
	memset(row.command, 'y', sizeof(row.command) - 1);
	lend_check_sentence(&row, &error);
	assert_null(strchr(error.text, 'y'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_before_a_device_is_taken),
		cmocka_unit_test(sentences),
	};

	return cmocka_run_group_tests(tests, make_kernel, NULL);
}

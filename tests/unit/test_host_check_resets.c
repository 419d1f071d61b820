/* SPDX-License-Identifier: MIT */
/* What lend_check_new() says of how a device can be reset, and what stands in the way. */
#include "tests/unit/host_check_stage.h"

/* A card of two functions that the kernel cannot reset one by one, as a graphics card with its sound. */
static void resets_with_the_bus(void **state)
{
	struct host_tree *tree = tree_new("multifunction");
	struct lend_bdf both[] = {tree_bdf("01:00.0"), tree_bdf("01:00.1")};
	const char *group = "sys/bus/pci/devices/0000:01:00.1/iommu_group";

	(void)state;
	/* So the kernel lists it: the first function was alone when it was found. */
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/reset_method", "bus\n");
	tree_remove(tree, "sys/bus/pci/devices/0000:01:00.1/reset_method");
	tree_remove(tree, "sys/bus/pci/devices/0000:01:00.1/reset");
	check(tree, "01:00.0", NULL);
	row("reset", LEND_PASSED, "with its bus, which takes along 0000:01:00.1");
	check(tree, "01:00.1", NULL);
	row("reset", LEND_PASSED, "with its bus, which takes along 0000:01:00.0");
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	tree_bind(tree, "0000:01:00.1", "vfio-pci");
	check(tree, "01:00.0", NULL);
	row("reset", LEND_PASSED, "with its bus");
	/* Nobody's driver hinders no group, but the kernel does not reset the bus under it. */
	tree_bind(tree, "0000:01:00.1", NULL);
	check(tree, "01:00.0", NULL);
	assert_string_equal(
		row("reset", LEND_FAILED, "0000:01:00.1 on that bus is not with vfio-pci")->command,
		"lend bind 0000:01:00.1");
	/* In a group of its own it has to be handed over, too. */
	tree_bind(tree, "0000:01:00.1", "vfio-pci");
	tree_remove(tree, group);
	tree_link(tree, group, "../../../../kernel/iommu_groups/77");
	check(tree, "01:00.0", NULL);
	assert_string_equal(row("reset", LEND_FAILED, "0000:01:00.1 on that bus is not handed over")->advice,
			    "hand 0000:01:00.1 over too, and both can be reset");
	lend_check_free(made);
	assert_int_equal(lend_check_new(tree->context, both, 2, NULL, &made, NULL), 0);
	row("reset", LEND_PASSED, "which takes along 0000:01:00.1");
	row("reset", LEND_PASSED, "which takes along 0000:01:00.0");
	tree_free(tree);
}

/* What stays with the host stands in the way for good: neither a command nor advice sends a person there. */
static void resets_beside_what_stays(void **state)
{
	static const char group[] = "sys/bus/pci/devices/0000:01:00.1/iommu_group";
	const struct lend_check_options alone = {.size = sizeof(alone), .device_alone = true};
	struct host_tree *tree = tree_new("multifunction");

	(void)state;
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/reset_method", "pm bus\n");
	check(tree, "01:00.0", NULL);
	row("reset", LEND_PASSED, "with its bus, which takes along 0000:01:00.1");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.1/class", "0x060100\n");
	tree_bind(tree, "0000:01:00.1", NULL);
	check(tree, "01:00.0", NULL);
	row("reset", LEND_NOTE, "may leave things");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/reset_method", "bus\n");
	check(tree, "01:00.0", NULL);
	assert_non_null(strstr(row("reset", LEND_FAILED, "not handed over")->advice, "x-allow-unreset=on"));
	check(tree, "01:00.0", &alone);
	assert_non_null(strstr(row("reset", LEND_FAILED, "lend serve pci refuses it")->advice,
			       "lend serve pci 0000:01:00.0 --allow-unreset"));
	/* A server has one device: its neighbour cannot be handed over, too. */
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.1/class", "0x020000\n");
	tree_bind(tree, "0000:01:00.1", "vfio-pci");
	tree_remove(tree, group);
	tree_link(tree, group, "../../../../kernel/iommu_groups/77");
	check(tree, "01:00.0", NULL);
	assert_non_null(strstr(row("reset", LEND_FAILED, "not handed over")->advice, "hand 0000:01:00.1"));
	check(tree, "01:00.0", &alone);
	assert_non_null(strstr(row("reset", LEND_FAILED, "not handed over")->advice, "--allow-unreset"));
	tree_free(tree);
}

static void resets(void **state)
{
	struct host_tree *tree = *state;
	const char *methods = "sys/bus/pci/devices/0000:01:00.0/reset_method";

	check(tree, "00:08.0", NULL);
	assert_non_null(strstr(row("reset", LEND_FAILED, "no way")->advice, "x-allow-unreset=on"));
	tree_put(tree, methods, "bus\n");
	check(tree, "01:00.0", NULL);
	row("reset", LEND_PASSED, "by its bus");
	/* Where the bus can be reset, that is better than the power state. */
	tree_put(tree, methods, "pm bus\n");
	check(tree, "01:00.0", NULL);
	row("reset", LEND_PASSED, "with its bus");
	/* It is alone there, and the kernel does not list its bus: that reset does harm. */
	tree_put(tree, methods, "pm\n");
	check(tree, "01:00.0", NULL);
	row("reset", LEND_NOTE, "may leave things");
	tree_put(tree, "sys/bus/pci/devices/0000:00:08.0/reset_method", "pm\n");
	check(tree, "00:08.0", NULL);
	row("reset", LEND_NOTE, "may leave things");
	tree_put(tree, methods, "acpi\n");
	check(tree, "01:00.0", NULL);
	row("reset", LEND_PASSED, "alone (acpi)");
	tree_remove(tree, "sys/bus/pci/devices/0000:00:08.0/reset_method");
	tree_put(tree, "sys/bus/pci/devices/0000:00:08.0/vendor", "0x1002\n");
	tree_put(tree, "sys/bus/pci/devices/0000:00:08.0/device", "0x67b1\n");
	check(tree, "00:08.0", NULL);
	row("reset", LEND_PASSED, "lend knows how");
	tree_remove(tree, methods);
	check(tree, "01:00.0", NULL);
	row("reset", LEND_PASSED, "the kernel can reset it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(resets),
		cmocka_unit_test(resets_with_the_bus),
		cmocka_unit_test(resets_beside_what_stays),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}

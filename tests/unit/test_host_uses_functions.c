/* SPDX-License-Identifier: MIT */
/* What uses a virtual function keeps its physical one: it is named, with what ends it, in the order of
 * ending. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_uses.h"

#define PF "01:00.0"
#define VF "01:10.0"

static int sriov(void **state)
{
	*state = tree_new("sriov");
	return 0;
}

static const struct lend_use *use_of(struct host_tree *tree, size_t index)
{
	const struct lend_survey_device *device;

	tree_survey(tree);
	device = tree_device(tree, PF);
	assert_true(index < device->use_count);
	return &device->uses[index];
}

static void idle_functions(void **state)
{
	const struct lend_use *use = use_of(*state, 0);

	assert_int_equal(use->kind, LEND_USE_VFS);
	assert_string_equal(use->text, "it has 2 virtual functions");
	assert_string_equal(use->cure, "lend vf 0000:01:00.0 0");
	assert_int_equal(tree_device(*state, PF)->use_count, 1);
}

static void a_function_with_an_address(void **state)
{
	struct host_tree *tree = *state;
	const struct lend_use *use;

	tree_append(tree, "proc/net/if_inet6", "fd000000000000000000000000000001 04 40 00 80     eth1\n");
	use = use_of(tree, 0);
	assert_string_equal(use->text,
			    "0000:01:10.0, its virtual function, is in use: eth1 has the address fd00::1/64");
	assert_string_equal(use->cure, "ip address flush dev eth1");
	assert_string_equal(tree_device(tree, PF)->why, use->text);
	use = use_of(tree, 1);
	assert_string_equal(use->text, "it has 2 virtual functions");
	/* The address of another card is none of this one. */
	tree_put(tree, "proc/net/if_inet6", "fd000000000000000000000000000001 09 40 00 80     eth9\n");
	idle_functions(state);
}

static void a_function_that_is_lent(void **state)
{
	struct host_tree *tree = *state;
	const struct lend_use *use;
	char node[64], text[160];

	tree_bind(tree, "0000:" VF, "vfio-pci");
	tree_survey(tree);
	snprintf(node, sizeof(node), "/dev/vfio/%d", tree_device(tree, VF)->is.group);
	tree_process(tree, 90, "lend", node);
	snprintf(text, sizeof(text),
		 "0000:01:10.0, its virtual function, is in use: process 90 (lend) has it through %s", node);
	use = use_of(tree, 0);
	assert_int_equal(use->kind, LEND_USE_VFS);
	assert_string_equal(use->text, text);
	assert_string_equal(use_of(tree, 1)->text, "it has 2 virtual functions");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sriov, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(idle_functions),
		TEST(a_function_with_an_address),
		TEST(a_function_that_is_lent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

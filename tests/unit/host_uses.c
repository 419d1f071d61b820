/* SPDX-License-Identifier: MIT */
/* What tests of uses share; see host_uses.h. */
#include <string.h>

#include "tests/unit/host_uses.h"

int tree_plain(void **state)
{
	*state = tree_new("plain");
	return 0;
}

int tree_teardown(void **state)
{
	tree_free(*state);
	return 0;
}

const struct lend_use *tree_find_use(struct host_tree *tree, const char *address, enum lend_use_kind kind,
				     const char *text)
{
	const struct lend_survey_device *device;

	tree_survey(tree);
	device = tree_device(tree, address);
	assert_string_equal(device->word, "busy");
	for (size_t i = 0; i < device->use_count; i++)
		if (device->uses[i].kind == kind && !strcmp(device->uses[i].text, text))
			return &device->uses[i];
	for (size_t i = 0; i < device->use_count; i++)
		print_error("%d %s\n", device->uses[i].kind, device->uses[i].text);
	fail_msg("none of these uses is %d '%s'", kind, text);
	return NULL;
}

void tree_expect_use(struct host_tree *tree, const char *address, enum lend_use_kind kind, const char *text,
		     const char *cure)
{
	assert_string_equal(tree_find_use(tree, address, kind, text)->cure, cure);
}

void tree_expect_free(struct host_tree *tree, const char *address)
{
	const struct lend_survey_device *device;

	tree_survey(tree);
	device = tree_device(tree, address);
	if (device->use_count)
		fail_msg("%s is in use: %s", address, device->uses[0].text);
	assert_string_equal(device->word, "bindable");
}

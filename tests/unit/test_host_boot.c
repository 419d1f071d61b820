/* SPDX-License-Identifier: MIT */
/* Rules that meet, at boot, files that somebody edited, and hardware that is not what it was. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/host_taking.h"

static struct lend_error why;

static void says(const char *text)
{
	if (!strstr(notes, text))
		fail_msg("'%s' does not say '%s'", notes, text);
}

static void keeps_silent(const char *text)
{
	if (strstr(notes, text))
		fail_msg("'%s' says '%s'", notes, text);
}

#define RULES "etc/lend/bind.d/"
#define RULE  RULES "pci0000:00_10.0_00.0"
#define DRIVE "path pci0000:00/10.0/00.0\ndevice 1b36:0010/lend0\n"

/* What a rule asks for is known as a whole, or it is not followed. */
static void a_line_that_nobody_knows(void **state)
{
	static const char *const lines[] = {
		"usr 1000",
		"siblings",
		"siblings maybe",
		"siblings true",
		"user",
		"user 4294967295",
		"user 0x10",
		"functions 2",
		"functions two\nphysical 8086:10c9",
		"functions 99999999999999999999\nphysical 8086:10c9",
		"path 0000:01:00.0",
		"path /dev/nvme0n1",
		"path nvme0n1",
		"path",
		"device",
		"\001\002\003",
	};
	struct host_tree *tree = *state;
	char text[400];

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		snprintf(text, sizeof(text), DRIVE "%s\n", lines[i]);
		tree_put(tree, RULE, text);
		if (boot(tree, &why) != -EINVAL)
			fail_msg("'%s' is followed", lines[i]);
		says("pci0000:00_10.0_00.0 is no rule that lend bind or lend vf --persist wrote; remove it");
		assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
	}
	/* A value that does not fit is not cut. */
	snprintf(text, sizeof(text), DRIVE "physical %0200d\n", 0);
	tree_put(tree, RULE, text);
	assert_int_equal(boot(tree, &why), -EINVAL);
	/* Named after what it names, which is no slot. */
	tree_remove(tree, RULE);
	tree_put(tree, RULES "0000:01:00.0", "path 0000:01:00.0\ndevice 1b36:0010/lend0\n");
	assert_int_equal(boot(tree, &why), -EINVAL);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
}

/* Blanks and comments change nothing. */
static void a_rule_by_hand(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, RULE,
		 "# mine\n\n  path\tpci0000:00/10.0/00.0 \n device  1b36:0010/lend0\n\tuser - \n"
		 "siblings no\n#siblings perhaps\n");
	assert_int_equal(boot(tree, &why), 1);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "vfio-pci");
}

/* What cannot be read is told, and is not taken for "there is no rule". */
static void a_rule_that_cannot_be_read(void **state)
{
	static const char whole[] = DRIVE;
	struct host_tree *tree = *state;
	FILE *file;

	tree_folder(tree, RULE);
	assert_int_equal(boot(tree, &why), -EINVAL);
	says("pci0000:00_10.0_00.0 is no rule");
	tree_survey(tree);
	assert_true(lend_is_persistent(tree->context, tree_device(tree, "01:00.0")));
	tree_remove(tree, RULE);
	tree_link(tree, RULE, "nowhere");
	assert_int_equal(boot(tree, &why), -EINVAL);
	says("pci0000:00_10.0_00.0 is no rule");
	tree_remove(tree, RULE);
	/* As a power failure leaves a file whose data did not reach the disk. */
	tree_put(tree, RULE, "");
	file = fopen(tree_path(tree, RULE), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(whole, sizeof(whole), 1, file), 1);
	fputs("user 1000\n", file);
	fclose(file);
	assert_int_equal(boot(tree, &why), -EINVAL);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
}

/* Names that no rule has; a half-written one of a killed lend is passed over, and written over. */
static void other_files(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, RULE ".new", "path pci0000");
	assert_int_equal(boot(tree, &why), 0);
	assert_string_equal(notes, "");
	assert_int_equal(persist_one(tree, "01:00.0", NULL, NULL), 0);
	assert_null(tree_get(tree, RULE ".new"));
	tree_put(tree, RULES "my rule", DRIVE);
	tree_put(tree, RULES ".hidden", DRIVE);
	assert_int_equal(boot(tree, &why), -EINVAL);
	says("bind.d/my rule is no rule");
	says("bind.d/.hidden is no rule");
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "vfio-pci");
}

/* The folder itself: the sentence is about it, and not about devices. */
static void a_folder_that_cannot_be_read(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "etc/lend/bind.d", "no folder\n");
	assert_int_equal(boot(tree, &why), -ENOTDIR);
	assert_non_null(strstr(why.text, "cannot read the rules in"));
	assert_int_equal(persist_one(tree, "01:00.0", NULL, &why), -ENOTDIR);
	assert_non_null(strstr(why.text, "0000:01:00.0: cannot write a rule below"));
	assert_int_equal(lend_forget(tree->context, tree_device(tree, "01:00.0"), &why), -ENOTDIR);
	assert_non_null(strstr(why.text, "0000:01:00.0: cannot remove its rule below"));
}

/* If there is no room for a new one, the old rule is what it was. */
static void a_rule_that_cannot_be_replaced(void **state)
{
	struct lend_bind_options options = {.size = sizeof(options), .has_user = true, .user = 1000};
	struct host_tree *tree = *state;
	char before[400];

	assert_int_equal(persist_one(tree, "01:00.0", NULL, NULL), 0);
	snprintf(before, sizeof(before), "%s", tree_get(tree, RULE));
	tree_folder(tree, RULE ".new");
	assert_int_equal(persist_one(tree, "01:00.0", &options, &why), -EISDIR);
	assert_non_null(strstr(why.text, "0000:01:00.0: cannot write a rule below"));
	assert_string_equal(tree_get(tree, RULE), before);
	tree_remove(tree, RULE ".new");
	/* As a killed lend leaves it. */
	tree_put(tree, RULE ".new", "path pci0000:00/10.0/00.0\ndevice 1b36");
	assert_int_equal(boot(tree, &why), 1);
	assert_int_equal(persist_one(tree, "01:00.0", &options, NULL), 0);
	assert_non_null(strstr(tree_get(tree, RULE), "user 1000"));
}

/* Rules of one call: if one of them cannot be written, each device has the rule that it had, or none. */
static void rules_of_several(void **state)
{
	static const char *const names[] = {"01:00.0", "02:00.0", "01:00.0", "00:09.0"};
	struct lend_bind_options options = {.size = sizeof(options), .has_user = true, .user = 1000};
	struct host_tree *tree = *state;
	const struct lend_survey_device *devices[4];
	char before[400];

	assert_int_equal(persist_one(tree, "01:00.0", NULL, NULL), 0);
	snprintf(before, sizeof(before), "%s", tree_get(tree, RULE));
	for (size_t i = 0; i < 4; i++)
		devices[i] = tree_device(tree, names[i]);
	for (size_t i = 0; i < 2; i++) {
		const char *full = i ? RULES "pci0000:00_09.0" : RULES "pci0000:00_09.0.new";

		tree_folder(tree, full);
		assert_int_equal(lend_persist(tree->context, devices, 4, &options, &why), -EISDIR);
		assert_non_null(strstr(why.text, "0000:00:09.0: cannot write a rule below"));
		assert_string_equal(tree_get(tree, RULE), before);
		assert_false(lend_is_persistent(tree->context, devices[1]));
		assert_null(tree_get(tree, RULE ".new"));
		tree_remove(tree, full);
	}
	/* One that is named twice has one rule. */
	assert_int_equal(lend_persist(tree->context, devices, 4, &options, &why), 0);
	for (size_t i = 0; i < 4; i++)
		assert_true(lend_is_persistent(tree->context, devices[i]));
	assert_non_null(strstr(tree_get(tree, RULE), "user 1000"));
	assert_null(tree_get(tree, RULE ".new"));
	assert_int_equal(lend_persist(tree->context, devices, 0, &options, &why), 0);
}

/* The blanks before a drive's serial number are part of it. */
static void a_serial_number_with_blanks(void **state)
{
	const char *serial = "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/nvme/nvme0/serial";
	struct host_tree *tree = *state;

	tree_put(tree, serial, "  a b 1  \n");
	assert_int_equal(persist_one(tree, "01:00.0", NULL, NULL), 0);
	tree_put(tree, serial, "  a b 2  \n");
	assert_int_equal(boot(tree, &why), 0);
	says("has the serial number   a b 2 and not   a b 1");
	tree_put(tree, serial, "  a b 1  \n");
	assert_int_equal(boot(tree, &why), 1);
}

/* The firmware numbers the functions of a card anew, or the card is put elsewhere. */
static void a_device_that_moved(void **state)
{
	struct host_tree *tree = *state;
	char from[PATH_MAX], to[PATH_MAX];

	assert_int_equal(persist_one(tree, "01:00.0", NULL, NULL), 0);
	snprintf(from, sizeof(from), "%s/devices/pci0000:00/0000:00:10.0/0000:01:00.0", tree->sys);
	snprintf(to, sizeof(to), "%s/devices/pci0000:00/0000:00:10.0/0000:01:00.1", tree->sys);
	assert_int_equal(rename(from, to), 0);
	tree_remove(tree, "sys/bus/pci/devices/0000:01:00.0");
	tree_link(tree, "sys/bus/pci/devices/0000:01:00.1",
		  "../../../devices/pci0000:00/0000:00:10.0/0000:01:00.1");
	assert_int_equal(boot(tree, &why), 0);
	says("left alone: nothing is at pci0000:00/10.0/00.0, where 1b36:0010/lend0 was to be");
	says("0000:01:00.1 (pci0000:00/10.0/00.1) has this number now: if it is the one, name it anew");
	assert_string_equal(tree_driver(tree, "0000:01:00.1"), "nvme");
}

#define VF(number, text)                                                                                     \
	RULE "_vf" number,                                                                                   \
		"path pci0000:00/10.0/00.0/vf" number "\ndevice 8086:10ca\nuser -\nsiblings no\n" text
#define NUMVFS "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"

static int boot_without_functions(struct host_tree *tree)
{
	struct lend_bdf pf = tree_bdf("01:00.0");

	tree_remove(tree, "run/lend");
	assert_int_equal(lend_set_vfs(tree->context, &pf, 0, NULL, NULL), 0);
	return boot(tree, &why);
}

/* The rules of a card that is not there any more do not decide for the one that is. */
static void a_card_that_was_replaced(void **state)
{
	struct host_tree *tree = *state;

	/* By their order the old card's comes first, and asks for more. */
	tree_put(tree, VF("0", "physical 8086:1521/aa-bb\nfunctions 2\n"));
	tree_put(tree, VF("1", "physical 8086:10c9\nfunctions 1\n"));
	boot_without_functions(tree);
	assert_string_equal(tree_get(tree, NUMVFS), "1");
	says("8086:10c9 and not 8086:1521");
	assert_string_equal(tree_driver(tree, "0000:01:10.0"), "vfio-pci");
	/* Only old ones: all is left alone, and that is no failure; nothing tells to make some of the new. */
	tree_remove(tree, RULE "_vf1");
	assert_int_equal(boot_without_functions(tree), 0);
	assert_string_equal(tree_get(tree, NUMVFS), "0");
	keeps_silent("makes them at each boot");
}

/* Something else makes fewer before: asking lend vf for more would not help. */
static void functions_of_somebody_else(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bdf pf = tree_bdf("01:00.0");

	tree_put(tree, VF("1", "physical 8086:10c9\nfunctions 2\n"));
	assert_int_equal(lend_set_vfs(tree->context, &pf, 1, NULL, NULL), 0);
	assert_int_equal(boot(tree, &why), -ENXIO);
	says("has 1 virtual functions already, and not 2: something else makes them");
	says("none with the number 1; what was said of it before tells why");
	keeps_silent("lend vf --persist");
}

/* An index that is no number is no virtual function's. */
static void a_path_that_is_none(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, VF("+1", "physical 8086:10c9\nfunctions 2\n"));
	assert_int_equal(boot_without_functions(tree), 0);
	assert_string_equal(tree_get(tree, NUMVFS), "0");
	says("nothing is at pci0000:00/10.0/00.0/vf+1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_that_nobody_knows, plain),
		TEST(a_rule_by_hand, plain),
		TEST(a_rule_that_cannot_be_read, plain),
		TEST(other_files, plain),
		TEST(a_folder_that_cannot_be_read, plain),
		TEST(a_rule_that_cannot_be_replaced, plain),
		TEST(rules_of_several, plain),
		TEST(a_serial_number_with_blanks, plain),
		TEST(a_device_that_moved, plain),
		TEST(a_card_that_was_replaced, sriov),
		TEST(functions_of_somebody_else, sriov),
		TEST(a_path_that_is_none, sriov),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

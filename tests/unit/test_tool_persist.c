/* SPDX-License-Identifier: MIT */
/*
 * Rules as the commands write and remove them, and the service that follows
 * them. The files under test are included: a test program is not linked with the
 * tool's. systemctl and modprobe are scripts of this test.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/host_tree.h"
#include "tool/args.c"
#include "tool/bind.c"
#include "tool/host.c"
#include "tool/nearest.c"
#include "tool/clean.c"
#include "tool/say.c"
#include "tool/take.c"
#include "tool/unbind.c"
#include "tool/vf.c"

static char said[4096];

static int setup(void **state)
{
	struct host_tree *tree = tree_new("sriov");

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

/* What a command says, on both streams, and its status. */
static int run(struct host_tree *tree, int (*command)(int argc, char **argv), char **words)
{
	int out = dup(1), err = dup(2), argc = 0, file, status;
	const char *text;

	while (words[argc])
		argc++;
	file = open(tree_path(tree, "said"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	fflush(stdout);
	dup2(file, 1);
	dup2(file, 2);
	status = command(argc, words);
	fflush(stdout);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	close(file);
	text = tree_get(tree, "said");
	snprintf(said, sizeof(said), "%s", text ? text : "");
	return status;
}

#define RUN(tree, command, ...) run(tree, command, (char *[]){(char *)#command, __VA_ARGS__, NULL})

static void says(const char *text)
{
	if (!strstr(said, text))
		fail_msg("'%s' does not say '%s'", said, text);
}

static int write_rule(struct host_tree *tree, const char *address)
{
	const struct lend_survey_device *device = tree_device(tree, address);

	return lend_persist(tree->context, &device, 1, NULL, NULL);
}

/* An option that would be passed over is refused. */
static void options_that_do_nothing(void **state)
{
	static char *const boot[] = {(char *)"--persist", (char *)"--siblings", (char *)"--user=0"};
	struct host_tree *tree = *state;

	for (size_t i = 0; i < sizeof(boot) / sizeof(*boot); i++) {
		assert_int_equal(RUN(tree, run_bind, (char *)"--boot", boot[i]), TOOL_USAGE);
		says("--boot takes each device as its rule says; leave out");
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(RUN(tree, run_unbind, (char *)"--stale", boot[i]), TOOL_USAGE);
		says("--stale gives back what was left behind; leave out");
	}
}

/* After lend unbind the rule is still there, and is removed all the same. */
static void a_rule_after_unbind(void **state)
{
	struct host_tree *tree = *state;

	assert_int_equal(write_rule(tree, "01:10.0"), 0);
	assert_int_equal(RUN(tree, run_unbind, (char *)"01:10.0"), TOOL_OK);
	says("a rule takes it again at the next boot; lend unbind --persist forgets it");
	assert_int_equal(RUN(tree, run_unbind, (char *)"--persist", (char *)"01:10.0"), TOOL_OK);
	says("not taken, it is with igbvf");
	says("0000:01:10.0: its rule is removed; it is not taken at the next boot");
	assert_false(lend_is_persistent(tree->context, tree_device(tree, "01:10.0")));
	assert_int_equal(RUN(tree, run_unbind, (char *)"--persist", (char *)"01:10.0"), TOOL_OK);
	says("no rule takes it at the next boot");
}

/* If one of several rules cannot be written, the others are what they were. */
static void rules_that_fail(void **state)
{
	struct host_tree *tree = *state;
	char *one = (char *)"01:10.0", *other = (char *)"01:10.2", *user = (char *)"--user=1000";
	const char *rule = "etc/lend/bind.d/pci0000:00_10.0_00.0_vf0";

	tree_bind(tree, "0000:01:10.0", "vfio-pci");
	tree_bind(tree, "0000:01:10.2", "vfio-pci");
	assert_int_equal(RUN(tree, run_bind, (char *)"--persist", one), TOOL_OK);
	assert_non_null(strstr(tree_get(tree, rule), "user -\n"));
	tree_folder(tree, "etc/lend/bind.d/pci0000:00_10.0_00.0_vf1.new");
	assert_int_equal(RUN(tree, run_bind, (char *)"--persist", user, one, other), TOOL_FAILED);
	says("0000:01:10.2: cannot write a rule below");
	assert_non_null(strstr(tree_get(tree, rule), "user -\n"));
	assert_false(lend_is_persistent(tree->context, tree_device(tree, "01:10.2")));
	tree_remove(tree, "etc/lend/bind.d/pci0000:00_10.0_00.0_vf1.new");
	assert_int_equal(RUN(tree, run_bind, (char *)"--persist", user, one, other), TOOL_OK);
	assert_non_null(strstr(tree_get(tree, rule), "user 1000\n"));
	assert_true(lend_is_persistent(tree->context, tree_device(tree, "01:10.2")));
}

/* The rule of a virtual function that is not there now. */
static void a_rule_of_nothing(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bdf pf = tree_bdf("01:00.0");
	char *path = (char *)"pci0000:00/10.0/00.0/vf1";

	assert_int_equal(write_rule(tree, "01:10.2"), 0);
	assert_int_equal(lend_set_vfs(tree->context, &pf, 0, NULL, NULL), 0);
	assert_int_equal(RUN(tree, run_unbind, (char *)"--persist", path), TOOL_OK);
	says("pci0000:00/10.0/00.0/vf1: nothing is there; its rule is removed");
	assert_int_equal(RUN(tree, run_unbind, (char *)"--persist", path), TOOL_FAILED);
	assert_null(tree_get(tree, "etc/lend/bind.d/pci0000:00_10.0_00.0_vf1"));
}

static void functions_at_each_boot(void **state)
{
	struct host_tree *tree = *state;
	char *device = (char *)"01:00.0";

	assert_int_equal(RUN(tree, run_vf, (char *)"--persist", device, (char *)"2"), TOOL_OK);
	says("has 2 virtual functions already");
	says("0000:01:00.0: 2 virtual functions at each boot");
	says("0000:01:10.2");
	assert_int_equal(lend_persistent_vfs(tree->context, tree_device(tree, "01:00.0")), 2);
	assert_int_equal(lend_set_vfs(tree->context, &tree_device(tree, "01:00.0")->is.bdf, 1, NULL, NULL),
			 0);
	assert_int_equal(RUN(tree, run_vf, device, (char *)"1"), TOOL_OK);
	says("a rule makes 2 at the next boot; lend vf --persist 0000:01:00.0 1 changes it");
	assert_int_equal(lend_set_vfs(tree->context, &tree_device(tree, "01:00.0")->is.bdf, 0, NULL, NULL),
			 0);
	assert_int_equal(RUN(tree, run_vf, (char *)"--persist", device, (char *)"0"), TOOL_OK);
	says("its rule is removed; none is made at the next boot");
	assert_int_equal(lend_persistent_vfs(tree->context, tree_device(tree, "01:00.0")), 0);
}

/* If one of the two fails, the other is as it was. */
static void functions_that_fail(void **state)
{
	struct host_tree *tree = *state;
	char *device = (char *)"01:00.0";

	tree_put(tree, "etc/lend/bind.d", "no folder\n");
	assert_int_equal(RUN(tree, run_vf, (char *)"--persist", device, (char *)"1"), TOOL_FAILED);
	says("0000:01:00.0: cannot write a rule below");
	assert_string_equal(tree_get(tree, "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"), "2");
	tree_remove(tree, "etc/lend/bind.d");
	assert_int_equal(lend_persist_vfs(tree->context, tree_device(tree, "01:00.0"), 2, NULL), 0);
	assert_int_equal(RUN(tree, run_vf, (char *)"--persist", device, (char *)"9"), TOOL_FAILED);
	says("virtual functions and not 9");
	tree_bind(tree, "0000:01:00.0", NULL);
	assert_int_equal(RUN(tree, run_vf, (char *)"--persist", device, (char *)"1"), TOOL_FAILED);
	says("has no driver, which would make its virtual functions");
	assert_int_equal(lend_persistent_vfs(tree->context, tree_device(tree, "01:00.0")), 2);
}

/* Of a card that is gone. */
static void a_rule_of_functions(void **state)
{
	struct host_tree *tree = *state;
	char *path = (char *)"pci0000:00/1d.7/00.0", text[160];

	snprintf(text, sizeof(text), "path %s\ndevice 8086:1521\nfunctions 4\n", path);
	tree_put(tree, "etc/lend/bind.d/pci0000:00_1d.7_00.0.functions", text);
	assert_int_equal(RUN(tree, run_vf, path, (char *)"0"), TOOL_FAILED);
	assert_int_equal(RUN(tree, run_vf, (char *)"--persist", path, (char *)"2"), TOOL_FAILED);
	assert_int_equal(RUN(tree, run_vf, (char *)"--persist", path, (char *)"0"), TOOL_OK);
	says("pci0000:00/1d.7/00.0: nothing is there; its rule is removed");
	assert_null(tree_get(tree, "etc/lend/bind.d/pci0000:00_1d.7_00.0.functions"));
	assert_int_equal(RUN(tree, run_vf, (char *)"--persist", path, (char *)"0"), TOOL_FAILED);
}

static void script(struct host_tree *tree, const char *text)
{
	tree_put(tree, "bin/systemctl", text);
	chmod(tree_path(tree, "bin/systemctl"), 0755);
}

static int enable(int argc, char **argv)
{
	(void)argc, (void)argv;
	return take_enable_boot();
}

/* In a root without a running systemd the service is enabled in the file system; else its own way. */
static void the_service(void **state)
{
	struct host_tree *tree = *state;
	bool runs = !access("/run/systemd/system", F_OK);
	char *path = strdup(getenv("PATH")), text[256];

	unsetenv("LEND_ROOT");
	setenv("PATH", tree_path(tree, "bin"), 1);
	snprintf(text, sizeof(text), "#!/bin/sh\necho \"$@\" >%s\n", tree_path(tree, "words"));
	script(tree, text);
	assert_int_equal(RUN(tree, enable, (char *)""), TOOL_OK);
	assert_string_equal(said, "");
	assert_string_equal(tree_get(tree, "words"),
			    runs ? "-q enable lend-bind.service" : "-q --root=/ enable lend-bind.service");
	script(tree, "#!/bin/sh\nexit 1\n");
	assert_int_equal(RUN(tree, enable, (char *)""), TOOL_OK);
	says("enable lend-bind.service");
	tree_remove(tree, "bin/systemctl");
	assert_int_equal(RUN(tree, enable, (char *)""), TOOL_OK);
	says("have 'lend bind --boot' run at each boot");
	setenv("PATH", path, 1);
	free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(options_that_do_nothing), TEST(a_rule_after_unbind),
		TEST(rules_that_fail),         TEST(a_rule_of_nothing),
		TEST(functions_at_each_boot),  TEST(functions_that_fail),
		TEST(a_rule_of_functions),     TEST(the_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

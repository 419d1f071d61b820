/* SPDX-License-Identifier: MIT */
/*
 * Every step fails once, and every step is the last one of a process that is
 * killed: what was there before comes back, at once or by the next command.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/host_taking.h"

enum { STEPS_MAX = 40, NOBODY = 65534 };

/* Something that lend does to a host, and the device that it does it to. */
struct deed {
	const char *name, *tree, *device;
	void (*prepare)(struct host_tree *tree);
	int (*act)(struct host_tree *tree);
	/* Gives back what was taken, where the whole of it was taken. */
	int (*undo)(struct host_tree *tree);
};

static void no_preparation(struct host_tree *tree)
{
	(void)tree;
}

static struct lend_bind_options together(void)
{
	struct lend_bind_options options = defaults();

	options.siblings = true;
	/* Only root gives nodes away. */
	options.has_user = !geteuid();
	options.user = NOBODY;
	return options;
}

static int bind_both(struct host_tree *tree)
{
	struct lend_bind_options options = together();

	return bind_one(tree, "01:00.0", &options, NULL);
}

static int unbind_both(struct host_tree *tree)
{
	struct lend_bdf both[] = {tree_bdf("01:00.0"), tree_bdf("01:00.1")};
	struct lend_bind_options options = together();

	return lend_unbind(tree->context, both, 2, &options, NULL);
}

/* One whose driver takes it only when told, with an override that names another driver. */
static void with_a_strange_override(struct host_tree *tree)
{
	strcpy(tree->shy, "nvme");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.1/driver_override", "e1000e\n");
}

/* One of the group is with VFIO by hand, and its node has an owner. */
static void with_one_by_hand(struct host_tree *tree)
{
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
}

static int bind_the_other(struct host_tree *tree)
{
	struct lend_bind_options options = together();

	return bind_one(tree, "01:00.1", &options, NULL);
}

static int unbind_the_other(struct host_tree *tree)
{
	return unbind_one(tree, "01:00.1", NULL, NULL);
}

/* All that is made of it goes with it, and has to be made again. */
static int bind_by_force(struct host_tree *tree)
{
	struct lend_bind_options options = defaults();

	options.force = true;
	return bind_one(tree, "01:00.0", &options, NULL);
}

static int unbind_first(struct host_tree *tree)
{
	return unbind_one(tree, "01:00.0", NULL, NULL);
}

static int make_one(struct host_tree *tree)
{
	struct lend_bdf pf = tree_bdf("01:00.0");

	return lend_set_vfs(tree->context, &pf, 1, NULL, NULL);
}

static int make_two(struct host_tree *tree)
{
	struct lend_bdf pf = tree_bdf("01:00.0");

	return lend_set_vfs(tree->context, &pf, 2, NULL, NULL);
}

static void with_a_function_lent(struct host_tree *tree)
{
	assert_int_equal(bind_one(tree, "01:10.0", NULL, NULL), 0);
	tree->orders = 0;
}

/* What is lent of it goes by that, and is to be lent again when the change fails. */
static int make_two_and_lend(struct host_tree *tree)
{
	int ret = make_two(tree);

	return ret ? ret : bind_one(tree, "01:10.0", NULL, NULL);
}

static const struct deed deeds[] = {
	{"two of a group", "multifunction", "0000:01:00.0", no_preparation, bind_both, unbind_both},
	{"an override of before", "multifunction", "0000:01:00.0", with_a_strange_override, bind_both,
	 unbind_both},
	{"the second of a group", "multifunction", "0000:01:00.1", with_one_by_hand, bind_the_other,
	 unbind_the_other},
	{"one with virtual functions", "sriov", "0000:01:00.0", no_preparation, bind_by_force, unbind_first},
	{"another number of functions", "sriov", "0000:01:00.0", no_preparation, make_one, make_two},
	{"another number with one lent", "sriov", "0000:01:00.0", with_a_function_lent, make_one,
	 make_two_and_lend},
};
enum { DEEDS = sizeof(deeds) / sizeof(*deeds) };

/* With power/control as people set it, where VFIO leaves another value. */
static struct host_tree *begin(const struct deed *deed)
{
	struct host_tree *tree = tree_new(deed->tree);
	char path[96];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/power/control", deed->device);
	tree_put(tree, path, "auto\n");
	deed->prepare(tree);
	return tree;
}

static char before[8192], done[8192];

static void expect(const struct host_tree *tree, const char *state, const char *deed, const char *what,
		   unsigned at)
{
	const char *now = tree_state(tree);

	if (strcmp(now, state) != 0)
		fail_msg("%s, %s at step %u:\n%snot\n%s", deed, what, at, now, state);
}

/* Does it, undoes it, and says of how many steps each was. */
static void learn(struct host_tree *tree, const struct deed *deed, unsigned *there, unsigned *back)
{
	unsigned start = tree->orders;

	snprintf(before, sizeof(before), "%s", tree_state(tree));
	assert_int_equal(deed->act(tree), 0);
	*there = tree->orders - start;
	snprintf(done, sizeof(done), "%s", tree_state(tree));
	assert_string_not_equal(before, done);
	assert_int_equal(deed->undo(tree), 0);
	*back = tree->orders - start - *there;
	expect(tree, before, deed->name, "undone", 0);
	assert_in_range(*there, 2, STEPS_MAX);
	assert_in_range(*back, 2, STEPS_MAX);
}

static void fails(struct host_tree *tree, unsigned at, bool after)
{
	tree->log[0] = '\0';
	tree->fail_at = at ? tree->orders + at : 0;
	tree->fail_after = after;
}

static bool is_killed(struct host_tree *tree, int (*act)(struct host_tree *tree), unsigned at, bool after)
{
	int status;
	pid_t child;

	tree->log[0] = '\0';
	tree->die_at = tree->orders + at;
	tree->die_after = after;
	child = fork();
	if (!child)
		_exit(act(tree) ? 1 : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	tree->die_at = 0;
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
	return WEXITSTATUS(status) == 9;
}

static void step_of_taking(struct host_tree *tree, const struct deed *deed, unsigned at)
{
	for (int after = 0; after < 2; after++) {
		fails(tree, at, after);
		assert_true(deed->act(tree) < 0);
		fails(tree, 0, false);
		expect(tree, before, deed->name, after ? "failed after it" : "failed", at);

		/* Killed, and mended; those that were taken whole stay taken: lend unbind is for them. */
		assert_true(is_killed(tree, deed->act, at, after));
		assert_true(lend_mend(tree->context, NULL, NULL) >= 0);
		assert_int_equal(deed->undo(tree), 0);
		expect(tree, before, deed->name, "killed, and mended", at);

		/* Killed, and the same again takes it whole. */
		assert_true(is_killed(tree, deed->act, at, after));
		assert_int_equal(deed->act(tree), 0);
		expect(tree, done, deed->name, "killed, and again", at);
		assert_int_equal(deed->undo(tree), 0);
		expect(tree, before, deed->name, "killed, again, and undone", at);
	}
}

/* What is given back half-way is given back by the same command once more, or by --stale. */
static void step_of_giving(struct host_tree *tree, const struct deed *deed, unsigned at)
{
	for (int way = 0; way < 4; way++) {
		int ret;

		assert_int_equal(deed->act(tree), 0);
		fails(tree, at, way & 1);
		ret = deed->undo(tree);
		fails(tree, 0, false);
		if (ret && way & 2)
			assert_true(lend_mend(tree->context, NULL, NULL) >= 0);
		if (ret)
			assert_int_equal(deed->undo(tree), 0);
		expect(tree, before, deed->name, "giving back failed", at);

		assert_int_equal(deed->act(tree), 0);
		assert_true(is_killed(tree, deed->undo, at, way & 1));
		if (way & 2)
			assert_true(lend_mend(tree->context, NULL, NULL) >= 0);
		assert_int_equal(deed->undo(tree), 0);
		expect(tree, before, deed->name, "killed while giving back", at);
	}
}

/* One host serves all steps of a deed: after each it is as it was, or the test ends. */
static void each_step(const struct deed *deed)
{
	struct host_tree *tree = begin(deed);
	unsigned there, back;

	learn(tree, deed, &there, &back);
	for (unsigned at = 1; at <= there; at++)
		step_of_taking(tree, deed, at);
	for (unsigned at = 1; at <= back; at++)
		step_of_giving(tree, deed, at);
	tree_free(tree);
}

static void steps(void **state)
{
	each_step(*state);
}

int main(void)
{
	struct CMUnitTest tests[DEEDS];

	for (int i = 0; i < DEEDS; i++)
		tests[i] = (struct CMUnitTest){.name = deeds[i].name,
					       .test_func = steps,
					       .initial_state = (void *)(uintptr_t)&deeds[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

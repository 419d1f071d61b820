/* SPDX-License-Identifier: MIT */
/* What is remembered as what there was before: never what lend wrote itself, and what others did since. */
#include <errno.h>
#include <sys/stat.h>

#include "lib/host/taking/operation.h"
#include "tests/unit/host_taking.h"

#define OVERRIDE "sys/bus/pci/devices/0000:01:00.0/driver_override"

static void take(struct host_tree *tree)
{
	assert_int_equal(bind_one(tree, "01:00.0", NULL, NULL), 0);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "vfio-pci");
}

static void give(struct host_tree *tree)
{
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, NULL), 0);
}

/* As by hand, or by the removal of vfio-pci: without a driver, and with the driver_override that is ours. */
static void detached_by_another_hand(void **state)
{
	struct host_tree *tree = *state;

	take(tree);
	tree_bind(tree, "0000:01:00.0", NULL);
	take(tree);
	give(tree);
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

/* With a driver_override that another tool wrote since, and that driver: both are what there was. */
static void another_choice_since(void **state)
{
	struct host_tree *tree = *state;

	take(tree);
	tree_bind(tree, "0000:01:00.0", "e1000e");
	tree_put(tree, OVERRIDE, "e1000e\n");
	take(tree);
	give(tree);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "e1000e");
	assert_string_equal(tree_get(tree, OVERRIDE), "e1000e");
}

/* Another driver has it, and our driver_override is left: that is not what there was. */
static void our_override_under_another_driver(void **state)
{
	struct host_tree *tree = *state;

	take(tree);
	tree_bind(tree, "0000:01:00.0", "e1000e");
	take(tree);
	give(tree);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "e1000e");
	assert_string_equal(tree_get(tree, OVERRIDE), "(null)");
}

/* What somebody else gave to another driver is left there, without what is ours. */
static void given_away_by_another_hand(void **state)
{
	static const char *const drivers[] = {"nvme", "e1000e"};
	struct host_tree *tree = *state;

	for (int i = 0; i < 2; i++) {
		struct lend_bind_options options = defaults();

		take(tree);
		tree_bind(tree, "0000:01:00.0", drivers[i]);
		tree->log[0] = '\0';
		assert_int_equal(unbind_one(tree, "01:00.0", &options, NULL), 0);
		expect_untouched(tree, "0000:01:00.0", drivers[i]);
		assert_non_null(strstr(notes, drivers[i]));
		assert_null(strstr(tree->log, "unbind"));
		assert_null(strstr(tree->log, "reset"));
		tree_bind(tree, "0000:01:00.0", "nvme");
	}
	take(tree);
	tree_bind(tree, "0000:01:00.0", "nvme");
	tree_put(tree, OVERRIDE, "nvme\n");
	give(tree);
	assert_string_equal(tree_get(tree, OVERRIDE), "nvme");
}

/* A folder of records that outlives a boot: what is in it was of another one. */
static void an_earlier_boot(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "proc/sys/kernel/random/boot_id", "one\n");
	take(tree);
	assert_non_null(strstr(tree_get(tree, "run/lend/0000:01:00.0"), "boot one\n"));
	tree_put(tree, "proc/sys/kernel/random/boot_id", "two\n");
	tree_bind(tree, "0000:01:00.0", "e1000e");
	tree_put(tree, OVERRIDE, "(null)\n");
	tree->log[0] = '\0';
	assert_int_equal(lend_mend(tree->context, NULL, NULL), 0);
	assert_string_equal(tree->log, "");
	expect_untouched(tree, "0000:01:00.0", "e1000e");
}

/* Between the look at it and the lock another process gave it back. */
static void moved_meanwhile(void **state)
{
	struct host_tree *tree = *state;
	struct lend_error error = {""};
	struct operation op;
	struct held held;

	take(tree);
	tree_survey(tree);
	give(tree);
	tree->log[0] = '\0';
	assert_int_equal(operation_init(&op, tree->context, NULL, &error), 0);
	assert_int_equal(held_lock(&op, "0000:01:00.0", &held), 0);
	assert_int_equal(held_take(&op, tree_device(tree, "01:00.0"), &held), -EBUSY);
	assert_non_null(strstr(error.text, "from vfio-pci to nvme just now; try again"));
	held_unlock(&held);
	assert_string_equal(tree->log, "");
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

/* vfio-pci has its ids, and takes it whenever nothing else is said. */
static void a_driver_that_takes_all(void **state)
{
	struct host_tree *tree = *state;

	take(tree);
	strcpy(tree->greedy, "vfio-pci");
	give(tree);
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

/* Not taken by lend, and in the list of ids: nothing is given back, which is said with what to do. */
static void ids_that_name_it(void **state)
{
	struct host_tree *tree = *state;
	struct lend_error error = {""};

	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	strcpy(tree->greedy, "vfio-pci");
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, &error), -EBUSY);
	assert_non_null(strstr(error.text, "vfio-pci took it again"));
	assert_non_null(strstr(error.text, "echo 0x1b36 0x0010 > "));
	tree->greedy[0] = '\0';
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, &error), 0);
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

/* Functions that had a driver when sriov_drivers_autoprobe was switched off: they go back to it. */
static void functions_without_autoprobe(void **state)
{
	struct host_tree *tree = *state;
	struct lend_error error = {""};

	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe", "0\n");
	assert_int_equal(bind_one(tree, "01:10.0", NULL, NULL), 0);
	assert_int_equal(unbind_one(tree, "01:10.0", NULL, &error), 0);
	expect_untouched(tree, "0000:01:10.0", "igbvf");
}

/* A record that was cut, at each place: never half of what there was. */
static void a_record_that_is_cut(void **state)
{
	struct host_tree *tree = *state;
	char whole[1024], cut[1024];

	take(tree);
	snprintf(whole, sizeof(whole), "%s\n", tree_get(tree, "run/lend/0000:01:00.0"));
	for (size_t i = 0; i + 1 < strlen(whole); i += 7) {
		struct lend_bdf bdf = tree_bdf("01:00.0");

		snprintf(cut, sizeof(cut), "%.*s", (int)i, whole);
		tree_put(tree, "run/lend/0000:01:00.0", cut);
		assert_int_equal(lend_unbind(tree->context, &bdf, 1, NULL, NULL), 0);
		expect_untouched(tree, "0000:01:00.0", "nvme");
		take(tree);
	}
}

/* The override was written after the driver took it, and names another one. */
static void an_override_of_another_driver(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, OVERRIDE, "e1000e\n");
	take(tree);
	give(tree);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
	assert_string_equal(tree_get(tree, OVERRIDE), "e1000e");
}

static void power_control(void **state)
{
	static const char *const values[] = {"auto", "on"};
	const char *path = "sys/bus/pci/devices/0000:01:00.0/power/control";
	struct host_tree *tree = *state;

	for (int i = 0; i < 2; i++) {
		tree_put(tree, path, values[i]);
		take(tree);
		assert_string_equal(tree_get(tree, path), "auto");
		give(tree);
		assert_string_equal(tree_get(tree, path), values[i]);
	}
}

/* A driver that made no interface, a controller that was not live: nothing to wait for. */
static void what_was_not_there(void **state)
{
	struct lend_bind_options options = defaults();
	struct host_tree *tree = *state;

	options.limit_ms = 30000;
	tree_remove(tree, "sys/bus/pci/devices/0000:02:00.0/net");
	assert_int_equal(bind_one(tree, "02:00.0", NULL, NULL), 0);
	assert_int_equal(unbind_one(tree, "02:00.0", &options, NULL), 0);
	tree_remove(tree, "sys/dev/block/259:0");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/nvme/nvme0/state", "dead\n");
	take(tree);
	assert_int_equal(unbind_one(tree, "01:00.0", &options, NULL), 0);
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

/* The disk of a controller is waited for, whatever the class of that. */
static void a_disk_that_does_not_come(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bind_options options = defaults();
	struct lend_error error = {""};

	options.limit_ms = 3000;
	tree_link(tree, "sys/dev/block/8:0", "../../devices/pci0000:00/0000:00:1f.2/ata1/host0/block/sda");
	tree_put(tree, "sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/block/sda/dev", "8:0\n");
	assert_int_equal(bind_one(tree, "00:1f.2", NULL, &error), 0);
	tree_remove(tree, "sys/dev/block/8:0");
	assert_int_equal(unbind_one(tree, "00:1f.2", &options, &error), -EIO);
	assert_non_null(strstr(error.text, "its disk is not back"));
	tree_link(tree, "sys/dev/block/8:0", "../../devices/pci0000:00/0000:00:1f.2/ata1/host0/block/sda");
	assert_int_equal(lend_mend(tree->context, &options, &error), 1);
	expect_untouched(tree, "0000:00:1f.2", "ahci");
}

/* No room for records, once it is taken: it goes back all the same. */
static void no_room_for_its_record(void **state)
{
	struct host_tree *tree = *state;

	strcpy(tree->full, "run/lend/0000:01:00.0.new");
	tree->full_at = 3;
	assert_true(bind_one(tree, "01:00.0", NULL, NULL) < 0);
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

/* Refused by the kernel, or made half-way by the driver: as many as before, and lent as before. */
static void a_number_that_is_refused(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bdf pf = tree_bdf("01:00.0");
	struct lend_bind_options options = defaults();
	struct lend_error error = {""};

	assert_int_equal(bind_one(tree, "01:10.0", NULL, NULL), 0);
	tree->vfs_refuse = 3;
	assert_int_equal(lend_set_vfs(tree->context, &pf, 3, &options, &error), -ENOSPC);
	assert_non_null(strstr(error.text, "igb refuses to have 3 virtual functions"));
	assert_non_null(strstr(notes, "has 2 virtual functions, as before"));
	assert_string_equal(tree_get(tree, "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"), "2");
	assert_string_equal(tree_driver(tree, "0000:01:10.0"), "vfio-pci");
	tree->vfs_refuse = 0;
	tree->vfs_make = 2;
	assert_int_equal(lend_set_vfs(tree->context, &pf, 3, &options, &error), -ENOSPC);
	assert_non_null(strstr(error.text, "made 2 of 3"));
	assert_string_equal(tree_get(tree, "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"), "2");
	assert_string_equal(tree_driver(tree, "0000:01:10.0"), "vfio-pci");
	assert_int_equal(unbind_one(tree, "01:10.0", NULL, NULL), 0);
	assert_null(tree_get(tree, "run/lend/0000:01:00.0"));
}

/* Those of a device that VFIO gives back go with it: not while somebody works with one. */
static void functions_in_use(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bind_options options = defaults();
	struct lend_error error = {""};
	char node[32];

	options.force = true;
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	assert_int_equal(bind_one(tree, "01:10.0", &options, NULL), 0);
	tree_survey(tree);
	snprintf(node, sizeof(node), "/dev/vfio/%d", tree_device(tree, "01:10.0")->is.group);
	tree_process(tree, 4711, "lend", node);
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, &error), -EBUSY);
	assert_non_null(strstr(error.text, "0000:01:10.0 is in use: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(detached_by_another_hand, plain),
		TEST(another_choice_since, plain),
		TEST(our_override_under_another_driver, plain),
		TEST(given_away_by_another_hand, plain),
		TEST(an_earlier_boot, plain),
		TEST(moved_meanwhile, plain),
		TEST(a_driver_that_takes_all, plain),
		TEST(an_override_of_another_driver, plain),
		TEST(ids_that_name_it, plain),
		TEST(functions_without_autoprobe, sriov),
		TEST(a_record_that_is_cut, plain),
		TEST(power_control, plain),
		TEST(what_was_not_there, plain),
		TEST(a_disk_that_does_not_come, plain),
		TEST(no_room_for_its_record, plain),
		TEST(a_number_that_is_refused, sriov),
		TEST(functions_in_use, sriov),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

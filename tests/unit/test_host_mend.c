/* SPDX-License-Identifier: MIT */
/* What goes wrong on the way: drivers that hang, holders, kills at any point, owners that are gone. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/host_taking.h"

/* A driver that does not let go: said, and mended once it has. */
static void a_driver_that_hangs(void **state)
{
	struct host_tree *tree = *state;
	struct lend_error error = {""};

	strcpy(tree->stuck, "nvme");
	assert_int_equal(bind_one(tree, "01:00.0", NULL, &error), -ETIMEDOUT);
	assert_non_null(strstr(error.text, "taking it from nvme is not over after 30 s"));
	assert_non_null(strstr(error.text, "lend unbind --stale"));
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "");
	tree->stuck[0] = '\0'; /* the kernel is through with it */
	assert_int_equal(lend_mend(tree->context, NULL, &error), 1);
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

static void open_by_a_process(void **state)
{
	struct lend_bind_options force = defaults();
	struct host_tree *tree = *state;
	struct lend_error error = {""};
	char node[32];

	assert_int_equal(bind_one(tree, "01:00.0", NULL, NULL), 0);
	tree_survey(tree);
	snprintf(node, sizeof(node), "/dev/vfio/%d", tree_device(tree, "01:00.0")->is.group);
	tree_process(tree, 4711, "qemu-system-x86", node);
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, &error), -EBUSY);
	assert_non_null(strstr(error.text, "process 4711 (qemu-system-x86)"));
	/* Asked for, and not given up: the holder is named. */
	force.force = true;
	strcpy(tree->stuck, "vfio-pci");
	assert_int_equal(unbind_one(tree, "01:00.0", &force, &error), -ETIMEDOUT);
	assert_non_null(strstr(error.text, "process 4711 (qemu-system-x86)"));
	assert_non_null(strstr(error.text, "relays to it the request"));
	/* While the holder is there --stale says so; afterwards it mends. */
	assert_int_equal(lend_mend(tree->context, NULL, &error), -EBUSY);
	tree_remove(tree, "proc/4711");
	tree->stuck[0] = '\0';
	assert_int_equal(lend_mend(tree->context, NULL, &error), 1);
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

static void a_device_that_does_not_start_again(void **state)
{
	struct lend_bind_options options = defaults();
	struct host_tree *tree = *state;
	struct lend_error error = {""};

	options.limit_ms = 100;
	assert_int_equal(bind_one(tree, "01:00.0", NULL, NULL), 0);
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/.nvme/nvme0/state", "resetting\n");
	assert_int_equal(unbind_one(tree, "01:00.0", &options, &error), -EIO);
	assert_non_null(strstr(error.text, "does not get it to work"));
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/nvme/nvme0/state", "live\n");
	assert_int_equal(lend_mend(tree->context, &options, &error), 1);
}

/* A network card whose driver makes its interface, or below a virtio device, or none. */
static void an_interface_below_virtio(void **state)
{
	struct lend_bind_options options = defaults();
	struct host_tree *tree = *state;
	struct lend_error error = {""};

	options.limit_ms = 100;
	assert_int_equal(bind_one(tree, "02:00.0", NULL, NULL), 0);
	tree_remove(tree, "sys/bus/pci/devices/0000:02:00.0/.net");
	assert_int_equal(unbind_one(tree, "02:00.0", &options, &error), -EIO);
	assert_non_null(strstr(error.text, "does not get it to work"));
	tree_put(tree, "sys/bus/pci/devices/0000:02:00.0/virtio3/net/eth7/carrier", "1");
	assert_int_equal(lend_mend(tree->context, &options, &error), 1);
}

/* One wins; the other is told at once, and changes nothing. */
static void another_process_at_work(void **state)
{
	struct host_tree *tree = *state;
	struct lend_error error = {""};
	char path[PATH_MAX];
	int lock;

	tree_put(tree, "run/lend/0000:01:00.0.lock", "");
	snprintf(path, sizeof(path), "%s", tree_path(tree, "run/lend/0000:01:00.0.lock"));
	lock = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	tree_process(tree, 4712, "lend", path);
	assert_int_equal(bind_one(tree, "01:00.0", NULL, &error), -EBUSY);
	assert_non_null(strstr(error.text, "process 4712 (lend) is at work on it"));
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, &error), -EBUSY);
	assert_string_equal(tree->log, "");
	close(lock);
	assert_int_equal(bind_one(tree, "01:00.0", NULL, &error), 0);
}

/* Killed before and after each order to the kernel, binding is mended. */
static void killed_anywhere(void **state)
{
	bool over = false;
	unsigned kills = 0;

	(void)state;
	for (unsigned at = 1; !over; at++) {
		for (int after = 0; after < 2 && !over; after++) {
			struct host_tree *tree = tree_new("multifunction");
			struct lend_bind_options options = defaults();
			int status;
			pid_t child;

			options.siblings = true;
			tree->die_at = at;
			tree->die_after = after;
			child = fork();
			if (!child)
				_exit(bind_one(tree, "01:00.0", &options, NULL) ? 1 : 0);
			waitpid(child, &status, 0);
			over = WIFEXITED(status) && WEXITSTATUS(status) == 0;
			kills += !over;
			tree->die_at = 0;
			assert_true(lend_mend(tree->context, NULL, NULL) >= 0);
			/* Those that were taken whole stay taken: lend unbind is for them. */
			unbind_one(tree, "01:00.0", NULL, NULL);
			unbind_one(tree, "01:00.1", NULL, NULL);
			expect_untouched(tree, "0000:01:00.0", "nvme");
			expect_untouched(tree, "0000:01:00.1", "nvme");
			tree_free(tree);
		}
	}
	assert_int_equal(kills, 2 * 6);
}

static void killed_while_giving_back(void **state)
{
	bool over = false;

	(void)state;
	for (unsigned at = 1; !over; at++) {
		struct host_tree *tree = tree_new("plain");
		int status;
		pid_t child;

		assert_int_equal(bind_one(tree, "01:00.0", NULL, NULL), 0);
		tree->die_at = tree->orders + at;
		child = fork();
		if (!child)
			_exit(unbind_one(tree, "01:00.0", NULL, NULL) ? 1 : 0);
		waitpid(child, &status, 0);
		over = WIFEXITED(status) && WEXITSTATUS(status) == 0;
		tree->die_at = 0;
		assert_int_equal(lend_mend(tree->context, NULL, NULL), over ? 0 : 1);
		expect_untouched(tree, "0000:01:00.0", "nvme");
		tree_free(tree);
	}
}

/* Managed devices are given back by their owner, and by whoever mends once it is gone. */
static void managed(void **state)
{
	struct lend_bind_options options = defaults();
	struct host_tree *tree = *state;
	char record[512], owner[40];

	options.managed = true;
	tree_process(tree, getpid(), "lend", "/dev/null");
	assert_int_equal(bind_one(tree, "01:00.0", &options, NULL), 0);
	assert_int_equal(bind_one(tree, "02:00.0", NULL, NULL), 0);
	assert_int_equal(lend_mend(tree->context, NULL, NULL), 0);
	assert_int_equal(lend_give_back(tree->context, NULL, NULL), 1);
	expect_untouched(tree, "0000:01:00.0", "nvme");
	assert_string_equal(tree_driver(tree, "0000:02:00.0"), "vfio-pci");
	/* The number of the owner is another process' now. */
	assert_int_equal(bind_one(tree, "01:00.0", &options, NULL), 0);
	snprintf(record, sizeof(record), "%s", tree_get(tree, "run/lend/0000:01:00.0"));
	snprintf(owner, sizeof(owner), "owner %d\n", (int)getpid());
	assert_non_null(strstr(record, owner));
	snprintf(owner, sizeof(owner), "proc/%d/stat", (int)getpid());
	tree_put(tree, owner, "1 (other) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 77 0 0\n");
	assert_int_equal(lend_mend(tree->context, NULL, NULL), 1);
	expect_untouched(tree, "0000:01:00.0", "nvme");
	assert_string_equal(tree_driver(tree, "0000:02:00.0"), "vfio-pci");
}

/* Pulled out and another one put in: the record is not of that one. */
static void a_record_of_another_device(void **state)
{
	struct host_tree *tree = *state;
	const char *device = "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0";
	char moved[PATH_MAX];

	assert_int_equal(bind_one(tree, "01:00.0", NULL, NULL), 0);
	snprintf(moved, sizeof(moved), "%s.old", tree_path(tree, device));
	assert_int_equal(rename(tree_path(tree, device), moved), 0);
	tree_put(tree, "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/driver_override", "(null)\n");
	tree_bind(tree, "0000:01:00.0", "e1000e");
	assert_int_equal(lend_mend(tree->context, NULL, NULL), 0);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "e1000e");
	assert_null(tree_get(tree, "run/lend/0000:01:00.0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_driver_that_hangs, plain),
		TEST(open_by_a_process, plain),
		TEST(a_device_that_does_not_start_again, plain),
		TEST(an_interface_below_virtio, plain),
		TEST(another_process_at_work, plain),
		cmocka_unit_test(killed_anywhere),
		cmocka_unit_test(killed_while_giving_back),
		TEST(managed, plain),
		TEST(a_record_of_another_device, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

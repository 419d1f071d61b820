/* SPDX-License-Identifier: MIT */
/* Taking and giving back on recorded hosts with a played kernel: what is done, refused, undone and mended. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lend/bind.h"
#include "tests/unit/host_tree.h"

static int plain(void **state)
{
	*state = tree_new("plain");
	return 0;
}

static int multifunction(void **state)
{
	*state = tree_new("multifunction");
	return 0;
}

static int sriov(void **state)
{
	*state = tree_new("sriov");
	return 0;
}

static int teardown(void **state)
{
	tree_free(*state);
	return 0;
}

static char notes[2048];

static void note(void *opaque, const char *line)
{
	size_t used = strlen(notes);

	(void)opaque;
	snprintf(notes + used, sizeof(notes) - used, "%s\n", line);
}

static struct lend_bind_options defaults(void)
{
	notes[0] = '\0';
	return (struct lend_bind_options){.size = sizeof(struct lend_bind_options), .note = note};
}

static int bind_one(struct host_tree *tree, const char *address, const struct lend_bind_options *options,
		    struct lend_error *error)
{
	struct lend_bdf bdf = tree_bdf(address);

	return lend_bind(tree->context, &bdf, 1, options, error);
}

static int unbind_one(struct host_tree *tree, const char *address, const struct lend_bind_options *options,
		      struct lend_error *error)
{
	struct lend_bdf bdf = tree_bdf(address);

	return lend_unbind(tree->context, &bdf, 1, options, error);
}

/* As recorded: its driver, no override, no record. */
static void expect_untouched(struct host_tree *tree, const char *address, const char *driver)
{
	char path[96];

	assert_string_equal(tree_driver(tree, address), driver);
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver_override", address);
	assert_string_equal(tree_get(tree, path), "(null)");
	snprintf(path, sizeof(path), "run/lend/%s", address);
	assert_null(tree_get(tree, path));
}

static void there_and_back(void **state)
{
	struct lend_bind_options options = defaults();
	struct host_tree *tree = *state;

	assert_int_equal(bind_one(tree, "01:00.0", &options, NULL), 0);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "vfio-pci");
	assert_string_equal(notes, "0000:01:00.0: taken from nvme, now with vfio-pci\n");
	assert_string_equal(tree->log, "bus/pci/devices/0000:01:00.0/driver_override vfio-pci\n"
				       "bus/pci/drivers/nvme/unbind 0000:01:00.0\n"
				       "bus/pci/drivers_probe 0000:01:00.0\n");
	tree->log[0] = '\0';
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, NULL), 0);
	assert_string_equal(tree->log, "bus/pci/devices/0000:01:00.0/reset 1\n"
				       "bus/pci/devices/0000:01:00.0/driver_override \n"
				       "bus/pci/drivers/vfio-pci/unbind 0000:01:00.0\n"
				       "bus/pci/drivers_probe 0000:01:00.0\n");
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

static void one_without_a_driver(void **state)
{
	struct host_tree *tree = *state;

	assert_int_equal(bind_one(tree, "00:08.0", NULL, NULL), 0);
	assert_string_equal(tree_driver(tree, "0000:00:08.0"), "vfio-pci");
	assert_int_equal(unbind_one(tree, "00:08.0", NULL, NULL), 0);
	expect_untouched(tree, "0000:00:08.0", "");
}

/* The override that was there before comes back, too. */
static void an_override_of_before(void **state)
{
	struct host_tree *tree = *state;
	const char *path = "sys/bus/pci/devices/0000:01:00.0/driver_override";

	tree_put(tree, path, "nvme\n");
	assert_int_equal(bind_one(tree, "01:00.0", NULL, NULL), 0);
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, NULL), 0);
	assert_string_equal(tree_get(tree, path), "nvme");
}

/* A driver that had the device by new_id does not take it by itself. */
static void a_driver_that_must_be_told(void **state)
{
	struct host_tree *tree = *state;

	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/.own", "");
	assert_int_equal(bind_one(tree, "01:00.0", NULL, NULL), 0);
	tree_put(tree, "sys/devices/pci0000:00/0000:00:10.0/0000:01:00.0/nvme/nvme0/state", "live\n");
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, NULL), 0);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
	assert_non_null(strstr(tree->log, "drivers/nvme/bind 0000:01:00.0"));
}

static void already_there(void **state)
{
	struct lend_bind_options options = defaults();
	struct host_tree *tree = *state;

	assert_int_equal(bind_one(tree, "01:00.0", NULL, NULL), 0);
	tree->log[0] = '\0';
	assert_int_equal(bind_one(tree, "01:00.0", &options, NULL), 0);
	assert_string_equal(notes, "0000:01:00.0: with vfio-pci already\n");
	assert_string_equal(tree->log, "");
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, NULL), 0);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
	options = defaults();
	assert_int_equal(unbind_one(tree, "01:00.0", &options, NULL), 0);
	assert_string_equal(notes, "0000:01:00.0: not taken, it is with nvme\n");
}

/* Bound by hand, with no record: whichever driver takes it has it. */
static void bound_by_hand(void **state)
{
	struct host_tree *tree = *state;

	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/driver_override", "vfio-pci\n");
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, NULL), 0);
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

static void refused(void **state)
{
	struct host_tree *tree = *state;
	struct lend_error error = {""};
	struct lend_bind_options force = defaults();

	assert_int_equal(bind_one(tree, "09:00.0", NULL, &error), -ENODEV);
	assert_int_equal(bind_one(tree, "00:10.0", NULL, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.text, "bridge"));
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n");
	assert_int_equal(bind_one(tree, "01:00.0", NULL, &error), -EBUSY);
	assert_non_null(strstr(error.text, "/dev/nvme0n1 is mounted at /data"));
	assert_non_null(strstr(error.text, "--force"));
	assert_string_equal(tree->log, "");
	force.force = true;
	assert_int_equal(bind_one(tree, "01:00.0", &force, &error), 0);
	tree_remove(tree, "sys/bus/pci/drivers/vfio-pci");
	assert_int_equal(bind_one(tree, "02:00.0", NULL, &error), -ENODEV);
	assert_non_null(strstr(error.text, "modprobe vfio-pci"));
}

static void a_shared_group(void **state)
{
	struct lend_bind_options options = defaults();
	struct host_tree *tree = *state;
	struct lend_bdf both[] = {tree_bdf("01:00.1"), tree_bdf("01:00.0")};
	struct lend_error error = {""};

	assert_int_equal(bind_one(tree, "01:00.0", NULL, &error), -EPERM);
	assert_non_null(strstr(error.text, "0000:01:00.1 (nvme)"));
	assert_non_null(strstr(error.text, "--siblings"));
	options.siblings = true;
	assert_int_equal(bind_one(tree, "01:00.0", &options, &error), 0);
	assert_string_equal(tree_driver(tree, "0000:01:00.1"), "vfio-pci");
	assert_int_equal(lend_unbind(tree->context, both, 2, NULL, &error), 0);
	expect_untouched(tree, "0000:01:00.0", "nvme");
	expect_untouched(tree, "0000:01:00.1", "nvme");
	/* Named both, they are the whole group. */
	assert_int_equal(lend_bind(tree->context, both, 2, NULL, &error), 0);
}

static void a_sibling_in_use(void **state)
{
	struct lend_bind_options options = defaults();
	struct host_tree *tree = *state;
	struct lend_error error = {""};

	options.siblings = true;
	tree_append(tree, "proc/self/mountinfo", "40 23 259:0 / /data rw - ext4 /dev/nvme1n1 rw\n");
	assert_int_equal(bind_one(tree, "01:00.0", &options, &error), -EBUSY);
	assert_non_null(strstr(error.text, "0000:01:00.1 is in use"));
	assert_string_equal(tree->log, "");
}

/* The second device fails: the first is put back. */
static void all_or_none(void **state)
{
	struct lend_bind_options options = defaults();
	struct host_tree *tree = *state;
	struct lend_error error = {""};

	options.siblings = true;
	strcpy(tree->deny, "0000:01:00.1");
	assert_int_equal(bind_one(tree, "01:00.0", &options, &error), -EACCES);
	assert_non_null(strstr(error.text, "0000:01:00.1"));
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
	assert_string_equal(tree_driver(tree, "0000:01:00.1"), "nvme");
	tree->deny[0] = '\0';
	strcpy(tree->refuses, "vfio-pci");
	assert_int_equal(bind_one(tree, "01:00.0", &options, &error), -ENODEV);
	assert_non_null(strstr(error.text, "not to vfio-pci"));
	expect_untouched(tree, "0000:01:00.0", "nvme");
}

/* A driver that does not let go: said, and mended once it has. */
static void a_driver_that_hangs(void **state)
{
	struct host_tree *tree = *state;
	struct lend_error error = {""};

	strcpy(tree->stuck, "nvme");
	assert_int_equal(bind_one(tree, "01:00.0", NULL, &error), -ETIMEDOUT);
	assert_non_null(strstr(error.text, "taking it from nvme is not over after 30 s"));
	assert_non_null(strstr(error.text, "lend unbind --stale"));
	tree->stuck[0] = '\0';
	tree_bind(tree, "0000:01:00.0", NULL); /* the kernel is through with it */
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

static void without_privilege(void **state)
{
	struct host_tree *tree = *state;
	struct lend_error error = {""};
	int status;
	pid_t child;

	chmod(tree->root, 0755);
	chmod(tree_path(tree, "run"), 0555);
	child = fork();
	if (!child) {
		if (!geteuid() && setuid(65534))
			_exit(1);
		_exit(bind_one(tree, "01:00.0", NULL, &error) != -EACCES || !strstr(error.text, "root"));
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

static void virtual_functions(void **state)
{
	struct lend_bind_options options = defaults();
	struct host_tree *tree = *state;
	struct lend_bdf pf = tree_bdf("01:00.0"), nvme = tree_bdf("00:1f.2");
	struct lend_error error = {""};

	assert_int_equal(lend_set_vfs(tree->context, &nvme, 1, &options, &error), -EOPNOTSUPP);
	assert_int_equal(lend_set_vfs(tree->context, &pf, 8, &options, &error), -ERANGE);
	assert_non_null(strstr(error.text, "can have 7"));
	assert_int_equal(lend_set_vfs(tree->context, &pf, 2, &options, &error), 0);
	assert_string_equal(tree->log, "");
	/* From two to three by way of none: the kernel knows no other. */
	assert_int_equal(lend_set_vfs(tree->context, &pf, 3, &options, &error), 0);
	assert_string_equal(tree->log, "bus/pci/devices/0000:01:00.0/sriov_numvfs 0\n"
				       "bus/pci/devices/0000:01:00.0/sriov_numvfs 3\n");
	tree_append(tree, "proc/net/if_inet6", "fd000000000000000000000000000001 03 40 00 80     eth2\n");
	assert_int_equal(lend_set_vfs(tree->context, &pf, 0, &options, &error), -EBUSY);
	assert_non_null(strstr(error.text, "0000:01:10.2"));
	options.force = true;
	assert_int_equal(lend_set_vfs(tree->context, &pf, 0, &options, &error), 0);
	options.force = false;
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	assert_int_equal(lend_set_vfs(tree->context, &pf, 1, &options, &error), -EBUSY);
	tree_remove(tree, "proc/net/if_inet6");
	tree_put(tree, "sys/module/vfio_pci/parameters/enable_sriov", "N\n");
	assert_int_equal(lend_set_vfs(tree->context, &pf, 1, &options, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.text, "lend unbind 0000:01:00.0"));
	tree_put(tree, "sys/module/vfio_pci/parameters/enable_sriov", "Y\n");
	notes[0] = '\0';
	assert_int_equal(lend_set_vfs(tree->context, &pf, 1, &options, &error), 0);
	assert_non_null(strstr(notes, "VF token"));
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_and_back, plain),
		TEST(one_without_a_driver, plain),
		TEST(an_override_of_before, plain),
		TEST(a_driver_that_must_be_told, plain),
		TEST(already_there, plain),
		TEST(bound_by_hand, plain),
		TEST(refused, plain),
		TEST(a_shared_group, multifunction),
		TEST(a_sibling_in_use, multifunction),
		TEST(all_or_none, multifunction),
		TEST(a_driver_that_hangs, plain),
		TEST(open_by_a_process, plain),
		TEST(a_device_that_does_not_start_again, plain),
		TEST(another_process_at_work, plain),
		cmocka_unit_test(killed_anywhere),
		cmocka_unit_test(killed_while_giving_back),
		TEST(managed, plain),
		TEST(a_record_of_another_device, plain),
		TEST(without_privilege, plain),
		TEST(virtual_functions, sriov),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

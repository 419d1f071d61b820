/* SPDX-License-Identifier: MIT */
/* Taking and giving back on recorded hosts with a played kernel: what is done, refused and undone. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/host_taking.h"

enum { NOBODY = 65534 };

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

	strcpy(tree->shy, "nvme");
	assert_int_equal(bind_one(tree, "01:00.0", NULL, NULL), 0);
	assert_int_equal(unbind_one(tree, "01:00.0", NULL, NULL), 0);
	assert_string_equal(tree_driver(tree, "0000:01:00.0"), "nvme");
	assert_non_null(strstr(tree->log, "driver_override nvme\n"));
	expect_untouched(tree, "0000:01:00.0", "nvme");
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
static void xsa_395_all_or_none(void **state)
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
	tree_put(tree, "sys/module/vfio_pci/parameters/enable_sriov", "N\n");
	assert_int_equal(lend_set_vfs(tree->context, &pf, 1, &options, &error), -EOPNOTSUPP);
	assert_non_null(strstr(error.text, "lend unbind 0000:01:00.0"));
	assert_non_null(strstr(error.text, "echo Y > "));
	assert_non_null(strstr(error.text, "sys/module/vfio_pci/parameters/enable_sriov"));
	tree_put(tree, "sys/module/vfio_pci/parameters/enable_sriov", "Y\n");
	notes[0] = '\0';
	assert_int_equal(lend_set_vfs(tree->context, &pf, 1, &options, &error), 0);
	assert_non_null(strstr(notes, "VF token"));
}

/* A virtual function that was lent goes: what was remembered of it goes with it. */
static void a_virtual_function_that_goes(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bdf pf = tree_bdf("01:00.0");

	assert_int_equal(bind_one(tree, "01:10.0", NULL, NULL), 0);
	assert_non_null(tree_get(tree, "run/lend/0000:01:10.0"));
	assert_int_equal(lend_set_vfs(tree->context, &pf, 0, NULL, NULL), 0);
	assert_null(tree_get(tree, "run/lend/0000:01:10.0"));
	assert_int_equal(lend_mend(tree->context, NULL, NULL), 0);
}

/* A kernel without VFIO's groups makes the devices' own nodes alone: the user gets that one. */
static void a_kernel_without_groups(void **state)
{
	struct host_tree *tree = *state;
	struct lend_bind_options options = defaults();
	struct lend_error error = {""};
	struct stat node;

	options.has_user = true;
	options.user = geteuid() ? geteuid() : NOBODY; /* only root gives nodes away */
	tree->no_groups = true;
	assert_int_equal(bind_one(tree, "01:00.0", &options, &error), -ENOENT);
	assert_non_null(strstr(error.text, "the kernel made no node for it below"));
	expect_untouched(tree, "0000:01:00.0", "nvme");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/vfio-dev/vfio0/dev", "511:0\n");
	tree_put(tree, "dev/vfio/devices/vfio0", "");
	assert_int_equal(bind_one(tree, "01:00.0", &options, &error), 0);
	assert_int_equal(stat(tree_path(tree, "dev/vfio/devices/vfio0"), &node), 0);
	assert_int_equal(node.st_uid, options.user);
}

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
		TEST(xsa_395_all_or_none, multifunction),
		TEST(without_privilege, plain),
		TEST(virtual_functions, sriov),
		TEST(a_virtual_function_that_goes, sriov),
		TEST(a_kernel_without_groups, plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

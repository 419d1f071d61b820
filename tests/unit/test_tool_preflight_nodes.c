/* SPDX-License-Identifier: MIT */
/* lend check and lend run say the same of nodes that are not there, that this user may not open, or that are
 * open. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/preflight.h"

enum { NOBODY = 65534 };

/* A user without rights, for whom the nodes are what they are. */
static void in_a_user(struct host_tree *tree, const struct run_options *options, const char *where)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (!geteuid() && setuid(NOBODY))
			_exit(99);
		compare(tree, options, where);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* A node is not there, or not for the user, or open. */
static void put_node(struct host_tree *tree, const char *path, unsigned kind)
{
	tree_remove(tree, path);
	if (!kind)
		return;
	tree_put(tree, path, "");
	chmod(tree_path(tree, path), kind == 1 ? 0600 : 0666);
}

static void nodes_of_every_kind(void **state)
{
	enum { KINDS = 3, COUNT = 5, ALL = 243 };
	struct host_tree *tree = tree_new("plain");
	struct run_options options = machine_of("0000:01:00.0");
	char group[32];
	const char *const nodes[COUNT] = {group, "dev/vfio/devices/vfio0", "dev/iommu", "dev/vfio/vfio",
					  "dev/kvm"};

	(void)state;
	chmod(tree->root, 0755);
	snprintf(group, sizeof(group), "dev/vfio/%d", tree_device(tree, "01:00.0")->is.group);
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/vfio-dev/vfio0/dev", "511:0\n");
	tree_put(tree, "proc/self/status", "CapEff:\t0000000000004000\n");
	for (unsigned n = 0; n < ALL; n++) {
		char where[COUNT + 1] = "";

		for (unsigned i = 0, rest = n; i < COUNT; i++, rest /= KINDS) {
			put_node(tree, nodes[i], rest % KINDS);
			where[i] = (char)('0' + rest % KINDS);
		}
		in_a_user(tree, &options, where);
	}
	tree_free(tree);
}

/* A device that no way is open to is refused, whatever the other ways are. */
static void the_way_is_the_one_that_is_open(void **state)
{
	struct host_tree *tree = tree_new("plain");
	struct run_options options = machine_of("0000:01:00.0");
	struct lend_error error = {""};
	int status;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	chmod(tree->root, 0755);
	tree_bind(tree, "0000:01:00.0", "vfio-pci");
	tree_put(tree, "sys/bus/pci/devices/0000:01:00.0/vfio-dev/vfio0/dev", "511:0\n");
	tree_put(tree, "proc/self/status", "CapEff:\t0000000000004000\n");
	tree_remove(tree, "dev/vfio");
	tree_put(tree, "dev/vfio/devices/vfio0", "");
	tree_put(tree, "dev/iommu", "");
	chmod(tree_path(tree, "dev/kvm"), 0666);
	chmod(tree_path(tree, "dev/vfio/devices/vfio0"), 0600);
	chmod(tree_path(tree, "dev/iommu"), 0600);
	pid = fork();
	if (!pid) {
		if (setuid(NOBODY))
			_exit(99);
		if (!preflight_devices(tree->context, &options, &error) ||
		    !strstr(error.text, "you may not open ") || !strstr(error.text, "vfio0"))
			fail_msg("%s", error.text);
		/* Who chose a way, or brings an open /dev/iommu, is told by the open. */
		options.devices[0].backend = LEND_BACKEND_IOMMUFD;
		if (preflight_devices(tree->context, &options, &error))
			_exit(2);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_of_every_kind),
		cmocka_unit_test(the_way_is_the_one_that_is_open),
	};

	return cmocka_run_group_tests(tests, make_kernel, NULL);
}

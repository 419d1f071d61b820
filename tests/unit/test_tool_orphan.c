/* SPDX-License-Identifier: MIT */
/* Who waits for whom: machines whose keeper is gone, played by processes that hold a file open. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tool/run/orphan.c"

static const char address[] = "0000:05:00.0";

struct stage {
	char root[64];
	struct machine_roots roots;
	pid_t holder;
	int word; /* pipe to the holder: a byte ends it */
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	char command[400];

	assert_non_null(stage);
	strcpy(stage->root, "/tmp/lend-test-orph-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p vfio bus/pci/devices/%s && touch vfio/7 && "
		 "ln -s ../../../../kernel/iommu_groups/7 bus/pci/devices/%s/iommu_group",
		 stage->root, address, address);
	assert_int_equal(system(command), 0);
	stage->roots = (struct machine_roots){.dev = stage->root, .proc = "/proc", .sys = stage->root};
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", stage->root);
	assert_int_equal(system(command), 0);
	free(stage);
	return 0;
}

/* A process of that name holds a node of the device. */
static void hold(struct stage *stage, const char *node, const char *name)
{
	int word[2], ready[2];
	char path[128], byte;

	assert_int_equal(pipe(word) | pipe(ready), 0);
	stage->holder = fork();
	if (!stage->holder) {
		snprintf(path, sizeof(path), "%s/vfio/%s", stage->root, node);
		prctl(PR_SET_NAME, name);
		close(word[1]);
		if (open(path, O_RDONLY) < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(read(word[0], &byte, 1) != 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(word[0]);
	stage->word = word[1];
}

static void hold_group(struct stage *stage, const char *name)
{
	hold(stage, "7", name);
}

static void let_go(struct stage *stage)
{
	close(stage->word);
	assert_int_equal(waitpid(stage->holder, NULL, 0), stage->holder);
}

static void nobody(void **state)
{
	struct stage *stage = *state;

	assert_true(orphan_await(&stage->roots, address, 0));
	assert_true(orphan_await(&stage->roots, "0000:06:00.0", 0));
}

/* Our parent has another name than theirs, which is this test: so theirs is no keeper. */
static void orphan_is_waited_for(void **state)
{
	struct stage *stage = *state;

	hold_group(stage, MACHINE_NAME);
	assert_false(orphan_await(&stage->roots, address, 0));
	assert_int_equal(write(stage->word, "x", 1), 1);
	assert_true(orphan_await(&stage->roots, address, 30000));
	let_go(stage);
}

static void others_are_not_waited_for(void **state)
{
	struct stage *stage = *state;

	hold_group(stage, "qemu");
	assert_false(orphan_await(&stage->roots, address, 1000000));
	let_go(stage);
}

/* One that has the device by its own node, which the group's does not show. */
static void node_is_looked_at(void **state)
{
	struct stage *stage = *state;
	char command[400];

	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p vfio/devices bus/pci/devices/%s/vfio-dev/vfio3 && touch "
		 "vfio/devices/vfio3 "
		 "&& echo 244:3 >bus/pci/devices/%s/vfio-dev/vfio3/dev",
		 stage->root, address, address);
	assert_int_equal(system(command), 0);
	hold(stage, "devices/vfio3", "qemu");
	assert_false(orphan_await(&stage->roots, address, 1000000));
	let_go(stage);
	assert_true(orphan_await(&stage->roots, address, 0));
}

/* Asked from a process that has the same parent as the holder: that is a keeper. */
static void kept_machine_is_not_waited_for(void **state)
{
	struct stage *stage = *state;
	int status;
	pid_t machine;

	hold_group(stage, MACHINE_NAME);
	machine = fork();
	if (!machine)
		_exit(orphan_await(&stage->roots, address, 1000000));
	waitpid(machine, &status, 0);
	assert_int_equal(status, 0);
	let_go(stage);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nobody),
		CASE(orphan_is_waited_for),
		CASE(others_are_not_waited_for),
		CASE(node_is_looked_at),
		CASE(kept_machine_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

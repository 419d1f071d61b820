/* SPDX-License-Identifier: MIT */
/*
 * The promise of lend check: cure what failed from the top, and check again
 * after each. It is kept on every recorded host and on edited ones: the cures
 * are followed as they are printed, none comes a second time for the same row,
 * and at the end nothing failed, or what did is told in a sentence.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_walk.h"

static void walk_through(const struct sick_host *host)
{
	struct walk *walk = walk_begin(host);
	const char *journal = walk->person.journal, *left = walk->left;

	while (walk_step(walk))
		;
	if (host->step && !strstr(journal, host->step))
		fail_msg("'%s' is not among what was said:\n%s", host->step, journal);
	if (!host->end && host->edit && left[0])
		fail_msg("in the end '%s' is left; done was:\n%s", left, journal);
	if (host->end && strncmp(left, host->end, strlen(host->end)) != 0)
		fail_msg("in the end not '%s' is left, but '%s'; done was:\n%s", host->end, left, journal);
	walk_end(walk);
}

/* Every device of every recorded host. */
static void recorded_hosts(void **state)
{
	static const char *const trees[] = {"plain",    "conventional", "multifunction",
					    "no-iommu", "sriov",        "virtio-iommu"};

	(void)state;
	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		struct host_tree *tree = tree_new(trees[i]);
		const struct lend_survey_device *device;

		for (size_t k = 0; (device = lend_survey_at(tree_survey(tree), k)); k++) {
			const struct sick_host host = {.tree = trees[i], .devices = {device->is.name}};

			walk_through(&host);
		}
		tree_free(tree);
	}
}

static void all(const struct sick_host *hosts)
{
	for (; hosts->tree; hosts++)
		walk_through(hosts);
}

static void computers(void **state)
{
	(void)state;
	all(sick_computers);
}

static void devices(void **state)
{
	(void)state;
	all(sick_devices);
}

static void users(void **state)
{
	(void)state;
	all(sick_users);
}

/* Each topic that can fail has failed above, so no cure is left unfollowed. */
static void every_topic(void **state)
{
	static const char *const topics[] = {
		"iommu",    "interrupt-remapping",
		"vfio-pci", "kvm",
		"kernel",   "device",
		"in-use",   "group",
		"driver",   "reset",
		"reserved", "node",
		"files",    "watches",
		"maps",     "dma-maps",
		"threads",  "memlock",
		"memory",   "hugepages",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); i++) {
		if (!walk_failed(topics[i]))
			fail_msg("no host fails for %s", topics[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_hosts), cmocka_unit_test(computers),   cmocka_unit_test(devices),
		cmocka_unit_test(users),          cmocka_unit_test(every_topic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

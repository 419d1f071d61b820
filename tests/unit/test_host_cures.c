/* SPDX-License-Identifier: MIT */
/*
 * The promise of lend check: cure what failed from the top, and check again
 * after each. It is kept on every recorded host and on edited ones: the cures
 * are followed as they are printed, none comes a second time for the same row,
 * and at the end nothing failed, or what did is told in a sentence.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/host_cures.h"

enum { STEPS_MAX = 40 };

/* What the check asks of the process that it runs in is answered for the person. */
static const struct person *played;

int __real_getrlimit(__rlimit_resource_t resource, struct rlimit *limit);
int __wrap_getrlimit(__rlimit_resource_t resource, struct rlimit *limit);
int __real_faccessat(int dir, const char *path, int mode, int flags);
int __wrap_faccessat(int dir, const char *path, int mode, int flags);
uid_t __wrap_getuid(void);
uid_t __wrap_geteuid(void);

int __wrap_getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
	static const int of[CURES_LIMITS] = {RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_NPROC};

	for (int i = 0; played && i < CURES_LIMITS; i++)
		if ((int)resource == of[i]) {
			limit->rlim_cur = limit->rlim_max =
				played->limits[i] ? played->limits[i] : RLIM_INFINITY;
			return 0;
		}
	return __real_getrlimit(resource, limit);
}

int __wrap_faccessat(int dir, const char *path, int mode, int flags)
{
	if (played && mode != F_OK && cure_is_denied(played, path)) {
		errno = EACCES;
		return -1;
	}
	return __real_faccessat(dir, path, mode, flags);
}

uid_t __wrap_getuid(void)
{
	return 1000;
}

uid_t __wrap_geteuid(void)
{
	return 1000;
}

/* The topics that have failed in any of the hosts below. */
static char failed[512];

static void note_topic(const char *topic)
{
	char word[40];

	snprintf(word, sizeof(word), " %s ", topic);
	if (!strstr(failed, word))
		snprintf(failed + strlen(failed), sizeof(failed) - strlen(failed), "%s", word);
}

/* A row with its cure, as a person remembers it. */
struct remembered {
	char text[sizeof(((struct lend_check_row *)0)->text) + 64];
	char cure[sizeof(((struct lend_check_row *)0)->command) + 400];
};

static struct remembered remember(const struct lend_check_row *row)
{
	struct remembered out;

	snprintf(out.text, sizeof(out.text), "%s %s: %s", row->topic, row->device, row->text);
	snprintf(out.cure, sizeof(out.cure), "%s%s%s", row->command, row->kernel_argument,
		 row->command[0] || row->kernel_argument[0] ? "" : row->advice);
	return out;
}

static struct lend_check *look(const struct sick_host *host, struct person *person)
{
	struct lend_check_options options = host->options;
	struct lend_bdf devices[CURES_DEVICES];
	struct lend_error error = {""};
	struct lend_check *check = NULL;
	size_t count = 0;

	while (count < CURES_DEVICES && host->devices[count]) {
		devices[count] = tree_bdf(host->devices[count]);
		count++;
	}
	options.size = sizeof(options);
	options.user = person->user;
	options.shell = 77;
	played = person;
	if (lend_check_new(person->tree->context, devices, count, &options, &check, &error))
		fail_msg("%s", error.text);
	played = NULL;
	return check;
}

/*
 * Follows the first cure that can be followed. False: there is none. What has
 * only a sentence is passed over, and with it what cannot be done before it.
 */
static bool step(const struct sick_host *host, struct person *person, struct remembered *done, size_t count,
		 char *left, size_t room)
{
	struct lend_check *check = look(host, person);
	const struct lend_check_row *row;
	bool followed = false;

	left[0] = '\0';
	for (size_t i = 0; !followed && (row = lend_check_at(check, i)); i++) {
		struct remembered now = remember(row);

		if (row->verdict != LEND_FAILED)
			continue;
		note_topic(row->topic);
		if (!now.cure[0])
			fail_msg("'%s' has no cure", now.text);
		for (size_t k = 0; k < count; k++)
			if (!strcmp(done[k].text, now.text) && !strcmp(done[k].cure, now.cure))
				fail_msg("'%s' comes again with the cure '%s'; done was:\n%s", now.text,
					 now.cure, person->journal);
		if (strncmp(row->command, "lend ", 5) || !left[0])
			followed = cure_follow(person, row);
		if (followed)
			done[count] = now;
		else if (!left[0])
			snprintf(left, room, "%s", row->advice);
	}
	lend_check_free(check);
	return followed;
}

static void walk(const struct sick_host *host)
{
	struct person person = {.tree = tree_new(host->tree), .user = "ann"};
	struct remembered done[STEPS_MAX];
	char left[512];
	size_t count = 0;

	if (host->edit)
		host->edit(&person);
	while (step(host, &person, done, count, left, sizeof(left)))
		if (++count == STEPS_MAX)
			fail_msg("the cures do not end:\n%s", person.journal);
	if (host->step && !strstr(person.journal, host->step))
		fail_msg("'%s' is not among what was said:\n%s", host->step, person.journal);
	if (!host->end && host->edit && left[0])
		fail_msg("in the end '%s' is left; done was:\n%s", left, person.journal);
	if (host->end && strncmp(left, host->end, strlen(host->end)) != 0)
		fail_msg("in the end not '%s' is left, but '%s'; done was:\n%s", host->end, left,
			 person.journal);
	tree_free(person.tree);
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

			walk(&host);
		}
		tree_free(tree);
	}
}

static void all(const struct sick_host *hosts)
{
	for (; hosts->tree; hosts++)
		walk(hosts);
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
	char word[40];

	(void)state;
	for (size_t i = 0; i < sizeof(topics) / sizeof(*topics); i++) {
		snprintf(word, sizeof(word), " %s ", topics[i]);
		if (!strstr(failed, word))
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

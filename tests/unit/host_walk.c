/* SPDX-License-Identifier: MIT */
/* Checking a host, and following the first cure; see host_walk.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/host_walk.h"

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
	/* What is not there is not denied either. */
	if (played && mode != F_OK && cure_is_denied(played, path) && !__real_faccessat(dir, path, F_OK, 0)) {
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

bool walk_failed(const char *topic)
{
	char word[40];

	snprintf(word, sizeof(word), " %s ", topic);
	return strstr(failed, word) != NULL;
}

static void note_topic(const char *topic)
{
	if (!walk_failed(topic))
		snprintf(failed + strlen(failed), sizeof(failed) - strlen(failed), " %s ", topic);
}

static struct remembered remember(const struct lend_check_row *row)
{
	struct remembered out;

	snprintf(out.text, sizeof(out.text), "%s %s: %s", row->topic, row->device, row->text);
	snprintf(out.cure, sizeof(out.cure), "%s%s%s", row->command, row->kernel_argument,
		 row->command[0] || row->kernel_argument[0] ? "" : row->advice);
	return out;
}

struct lend_check *walk_check(const struct walk *walk)
{
	struct lend_check_options options = walk->host->options;
	struct lend_bdf devices[CURES_DEVICES];
	struct lend_error error = {""};
	struct lend_check *check = NULL;
	size_t count = 0;

	while (count < CURES_DEVICES && walk->host->devices[count]) {
		devices[count] = tree_bdf(walk->host->devices[count]);
		count++;
	}
	options.size = sizeof(options);
	options.user = walk->person.user;
	options.shell = 77;
	played = &walk->person;
	if (lend_check_new(walk->person.tree->context, devices, count, &options, &check, &error))
		fail_msg("%s", error.text);
	played = NULL;
	return check;
}

static void refuse_again(const struct walk *walk, const struct remembered *now)
{
	for (size_t i = 0; i < walk->count; i++)
		if (!strcmp(walk->done[i].text, now->text) && !strcmp(walk->done[i].cure, now->cure))
			fail_msg("'%s' comes again with the cure '%s'; done was:\n%s", now->text, now->cure,
				 walk->person.journal);
}

bool walk_step(struct walk *walk)
{
	struct lend_check *check = walk_check(walk);
	const struct lend_check_row *row;
	bool followed = false;

	walk->left[0] = '\0';
	for (size_t i = 0; !followed && (row = lend_check_at(check, i)); i++) {
		struct remembered now = remember(row);

		if (row->verdict != LEND_FAILED)
			continue;
		note_topic(row->topic);
		if (!now.cure[0])
			fail_msg("'%s' has no cure", now.text);
		refuse_again(walk, &now);
		if (strncmp(row->command, "lend ", 5) || !walk->left[0])
			followed = cure_follow(&walk->person, row);
		if (followed && walk->count == WALK_STEPS)
			fail_msg("the cures do not end:\n%s", walk->person.journal);
		if (followed)
			walk->done[walk->count++] = now;
		else if (!walk->left[0])
			snprintf(walk->left, sizeof(walk->left), "%s", row->advice);
	}
	lend_check_free(check);
	return followed;
}

struct walk *walk_begin(const struct sick_host *host)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	assert_non_null(walk);
	walk->host = host;
	walk->person.tree = tree_new(host->tree);
	walk->person.user = "ann";
	if (host->edit)
		host->edit(&walk->person);
	return walk;
}

void walk_end(struct walk *walk)
{
	tree_free(walk->person.tree);
	free(walk);
}

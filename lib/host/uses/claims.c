/* SPDX-License-Identifier: MIT */
/* Claims on paths (ways.h). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/host/uses/ways.h"

/* The mount that a file is on: its path begins with the mount point. The longest counts, then the latest. */
static const struct mount *mount_of(const struct lend_survey *survey, const char *path)
{
	const struct mount *found = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < survey->mount_count; i++) {
		const struct mount *mount = &survey->mounts[i];
		size_t length = strlen(mount->point);

		if (length == 1)
			length = 0; /* "/": each path goes on with a slash */
		if (!strncmp(path, mount->point, length) && path[length] == '/' && length >= longest) {
			longest = length;
			found = mount;
		}
	}
	return found;
}

/* "/dev/disk/by-id/x" to "/dev/nvme0n1"; any other path stays. */
static void follow(struct lend_survey *survey, struct claim *claim)
{
	char last[64];

	if (!look_link(survey, context_dev(survey->context), claim->path + strlen("/dev/"), last,
		       sizeof(last)))
		snprintf(claim->path, sizeof(claim->path), "/dev/%s", last);
}

struct claim *survey_claim(struct lend_survey *survey, enum lend_use_kind kind, const char *path,
			   const char *by, ...)
{
	struct claim *claim =
		survey_row(survey, &survey->claims, &survey->claim_count, sizeof(*survey->claims));
	const struct mount *mount;
	va_list args;

	if (!claim)
		return NULL;
	claim->kind = kind;
	va_start(args, by);
	vsnprintf(claim->by, sizeof(claim->by), by, args);
	va_end(args);
	if (path[0] != '/') {
		snprintf(claim->number, sizeof(claim->number), "%.23s", path);
		return claim;
	}
	snprintf(claim->path, sizeof(claim->path), "%.127s", path);
	if (!strncmp(path, "/dev/", strlen("/dev/"))) {
		follow(survey, claim);
		return claim;
	}
	/* It is a file: the claim is on the disk of its file system. */
	snprintf(claim->file, sizeof(claim->file), "%.95s", path);
	mount = mount_of(survey, path);
	claim->path[0] = '\0';
	if (mount && strncmp(mount->number, "0:", 2) != 0)
		snprintf(claim->number, sizeof(claim->number), "%s", mount->number);
	else if (mount)
		snprintf(claim->path, sizeof(claim->path), "%s", mount->source);
	return claim;
}

void claim_weak(struct claim *claim)
{
	if (claim)
		claim->weak = true;
}

void claim_above(struct claim *claim, const char *kernel)
{
	if (claim)
		snprintf(claim->above, sizeof(claim->above), "%.39s", kernel);
}

/* Characters that a shell may not take as they are. The '%' of a format counts for none. */
static size_t specials(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += !strchr(SHELL_PLAIN "%", *text);
	return count;
}

void claim_cure(struct claim *claim, const char *format, ...)
{
	va_list args;
	int length;

	if (!claim)
		return;
	va_start(args, format);
	length = vsnprintf(claim->cure, sizeof(claim->cure), format, args);
	va_end(args);
	/* A command that is cut, or has a name that a shell splits, would do something else. */
	if (length < 0 || (size_t)length >= sizeof(claim->cure) || specials(claim->cure) != specials(format))
		claim->cure[0] = '\0';
}

void claim_stays(struct claim *claim)
{
	if (claim)
		claim->stays = true;
}

void claim_unmount(struct claim *claim, const char *point)
{
	if (mounts_last(point))
		claim_stays(claim);
	else
		claim_cure(claim, "umount %s", point);
}

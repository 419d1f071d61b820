/* SPDX-License-Identifier: MIT */
/* Reading the host, with a note of what could not be read (look.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/survey/survey.h"

void look_for(struct lend_survey *survey, uint64_t kinds)
{
	survey->looking = kinds;
}

/* A folder without an entry of that name is as good as one with nothing in it. */
static bool is_none(int ret)
{
	return ret == -ENOENT || ret == -ENOTDIR || ret == -ESRCH || ret == -ENODEV;
}

static struct unread *row_of(struct lend_survey *survey)
{
	struct unread *row;

	for (size_t i = 0; i < survey->unread_count; i++)
		if (survey->unread[i].kinds == survey->looking)
			return &survey->unread[i];
	row = survey_row(survey, &survey->unread, &survey->unread_count, sizeof(*survey->unread));
	if (row)
		row->kinds = survey->looking;
	return row;
}

int look_failed(struct lend_survey *survey, const char *dir, const char *name, int ret)
{
	struct unread *row;

	if (ret >= 0 || is_none(ret))
		return ret;
	row = row_of(survey);
	if (row && !row->count++) {
		row->error = ret;
		snprintf(row->path, sizeof(row->path), "%s%s%s", dir, name ? "/" : "", name ? name : "");
	}
	return ret;
}

int look_process(int ret, size_t *hidden)
{
	*hidden += ret < 0 && ret != -ENOENT && ret != -ESRCH && ret != -EINVAL;
	return ret;
}

void look_end(struct lend_survey *survey)
{
	for (size_t i = 0; i < survey->unread_count; i++) {
		struct unread *row = &survey->unread[i];
		bool rights = row->error == -EACCES || row->error == -EPERM;
		char more[48] = "";

		if (row->count > 1)
			snprintf(more, sizeof(more), " and %zu more", row->count - 1);
		snprintf(row->text, sizeof(row->text), "%.120s%s, which could not be read (%.40s)%s",
			 row->path, more, strerror(-row->error),
			 rights && geteuid() ? "; root can look at it" : "");
	}
}

const char *look_unread(const struct lend_survey *survey, enum lend_use_kind kind)
{
	for (size_t i = 0; i < survey->unread_count; i++)
		if (survey->unread[i].kinds & LOOK_KIND(kind))
			return survey->unread[i].text;
	return NULL;
}

int look_read(struct lend_survey *survey, const char *dir, const char *name, char *out, size_t size)
{
	return look_failed(survey, dir, name, sysfs_read(dir, name, out, size));
}

int look_number(struct lend_survey *survey, const char *dir, const char *name, long *out)
{
	return look_failed(survey, dir, name, sysfs_number(dir, name, out));
}

char *look_load(struct lend_survey *survey, const char *dir, const char *name)
{
	char *text = sysfs_load(dir, name, NULL);

	if (!text)
		look_failed(survey, dir, name, -errno);
	return text;
}

int look_lines(struct lend_survey *survey, const char *dir, const char *name,
	       int (*each)(void *opaque, char *line), void *opaque)
{
	return look_failed(survey, dir, name, sysfs_lines(dir, name, each, opaque));
}

int look_each(struct lend_survey *survey, const char *dir, int (*each)(void *opaque, const char *name),
	      void *opaque)
{
	return look_failed(survey, dir, NULL, sysfs_each(dir, each, opaque));
}

int look_link(struct lend_survey *survey, const char *dir, const char *name, char *out, size_t size)
{
	int ret = sysfs_link(dir, name, out, size);

	return ret == -EINVAL ? ret : look_failed(survey, dir, name, ret);
}

int look_target(struct lend_survey *survey, const char *dir, const char *name, char *out)
{
	int ret = sysfs_target(dir, name, out);

	return ret == -EINVAL ? ret : look_failed(survey, dir, name, ret);
}

bool look_exists(struct lend_survey *survey, const char *path)
{
	return !look_failed(survey, path, NULL, access(path, F_OK) ? -errno : 0);
}

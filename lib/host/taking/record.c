/* SPDX-License-Identifier: MIT */
/* The memory of what was taken; see record.h. A file of lines, "key value". */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/record.h"

static const char *const phases[] = {
	[PHASE_NONE] = "none",
	[PHASE_TAKING] = "taking",
	[PHASE_LENT] = "lent",
	[PHASE_GIVING] = "giving",
};

static int path_of(struct lend_context *context, const char *name, const char *suffix, char out[PATH_MAX])
{
	return sysfs_path(out, "%s/%s%s", context_state(context), name, suffix);
}

int record_lock(struct lend_context *context, const char *name, struct lend_error *error)
{
	struct lend_host_holder holder;
	char path[PATH_MAX];
	int fd;

	if (mkdir(context_state(context), 0755) && errno != EEXIST)
		return error_say(error, -errno, "cannot make %s, where lend remembers what it took: %s%s",
				 context_state(context), strerror(errno),
				 errno == EACCES ? "; run lend as root" : "");
	if (path_of(context, name, ".lock", path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_say(error, -errno, "cannot open %s: %s%s", path, strerror(errno),
				 errno == EACCES ? "; run lend as root" : "");
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	close(fd);
	if (!lend_host_holder(context, path, &holder, sizeof(holder)))
		return error_say(error, -EBUSY,
				 "%s: process %d (%s) is at work on it; try again when it has ended", name,
				 (int)holder.pid, holder.command);
	return error_say(error, -EBUSY, "%s: another process is at work on it; try again when it has ended",
			 name);
}

uint64_t record_inode(struct lend_context *context, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	if (sysfs_path(path, "%s/bus/pci/devices/%s", context_sysfs(context), name) || stat(path, &st))
		return 0;
	return st.st_ino;
}

static void take_word(char *out, size_t size, const char *value)
{
	snprintf(out, size, "%s", value);
}

static void read_line(struct record *out, char *line)
{
	char *value = strchr(line, ' ');

	if (!value)
		return;
	*value++ = '\0';
	if (!strcmp(line, "driver"))
		take_word(out->driver, sizeof(out->driver), value);
	else if (!strcmp(line, "override"))
		take_word(out->driver_override, sizeof(out->driver_override), value);
	else if (!strcmp(line, "serial"))
		take_word(out->serial, sizeof(out->serial), value);
	else if (!strcmp(line, "inode"))
		out->inode = strtoull(value, NULL, 10);
	else if (!strcmp(line, "owner"))
		out->owner = (pid_t)strtol(value, NULL, 10);
	else if (!strcmp(line, "born"))
		out->born = strtoull(value, NULL, 10);
	for (int i = 0; !strcmp(line, "phase") && i <= PHASE_GIVING; i++)
		if (!strcmp(value, phases[i]))
			out->phase = (enum phase)i;
}

void record_read(struct lend_context *context, const char *name, struct record *out)
{
	char *text = sysfs_load(context_state(context), name, NULL), *rest = text, *line;

	memset(out, 0, sizeof(*out));
	while ((line = strsep(&rest, "\n")))
		read_line(out, line);
	free(text);
	if (out->inode != record_inode(context, name))
		memset(out, 0, sizeof(*out));
}

int record_write(struct lend_context *context, const char *name, const struct record *record)
{
	char path[PATH_MAX], fresh[PATH_MAX], text[512];
	int length, fd, ret = 0;

	ret = path_of(context, name, "", path);
	if (!ret)
		ret = path_of(context, name, ".new", fresh);
	if (ret)
		return ret;
	length = snprintf(text, sizeof(text),
			  "phase %s\ndriver %s\noverride %s\nserial %s\ninode %llu\nowner %d\nborn %llu\n",
			  phases[record->phase], record->driver, record->driver_override, record->serial,
			  (unsigned long long)record->inode, (int)record->owner,
			  (unsigned long long)record->born);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)length) != length)
		ret = -EIO;
	close(fd);
	/* A record is there as a whole or not at all: after a kill there is no half of one. */
	if (!ret && rename(fresh, path))
		ret = -errno;
	return ret;
}

void record_remove(struct lend_context *context, const char *name)
{
	char path[PATH_MAX];

	if (!path_of(context, name, "", path))
		unlink(path);
}

struct names {
	int (*each)(void *opaque, const char *name);
	void *opaque;
};

static int pass_on(void *opaque, const char *name)
{
	const struct names *names = opaque;
	struct lend_bdf bdf;

	return lend_bdf_parse(name, &bdf) ? 0 : names->each(names->opaque, name);
}

int record_each(struct lend_context *context, int (*each)(void *opaque, const char *name), void *opaque)
{
	struct names names = {each, opaque};
	int ret = sysfs_each(context_state(context), pass_on, &names);

	return ret == -ENOENT ? 0 : ret;
}

/* proc(5), field 22 of stat: the start, in ticks since boot. The name in field 2 may have any character. */
static uint64_t birth(struct lend_context *context, pid_t pid)
{
	enum { FIELDS_AFTER_NAME = 20 };
	char dir[PATH_MAX], *text, *at;
	uint64_t born = 0;

	if (sysfs_path(dir, "%s/%d", context_proc(context), (int)pid))
		return 0;
	text = sysfs_load(dir, "stat", NULL);
	at = text ? strrchr(text, ')') : NULL;
	for (int i = 0; at && i < FIELDS_AFTER_NAME; i++)
		at = strchr(at + 1, ' ');
	if (at)
		born = strtoull(at, NULL, 10);
	free(text);
	return born;
}

void record_own(struct lend_context *context, struct record *record)
{
	record->owner = getpid();
	record->born = birth(context, record->owner);
}

bool record_is_ours(const struct record *record)
{
	return record->phase && record->owner == getpid();
}

bool record_is_owned(struct lend_context *context, const struct record *record)
{
	return record->owner && record->born && birth(context, record->owner) == record->born;
}

void host_known_serial(struct lend_context *context, const struct lend_survey_device *device, char out[64])
{
	struct record record;

	record_read(context, device->is.name, &record);
	snprintf(out, 64, "%s", record.serial);
}

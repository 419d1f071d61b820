/* SPDX-License-Identifier: MIT */
/* Records of devices that were taken (record.h). A record is a file of lines, "key value". */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/record.h"
#include "lib/host/taking/write.h"

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

/* A line of the file: a field of the record under its key. */
struct line {
	const char *key;
	size_t at, size;
	bool is_word;
};

#define WORD(key, field)                                                                                     \
	{                                                                                                    \
		key, offsetof(struct record, field), sizeof(((struct record *)NULL)->field), true            \
	}
#define NUMBER(key, field)                                                                                   \
	{                                                                                                    \
		key, offsetof(struct record, field), sizeof(((struct record *)NULL)->field), false           \
	}

/* The last line of all versions: a file without it was cut. Lines that are added come before it. */
#define LAST_KEY "counted"

static const struct line lines[] = {
	NUMBER("inode", inode),
	WORD("boot", boot),
	NUMBER("owner", owner),
	NUMBER("born", born),
	NUMBER("to-user", to_user),
	NUMBER("user", user),
	WORD("driver", driver),
	WORD("module", module),
	WORD("override", driver_override),
	WORD("serial", serial),
	WORD("power", power),
	NUMBER("made", made),
	NUMBER("functions", functions),
	NUMBER("group-owner", group_owner),
	NUMBER("counting", counting),
	NUMBER(LAST_KEY, counted),
};
enum { LINES = sizeof(lines) / sizeof(*lines) };

static uint64_t number_of(const struct record *record, const struct line *line)
{
	const char *field = (const char *)record + line->at;
	uint64_t wide;
	uint32_t narrow;

	if (line->size == sizeof(wide)) {
		memcpy(&wide, field, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, field, sizeof(narrow));
	return narrow;
}

static void read_field(struct record *out, const struct line *line, const char *value)
{
	char *field = (char *)out + line->at;
	uint64_t wide = strtoull(value, NULL, 10);
	uint32_t narrow = (uint32_t)wide;

	if (line->is_word)
		snprintf(field, line->size, "%s", value);
	else if (line->size == sizeof(wide))
		memcpy(field, &wide, sizeof(wide));
	else
		memcpy(field, &narrow, sizeof(narrow));
}

static void read_line(struct record *out, char *text)
{
	char *value = strchr(text, ' ');

	if (!value)
		return;
	*value++ = '\0';
	for (int i = 0; i < LINES; i++)
		if (!strcmp(text, lines[i].key))
			read_field(out, &lines[i], value);
	for (int i = 0; !strcmp(text, "phase") && i <= PHASE_GIVING; i++)
		if (!strcmp(value, phases[i]))
			out->phase = (enum phase)i;
}

static void read_boot(struct lend_context *context, char out[40])
{
	if (sysfs_read(context_proc(context), "sys/kernel/random/boot_id", out, 40) < 0)
		out[0] = '\0';
}

static bool is_whole(const char *text)
{
	const char *last = strstr(text, "\n" LAST_KEY " ");

	return last && strchr(last + 1, '\n');
}

void record_read_gone(struct lend_context *context, const char *name, struct record *out)
{
	char *text = sysfs_load(context_state(context), name, NULL), *rest = text, *line, boot[40];

	memset(out, 0, sizeof(*out));
	if (text && !is_whole(text))
		rest = NULL;
	while ((line = strsep(&rest, "\n")))
		read_line(out, line);
	free(text);
	/* The folder may outlive a boot. A record of another boot says nothing of the drivers now. */
	read_boot(context, boot);
	if (out->boot[0] && strcmp(out->boot, boot) != 0)
		memset(out, 0, sizeof(*out));
}

void record_read(struct lend_context *context, const char *name, struct record *out)
{
	record_read_gone(context, name, out);
	if (out->inode != record_inode(context, name))
		memset(out, 0, sizeof(*out));
}

bool record_is_any(const struct record *record)
{
	return record->phase != PHASE_NONE || record->counting;
}

void record_identify(struct lend_context *context, const char *name, struct record *record)
{
	record->inode = record_inode(context, name);
	read_boot(context, record->boot);
}

static void add_line(char *text, size_t size, const struct record *record, const struct line *line)
{
	size_t used = strlen(text);

	if (line->is_word)
		snprintf(text + used, size - used, "%s %s\n", line->key, (const char *)record + line->at);
	else
		snprintf(text + used, size - used, "%s %llu\n", line->key,
			 (unsigned long long)number_of(record, line));
}

/* Whole or not at all: after a kill there is no half of a record. */
int record_write(struct lend_context *context, const char *name, const struct record *record)
{
	char path[PATH_MAX], text[1024];
	int ret = path_of(context, name, "", path);

	if (ret)
		return ret;
	snprintf(text, sizeof(text), "phase %s\n", phases[record->phase]);
	for (int i = 0; i < LINES; i++)
		add_line(text, sizeof(text), record, &lines[i]);
	return host_replace(path, text);
}

void record_remove(struct lend_context *context, const char *name)
{
	char path[PATH_MAX];

	if (!path_of(context, name, "", path))
		unlink(path);
	/* It is left from a process that was killed while it wrote. */
	if (!path_of(context, name, ".new", path))
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
	record->owner = (uint32_t)getpid();
	record->born = birth(context, getpid());
}

bool record_is_ours(const struct record *record)
{
	return record->phase && record->owner == (uint32_t)getpid();
}

bool record_is_owned(struct lend_context *context, const struct record *record)
{
	return record->owner && record->born && birth(context, (pid_t)record->owner) == record->born;
}

void host_known_serial(struct lend_context *context, const struct lend_survey_device *device, char out[64])
{
	struct record record;

	record_read(context, device->is.name, &record);
	snprintf(out, 64, "%s", record.serial);
}

/* SPDX-License-Identifier: MIT */
/*
 * The files of rules; see boot_rule.h. A file's name is the slot's path with other
 * separators, for people; what counts is in the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/host/taking/boot_rule.h"
#include "lib/host/taking/write.h"

static const char functions_end[] = ".functions", fresh_end[] = ".new", blanks[] = " \t\r";

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), part = strlen(end);

	return length >= part && !strcmp(text + length - part, end);
}

void boot_rule_name(const char *slot, enum boot_rule_kind kind, char out[160])
{
	snprintf(out, 160, "%.127s%s", slot, kind == RULE_FUNCTIONS ? functions_end : "");
	for (char *at = out; *at; at++)
		if (*at == '/')
			*at = '_';
}

enum boot_rule_kind boot_rule_kind(const char *name)
{
	return ends_with(name, functions_end) ? RULE_FUNCTIONS : RULE_BIND;
}

static int folder(struct lend_context *context, char out[PATH_MAX])
{
	return sysfs_path(out, "%s/bind.d", context_config(context));
}

static int make_folder(struct lend_context *context)
{
	char path[PATH_MAX];
	int ret = folder(context, path);

	if (ret)
		return ret;
	if (mkdir(context_config(context), 0755) && errno != EEXIST)
		return -errno;
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

static bool take_word(char *out, size_t size, const char *value)
{
	return (size_t)snprintf(out, size, "%s", value) < size;
}

static bool take_number(unsigned *out, const char *value)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (errno || *end || value[0] < '0' || value[0] > '9' || number > UINT_MAX)
		return false;
	*out = (unsigned)number;
	return true;
}

static bool take_user(struct boot_rule *out, const char *value)
{
	out->has_user = strcmp(value, "-") != 0;
	/* chown() takes -1 for "as it is". */
	return !out->has_user || (take_number(&out->user, value) && out->user != (uid_t)-1);
}

static bool take_siblings(struct boot_rule *out, const char *value)
{
	out->siblings = !strcmp(value, "yes");
	return out->siblings || !strcmp(value, "no");
}

/*
 * An editor may have left blanks, or the line ends of another system. False: nobody
 * knows what the line asks for, and a rule is not followed in part.
 */
static bool read_line(struct boot_rule *out, char *line)
{
	size_t length;
	char *value;

	line += strspn(line, blanks);
	for (length = strlen(line); length && strchr(blanks, line[length - 1]);)
		line[--length] = '\0';
	if (!length || line[0] == '#')
		return true;
	value = line + strcspn(line, blanks);
	if (!*value)
		return false;
	*value++ = '\0';
	value += strspn(value, blanks);
	if (!strcmp(line, "path"))
		return take_word(out->path, sizeof(out->path), value);
	if (!strcmp(line, "device"))
		return take_word(out->expected, sizeof(out->expected), value);
	if (!strcmp(line, "physical"))
		return take_word(out->physical, sizeof(out->physical), value);
	if (!strcmp(line, "functions"))
		return take_number(&out->functions, value);
	if (!strcmp(line, "siblings"))
		return take_siblings(out, value);
	return !strcmp(line, "user") && take_user(out, value);
}

/*
 * Copies that an editor or a package leaves beside a file are no rules: nothing would
 * remove them, and a copy of a rule of functions would bind the physical one.
 */
static bool is_named(const char *name, const struct boot_rule *rule)
{
	char right[160];

	boot_rule_name(rule->path, boot_rule_kind(name), right);
	return !strcmp(name, right);
}

/* An address or an interface may be another device's at the next boot. */
static bool is_slot(const char *path)
{
	return !strncmp(path, "pci", 3) && strchr(path, '/');
}

/* What a rule needs: its slot, what is to be there, and the physical function of those that it makes. */
static bool is_complete(enum boot_rule_kind kind, const struct boot_rule *rule)
{
	if (!is_slot(rule->path) || !rule->expected[0])
		return false;
	return kind == RULE_FUNCTIONS ? rule->functions != 0 : !rule->functions || rule->physical[0];
}

int boot_rule_read(struct lend_context *context, const char *name, struct boot_rule *out)
{
	char dir[PATH_MAX], path[PATH_MAX], *text, *rest, *line;
	int ret = folder(context, dir);
	struct stat there;
	size_t length;
	bool good;

	if (!ret)
		ret = sysfs_path(path, "%s/%s", dir, name);
	if (ret)
		return ret;
	memset(out, 0, sizeof(*out));
	rest = text = sysfs_load(dir, name, &length);
	if (!text)
		return lstat(path, &there) ? -ENOENT : -EINVAL;
	good = strlen(text) == length;
	while ((line = strsep(&rest, "\n")))
		good = read_line(out, line) && good;
	free(text);
	return good && is_named(name, out) && is_complete(boot_rule_kind(name), out) ? 0 : -EINVAL;
}

static int rule_path(struct lend_context *context, const char *name, char out[PATH_MAX])
{
	char dir[PATH_MAX];
	int ret = folder(context, dir);

	return ret ? ret : sysfs_path(out, "%s/%s", dir, name);
}

/* A folder of that name, or a file that may not be changed (chattr +i), cannot be replaced: known beforehand.
 */
static int check_replaceable(const char *path)
{
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == EISDIR || errno == EPERM || errno == EACCES ? -errno : 0;
	close(fd);
	return 0;
}

int boot_rule_stage(struct lend_context *context, const char *name, const struct boot_rule *rule)
{
	char path[PATH_MAX], text[768], user[24] = "-";
	bool binds = boot_rule_kind(name) == RULE_BIND;
	int ret = make_folder(context);
	size_t used;

	if (!ret)
		ret = rule_path(context, name, path);
	if (!ret)
		ret = check_replaceable(path);
	if (ret)
		return ret;
	if (rule->has_user)
		snprintf(user, sizeof(user), "%u", (unsigned)rule->user);
	used = (size_t)snprintf(text, sizeof(text),
				"# Written by lend %s --persist; lend %s removes it.\npath %s\ndevice %s\n",
				binds ? "bind" : "vf", binds ? "unbind --persist" : "vf --persist DEVICE 0",
				rule->path, rule->expected);
	if (binds)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "user %s\nsiblings %s\n", user,
					 rule->siblings ? "yes" : "no");
	if (rule->physical[0])
		used += (size_t)snprintf(text + used, sizeof(text) - used, "physical %s\n", rule->physical);
	if (rule->functions)
		snprintf(text + used, sizeof(text) - used, "functions %u\n", rule->functions);
	return host_stage(path, text);
}

int boot_rule_commit(struct lend_context *context, const char *name)
{
	char path[PATH_MAX];
	int ret = rule_path(context, name, path);

	return ret ? ret : host_commit(path);
}

void boot_rule_discard(struct lend_context *context, const char *name)
{
	char path[PATH_MAX];

	if (!rule_path(context, name, path))
		host_discard(path);
}

int boot_rule_remove(struct lend_context *context, const char *name)
{
	char path[PATH_MAX];
	int ret = rule_path(context, name, path);

	return !ret && unlink(path) ? -errno : ret;
}

struct names {
	int (*each)(void *opaque, const char *name);
	void *opaque;
};

static int pass_on(void *opaque, const char *name)
{
	const struct names *names = opaque;

	return ends_with(name, fresh_end) ? 0 : names->each(names->opaque, name);
}

int boot_rule_each(struct lend_context *context, int (*each)(void *opaque, const char *name), void *opaque)
{
	struct names names = {each, opaque};
	char dir[PATH_MAX];
	int ret = folder(context, dir);

	return ret ? ret : sysfs_each(dir, pass_on, &names);
}

/* A serial number with a line's end, or a blank at its end, could not be read back. */
static bool can_be_written(const char *serial)
{
	return serial[0] && !strpbrk(serial, "\n\r") && !strchr(blanks, serial[strlen(serial) - 1]);
}

void boot_rule_expect(struct lend_context *context, const struct lend_survey_device *device, char out[80])
{
	char known[64];
	const char *serial = device->serial;

	host_known_serial(context, device, known);
	if (!serial[0])
		serial = known[0] ? known : device->dsn;
	if (!can_be_written(serial))
		serial = "";
	snprintf(out, 80, "%04x:%04x%s%s", device->is.vendor, device->is.device, serial[0] ? "/" : "",
		 serial);
}

bool boot_rule_split(const char *path, char pf[128], unsigned *index)
{
	const char *last = strrchr(path, '/');

	if (!last || strncmp(last, "/vf", 3) != 0 || !take_number(index, last + 3))
		return false;
	snprintf(pf, 128, "%.*s", (int)(last - path), path);
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * Rules that survive a reboot: one file a slot, "PATH VENDOR:DEVICE SERIAL
 * USER SIBLINGS", below the context's configuration folder. The file's name is
 * the slot's path with other separators, for people; what counts is the line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"

struct rule {
	char path[128];
	char expected[80]; /* "8086:10d3" or "8086:10d3/SERIAL" */
	bool siblings, has_user;
	uid_t user;
};

static int rule_file(struct lend_context *context, const char *slot, char out[PATH_MAX])
{
	char name[128];

	snprintf(name, sizeof(name), "%s", slot);
	for (char *at = name; *at; at++)
		if (*at == '/')
			*at = '_';
	return sysfs_path(out, "%s/bind.d/%s", context_config(context), name);
}

static int make_folder(struct lend_context *context)
{
	char path[PATH_MAX];

	if (mkdir(context_config(context), 0755) && errno != EEXIST)
		return -errno;
	if (sysfs_path(path, "%s/bind.d", context_config(context)))
		return -ENAMETOOLONG;
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

/* A serial number with a line's end, or blanks at its ends, could not be read back. */
static bool can_be_written(const char *serial)
{
	return serial[0] && !strpbrk(serial, "\n\r") && serial[0] != ' ';
}

static int write_rule(const char *path, const struct lend_survey_device *device,
		      const struct lend_bind_options *options, const char *serial)
{
	char fresh[PATH_MAX + 8], text[512], user[24] = "-";
	int length, fd, ret = 0;

	if (options->has_user)
		snprintf(user, sizeof(user), "%u", (unsigned)options->user);
	length = snprintf(text, sizeof(text),
			  "# Written by lend bind --persist; lend unbind --persist removes it.\n"
			  "path %s\ndevice %04x:%04x%s%s\nuser %s\nsiblings %s\n",
			  device->path, device->is.vendor, device->is.device,
			  can_be_written(serial) ? "/" : "", can_be_written(serial) ? serial : "", user,
			  options->siblings ? "yes" : "no");
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)length) != length || fsync(fd))
		ret = -EIO;
	close(fd);
	if (!ret && rename(fresh, path))
		ret = -errno;
	return ret;
}

int lend_persist(struct lend_context *context, const struct lend_survey_device *device,
		 const struct lend_bind_options *options, struct lend_error *error)
{
	char path[PATH_MAX], known[64];
	const char *serial = device->serial;
	struct operation op;
	int ret = operation_init(&op, context, options, error);

	if (ret)
		return ret;
	host_known_serial(context, device, known);
	if (!serial[0])
		serial = known[0] ? known : device->dsn;
	ret = make_folder(context);
	if (!ret)
		ret = rule_file(context, device->path, path);
	if (!ret)
		ret = write_rule(path, device, &op.options, serial);
	return ret ? error_say(error, ret, "%s: cannot write a rule below %s: %s", device->is.name,
			       context_config(context), strerror(-ret))
		   : 0;
}

int lend_forget(struct lend_context *context, const struct lend_survey_device *device,
		struct lend_error *error)
{
	char path[PATH_MAX];
	int ret = rule_file(context, device->path, path);

	if (!ret && unlink(path))
		ret = -errno;
	return ret ? error_say(error, ret, "%s: cannot remove its rule: %s", device->is.name, strerror(-ret))
		   : 0;
}

bool lend_is_persistent(struct lend_context *context, const struct lend_survey_device *device)
{
	char path[PATH_MAX];

	return !rule_file(context, device->path, path) && !access(path, F_OK);
}

static void read_line(struct rule *out, char *line)
{
	char *value = strchr(line, ' ');

	if (!value || line[0] == '#')
		return;
	*value++ = '\0';
	if (!strcmp(line, "path")) {
		snprintf(out->path, sizeof(out->path), "%s", value);
	} else if (!strcmp(line, "device")) {
		snprintf(out->expected, sizeof(out->expected), "%s", value);
	} else if (!strcmp(line, "siblings")) {
		out->siblings = !strcmp(value, "yes");
	} else if (!strcmp(line, "user") && strcmp(value, "-") != 0) {
		out->has_user = true;
		out->user = (uid_t)strtoul(value, NULL, 10);
	}
}

/* All rules, at boot. */
struct following {
	struct operation op;
	struct lend_survey *survey;
	char folder[PATH_MAX];
	int bound, first;
};

static int follow_rule(struct following *following, const struct rule *rule)
{
	const struct lend_survey_device *device;
	struct lend_bind_options options = following->op.options;
	struct lend_error *error = following->op.error;
	int ret;

	ret = lend_survey_resolve(following->survey, rule->path, &device, NULL);
	if (ret)
		return error_say(error, -ENODEV, "nothing is at %s, where %s was to be", rule->path,
				 rule->expected);
	ret = lend_survey_expect(following->survey, device, rule->expected, error);
	if (ret)
		return ret;
	options.siblings = rule->siblings;
	options.has_user = rule->has_user;
	options.user = rule->user;
	ret = lend_bind(following->op.context, &device->is.bdf, 1, &options, error);
	following->bound += !ret;
	return ret;
}

static int follow_file(void *opaque, const char *name)
{
	struct following *following = opaque;
	char *text, *rest, *line;
	struct lend_error error = {""};
	struct lend_error *keep = following->op.error;
	struct rule rule = {0};
	int ret;

	if (strlen(name) > 4 && !strcmp(name + strlen(name) - 4, ".new"))
		return 0;
	rest = text = sysfs_load(following->folder, name, NULL);
	while ((line = strsep(&rest, "\n")))
		read_line(&rule, line);
	free(text);
	following->op.error = &error;
	if (rule.path[0] && rule.expected[0])
		ret = follow_rule(following, &rule);
	else
		ret = error_say(&error, -EINVAL, "%s/%s is no rule of lend bind --persist; remove it",
				following->folder, name);
	following->op.error = keep;
	/* Another device there, or none, is no failure: it is left alone, and said. */
	if (ret)
		operation_note(&following->op, "left alone: %s", error.text);
	if (ret && ret != -ESTALE && ret != -ENODEV && !following->first) {
		following->first = ret;
		if (keep)
			*keep = error;
	}
	return 0;
}

int lend_bind_persistent(struct lend_context *context, const struct lend_bind_options *options,
			 struct lend_error *error)
{
	struct following following = {0};
	int ret;

	ret = operation_init(&following.op, context, options, error);
	if (ret)
		return ret;
	ret = sysfs_path(following.folder, "%s/bind.d", context_config(context));
	if (!ret)
		ret = lend_survey_new(context, &following.survey);
	if (ret)
		return error_say(error, ret, "cannot look at the devices of this computer: %s",
				 strerror(-ret));
	sysfs_each(following.folder, follow_file, &following);
	lend_survey_free(following.survey);
	return following.first ? following.first : following.bound;
}

/* SPDX-License-Identifier: MIT */
/*
 * Files of rules. The one who writes them is trusted to decide what a guest
 * reaches. But a mistake must not stop this process or fill its memory: only
 * regular files are read, none above a limit of size, and opening does not wait.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/rules/rules.h"

/* Text from a file, or its name, must not make more than one line of a message. */
static void make_one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static bool is_name(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > 5 && !strcmp(name + length - 5, ".json");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
}

/* Lists the names of the files of rules, ascending. Returns how many, or a negative errno. */
static int list(const char *directory, char **names, struct lend_error *error)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	size_t count = 0;
	int ret = 0;

	if (!dir)
		return errno == ENOENT ? 0
				       : error_say(error, -errno, "%s: cannot be read: %s", directory,
						   strerror(errno));
	while (!ret && (entry = readdir(dir))) {
		if (!is_name(entry->d_name))
			continue;
		if (count == RULES_FILES_MAX)
			ret = error_say(error, -EINVAL, "%s: more than %d files of rules; join some",
					directory, RULES_FILES_MAX);
		/* static: the list of names owns it, and free_names() ends it */
		else if (!(names[count] = strdup(entry->d_name)))
			ret = error_say(error, -ENOMEM, "not enough memory for files of rules");
		else
			count++;
	}
	closedir(dir);
	if (ret < 0) {
		free_names(names, count);
		return ret;
	}
	qsort(names, count, sizeof(*names), by_name);
	return (int)count;
}

/* Opens a regular file that is not too large. It is looked at before: opening a device may have effects. */
static int open_file(int dir, const char *directory, const char *name, struct lend_error *error)
{
	struct stat status;
	int fd, ret;

	if (fstatat(dir, name, &status, 0) < 0)
		return error_say(error, -EINVAL, "%s/%s: cannot be read: %s", directory, name,
				 strerror(errno));
	if (!S_ISREG(status.st_mode))
		return error_say(error, -EINVAL, "%s/%s: is no regular file", directory, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_say(error, -EINVAL, "%s/%s: cannot be opened: %s", directory, name,
				 strerror(errno));
	ret = fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)
		      ? error_say(error, -EINVAL, "%s/%s: is no regular file", directory, name)
	      : status.st_size > RULES_FILE_BYTES
		      ? error_say(error, -EINVAL, "%s/%s: has %lld bytes; a file of rules has %d at the most",
				  directory, name, (long long)status.st_size, RULES_FILE_BYTES)
		      : 0;
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}

/* Reads at most `room` bytes; returns how many, or -1 if the file cannot be read. */
static ssize_t read_all(int fd, char *bytes, size_t room)
{
	size_t used = 0;

	while (used < room) {
		ssize_t got = read(fd, bytes + used, room - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

static int add_rules(struct rules *rules, const json_t *list_of, const char *directory, const char *name,
		     struct lend_error *error)
{
	struct lend_error inner = {{0}};

	for (size_t i = 0; i < json_array_size(list_of); i++) {
		struct rule *rule;

		/* static: the caller has failed without memory for the rules */
		if (rules->count == RULES_MAX)
			return error_say(error, -EINVAL, "%s/%s, rule %zu: more than %d rules in all files",
					 directory, name, i + 1, RULES_MAX);
		rule = &rules->rule[rules->count];
		/* static: there is room for RULES_MAX */
		*rule = (struct rule){0};
		if (rule_read(json_array_get(list_of, i), rule, &inner) < 0)
			return error_say(error, -EINVAL, "%s/%s, rule %zu: %.200s", directory, name, i + 1,
					 inner.text);
		snprintf(rule->place, sizeof(rule->place), "%.70s, rule %zu", name, i + 1);
		make_one_line(rule->place);
		rules->count++;
	}
	return 0;
}

static int read_file(struct rules *rules, int dir, const char *directory, const char *name,
		     struct lend_error *error)
{
	char *bytes = malloc(RULES_FILE_BYTES + 1);
	json_error_t where;
	json_t *json = NULL;
	ssize_t length;
	int fd, ret;

	if (!bytes)
		return error_say(error, -ENOMEM, "not enough memory for files of rules");
	fd = open_file(dir, directory, name, error);
	ret = fd;
	if (fd < 0)
		goto free;
	length = read_all(fd, bytes, RULES_FILE_BYTES + 1);
	close(fd);
	ret = -EINVAL;
	if (length < 0 || length > RULES_FILE_BYTES) {
		error_say(error, ret, "%s/%s: cannot be read, or it grew while it was read", directory, name);
		goto free;
	}
	json = json_loadb(bytes, (size_t)length, JSON_REJECT_DUPLICATES, &where);
	if (!json)
		error_say(error, ret, "%s/%s, line %d, column %d: %.160s", directory, name, where.line,
			  where.column, where.text);
	else if (!json_is_array(json))
		error_say(error, ret, "%s/%s: is no list of rules: it begins with [ and ends with ]",
			  directory, name);
	else
		ret = add_rules(rules, json, directory, name, error);
free:
	json_decref(json);
	free(bytes);
	return ret < 0 ? ret : 0;
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	free(rules->rule);
	free(rules);
}

int rules_load(const char *directory, struct rules **out, struct lend_error *error)
{
	char *names[RULES_FILES_MAX];
	struct rules *rules;
	int count, dir, ret = 0;

	*out = NULL;
	count = list(directory, names, error);
	if (count <= 0)
		return count;
	rules = calloc(1, sizeof(*rules));
	if (rules)
		rules->rule = calloc(RULES_MAX, sizeof(*rules->rule));
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!rules || !rules->rule)
		ret = error_say(error, -ENOMEM, "not enough memory for files of rules");
	else if (dir < 0)
		ret = error_say(error, -errno, "%s: cannot be opened: %s", directory, strerror(errno));
	for (int i = 0; i < count && !ret; i++)
		ret = read_file(rules, dir, directory, names[i], error);
	if (dir >= 0)
		close(dir);
	free_names(names, (size_t)count);
	if (ret < 0) {
		rules_free(rules);
		if (error)
			make_one_line(error->text);
		return ret;
	}
	*out = rules;
	return 0;
}

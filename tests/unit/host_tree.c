/* SPDX-License-Identifier: MIT */
/* Recorded hosts in a folder; see host_tree.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/folder.h"
#include "tests/unit/host_kernel.h"
#include "tests/unit/host_tree.h"

const char *tree_path(const struct host_tree *tree, const char *path)
{
	static char out[PATH_MAX];

	snprintf(out, sizeof(out), "%s/%s", tree->root, path);
	return out;
}

static void make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

static void put_bytes(const struct host_tree *tree, const char *path, const void *data, size_t length,
		      const char *mode)
{
	char *full = strdup(tree_path(tree, path));
	FILE *file;

	assert_non_null(full);
	make_folders(full);
	file = fopen(full, mode);
	if (!file)
		fail_msg("%s: %s", full, strerror(errno));
	assert_int_equal(fwrite(data, 1, length, file), length);
	fclose(file);
	free(full);
}

void tree_put(const struct host_tree *tree, const char *path, const char *text)
{
	put_bytes(tree, path, text, strlen(text), "w");
}

void tree_append(const struct host_tree *tree, const char *path, const char *text)
{
	put_bytes(tree, path, text, strlen(text), "a");
}

void tree_folder(const struct host_tree *tree, const char *path)
{
	char full[PATH_MAX + 1];

	snprintf(full, sizeof(full), "%s/", tree_path(tree, path));
	make_folders(full);
}

void tree_link(const struct host_tree *tree, const char *path, const char *target)
{
	char *full = strdup(tree_path(tree, path));

	assert_non_null(full);
	make_folders(full);
	unlink(full);
	if (symlink(target, full))
		fail_msg("%s: %s", full, strerror(errno));
	free(full);
}

void tree_remove(const struct host_tree *tree, const char *path)
{
	folder_remove(tree_path(tree, path));
}

const char *tree_get(const struct host_tree *tree, const char *path)
{
	static char text[4096];
	FILE *file = fopen(tree_path(tree, path), "r");
	size_t length;

	if (!file)
		return NULL;
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	if (length && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	return text;
}

static unsigned hex(const char *digits)
{
	unsigned value;

	assert_int_equal(sscanf(digits, "%2x", &value), 1);
	return value;
}

static void unpack_bytes(const struct host_tree *tree, const char *path, const char *text)
{
	unsigned char data[4096] = {0};
	size_t length = 0;

	while (*text) {
		if (*text == '*') {
			char *end;

			length += strtoul(text + 1, &end, 10);
			text = end + 1;
		} else {
			assert_true(length < sizeof(data));
			data[length++] = (unsigned char)hex(text);
			text += 2;
		}
		assert_true(length <= sizeof(data));
	}
	put_bytes(tree, path, data, length, "w");
}

/* C escapes as Python writes them: \n \t \r \\ \xHH. */
static void unpack_text(const struct host_tree *tree, const char *path, char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		switch (*++from) {
		case 'n':
			*to++ = '\n';
			break;
		case 't':
			*to++ = '\t';
			break;
		case 'r':
			*to++ = '\r';
			break;
		case 'x':
			*to++ = (char)hex(from + 1);
			from += 2;
			break;
		default:
			*to++ = *from;
		}
	}
	put_bytes(tree, path, text, (size_t)(to - text), "w");
}

static void unpack_line(const struct host_tree *tree, char *line)
{
	char *kind, *path;

	line[strcspn(line, "\n")] = '\0';
	kind = strsep(&line, "\t");
	path = strsep(&line, "\t");
	assert_non_null(path);
	switch (*kind) {
	case 'd':
		tree_folder(tree, path);
		return;
	case 'l':
		tree_link(tree, path, line);
		return;
	case 'f':
		unpack_text(tree, path, line);
		return;
	case 'x':
		unpack_bytes(tree, path, line);
		return;
	default:
		fail_msg("'%s' is no kind of entry", kind);
	}
}

static void unpack(const struct host_tree *tree, const char *name)
{
	char path[PATH_MAX], *line = NULL;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "tests/data/%s.tree", name);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	while (getline(&line, &room, file) > 0)
		unpack_line(tree, line);
	free(line);
	fclose(file);
}

struct text {
	char *at, *end;
};

LEND_PRINTF(2, 3) static void say(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text->at += vsnprintf(text->at, (size_t)(text->end - text->at), format, args);
	va_end(args);
	assert_true(text->at < text->end);
}

static void say_device(const struct host_tree *tree, const char *name, struct text *text)
{
	static const char *const attributes[] = {"driver_override", "power/control", "sriov_numvfs"};
	char path[PATH_MAX];

	say(text, "%s %s", name, tree_driver(tree, name));
	for (int i = 0; i < 3; i++) {
		const char *value;

		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/%s", name, attributes[i]);
		value = tree_get(tree, path);
		say(text, " %s", value ? value : "-");
	}
	say(text, "\n");
}

static void say_node(const struct host_tree *tree, const char *name, struct text *text)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/vfio/%s", tree->dev, name);
	if (!stat(path, &st))
		say(text, "node %s %u\n", name, (unsigned)st.st_uid);
}

/* Locks stay where they are. */
static void say_record(const struct host_tree *tree, const char *name, struct text *text)
{
	(void)tree;
	if (!strstr(name, ".lock"))
		say(text, "record %s\n", name);
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static void say_folder(const struct host_tree *tree, const char *path, struct text *text,
		       void (*entry)(const struct host_tree *tree, const char *name, struct text *text))
{
	char *names[256];
	size_t count = 0;
	struct dirent *found;
	DIR *dir = opendir(tree_path(tree, path));

	while (dir && (found = readdir(dir))) {
		assert_true(count < 256);
		if (found->d_name[0] != '.')
			names[count++] = strdup(found->d_name);
	}
	if (dir)
		closedir(dir);
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		entry(tree, names[i], text);
		free(names[i]);
	}
}

const char *tree_state(const struct host_tree *tree)
{
	static char out[8192];
	struct text text = {out, out + sizeof(out)};

	say_folder(tree, "sys/bus/pci/devices", &text, say_device);
	say_folder(tree, "dev/vfio", &text, say_node);
	say_folder(tree, "run/lend", &text, say_record);
	return out;
}

struct host_tree *tree_new(const char *name)
{
	struct lend_context_config config = {.size = sizeof(config)};
	struct host_tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	/* In memory: on a disk its thousands of small files take ten times as long. */
	strcpy(tree->root, "/dev/shm/lend-tree-XXXXXX");
	if (!mkdtemp(tree->root))
		fail_msg("cannot make %s: %s", tree->root, strerror(errno));
	snprintf(tree->sys, sizeof(tree->sys), "%s/sys", tree->root);
	snprintf(tree->proc, sizeof(tree->proc), "%s/proc", tree->root);
	snprintf(tree->dev, sizeof(tree->dev), "%s/dev", tree->root);
	snprintf(tree->state, sizeof(tree->state), "%s/run/lend", tree->root);
	snprintf(tree->config, sizeof(tree->config), "%s/etc/lend", tree->root);
	snprintf(tree->quirks, sizeof(tree->quirks), "%s/etc/lend/quirks.d", tree->root);
	unpack(tree, name);
	tree_folder(tree, "run");
	tree_folder(tree, "etc");
	config.sysfs_root = tree->sys;
	config.proc_root = tree->proc;
	config.dev_root = tree->dev;
	config.state_root = tree->state;
	config.config_root = tree->config;
	config.quirks_dir = tree->quirks;
	assert_int_equal(lend_context_new(&config, &tree->context), 0);
	kernel_play(tree);
	return tree;
}

void tree_free(struct host_tree *tree)
{
	lend_survey_free(tree->survey);
	lend_context_free(tree->context);
	tree_remove(tree, "");
	free(tree);
}

const struct lend_survey *tree_survey(struct host_tree *tree)
{
	lend_survey_free(tree->survey);
	tree->survey = NULL;
	assert_int_equal(lend_survey_new(tree->context, &tree->survey), 0);
	return tree->survey;
}

const struct lend_survey_device *tree_device(struct host_tree *tree, const char *address)
{
	struct lend_bdf bdf = tree_bdf(address);
	const struct lend_survey_device *device;

	if (!tree->survey)
		tree_survey(tree);
	device = lend_survey_find(tree->survey, &bdf);
	if (!device)
		fail_msg("there is no %s", address);
	return device;
}

struct lend_bdf tree_bdf(const char *address)
{
	struct lend_bdf bdf;

	assert_int_equal(lend_bdf_parse(address, &bdf), 0);
	return bdf;
}

void tree_process(const struct host_tree *tree, int pid, const char *command, const char *file)
{
	char path[128], text[256];

	snprintf(path, sizeof(path), "proc/%d/fd/9", pid);
	tree_link(tree, path, file);
	snprintf(path, sizeof(path), "proc/%d/comm", pid);
	snprintf(text, sizeof(text), "%s\n", command);
	tree_put(tree, path, text);
	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	snprintf(text, sizeof(text), "%d (%s) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0\n", pid, command,
		 pid * 10);
	tree_put(tree, path, text);
}

void tree_vmd(struct host_tree *tree)
{
	static const char port[] = "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/pci10000:e0/"
				   "10000:e0:06.0";
	static const char drive[] = "../../../devices/pci0000:00/0000:00:12.0/0000:03:00.0/pci10000:e0/"
				    "10000:e0:06.0/10000:e1:00.0";
	static const char group[] = "../../../kernel/iommu_groups/99";

	tree_folder(tree, "sys/bus/pci/drivers/vmd");
	tree_put(tree, "sys/bus/pci/devices/0000:03:00.0/class", "0x010400\n");
	tree_put(tree, "sys/bus/pci/devices/0000:03:00.0/.own", "vmd");
	tree_put(tree, "sys/kernel/iommu_groups/99/type", "DMA\n");
	tree_folder(tree, "sys/devices/pci0000:00/0000:00:12.0/0000:03:00.0/pci10000:e0/10000:e0:06.0/"
			  "10000:e1:00.0");
	tree_link(tree, "sys/bus/pci/devices/10000:e0:06.0", port);
	tree_link(tree, "sys/bus/pci/devices/10000:e1:00.0", drive);
	tree_put(tree, "sys/bus/pci/devices/10000:e0:06.0/class", "0x060400\n");
	tree_put(tree, "sys/bus/pci/devices/10000:e1:00.0/class", "0x010802\n");
	tree_put(tree, "sys/bus/pci/devices/10000:e1:00.0/.own", "nvme");
	tree_put(tree, "sys/bus/pci/devices/10000:e1:00.0/driver_override", "(null)\n");
	tree_link(tree, "sys/bus/pci/devices/10000:e1:00.0/iommu_group", group);
	tree_link(tree, "sys/bus/pci/devices/0000:03:00.0/iommu_group", group);
	tree_link(tree, "sys/bus/pci/devices/0000:03:00.0/driver", "../../../bus/pci/drivers/vmd");
	tree_bind(tree, "10000:e1:00.0", "nvme");
}

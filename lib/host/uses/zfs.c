/* SPDX-License-Identifier: MIT */
/*
 * Members of a ZFS pool. The kernel does not tell which disks these are. Udev has noted
 * what is on a disk. While ZFS is loaded, the label on the disk is read, too: udev may
 * not know the disk, and the label tells whether the pool was exported. A pool may be
 * imported without a mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/uses/ways.h"

/* What a label says. Numbers are big-endian (XDR); each string is padded to 4 bytes. */
struct label {
	char pool[64];
	bool idle; /* its pool was exported (1) or destroyed (2) */
};

struct walk {
	struct lend_survey *survey;
	const char *dir; /* has a folder for each imported pool */
	size_t pools;
	const char *wanted;
	bool found;
};

/* The name and the first words of its pair: type, number of elements. */
static const char state_pair[] = "\0\0\0\5state\0\0\0\0\0\0\10\0\0\0\1";
static const char name_pair[] = "\0\0\0\4name\0\0\0\11\0\0\0\1";

static void parse_label(const unsigned char *text, size_t size, struct label *out)
{
	const unsigned char *end = text + size, *at;
	size_t length;

	at = memmem(text, size, state_pair, sizeof(state_pair) - 1);
	if (at && (size_t)(end - at) >= sizeof(state_pair) - 1 + sizeof(uint64_t))
		out->idle = at[sizeof(state_pair) - 1 + 7] == 1 || at[sizeof(state_pair) - 1 + 7] == 2;
	at = memmem(text, size, name_pair, sizeof(name_pair) - 1);
	if (!at || (size_t)(end - at) < sizeof(name_pair) - 1 + 4)
		return;
	at += sizeof(name_pair) - 1;
	length = at[3];
	if (!at[0] && !at[1] && !at[2] && length < sizeof(out->pool) && (size_t)(end - at) >= 4 + length)
		memcpy(out->pool, at + 4, length);
}

/* Reads the first label. 1: the disk is a member; 0: it has no label; negative errno. */
static int read_label(struct lend_survey *survey, const struct node *node, struct label *out)
{
	enum { OFFSET = 16 << 10, SIZE = 112 << 10, XDR = 1 };
	static const char guid[] = "pool_guid", tree[] = "guid";
	char path[PATH_MAX];
	unsigned char *text;
	ssize_t got;
	int fd, ret;

	ret = sysfs_path(path, "%s/%s", context_dev(survey->context), node->name);
	if (ret)
		return ret;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	text = malloc(SIZE);
	got = text ? pread(fd, text, SIZE, OFFSET) : -1;
	ret = !text ? -ENOMEM : got < 0 ? -errno : 0;
	if (got > 0 && text[0] == XDR &&
	    (memmem(text, (size_t)got, guid, strlen(guid)) ||
	     memmem(text, (size_t)got, tree, strlen(tree)))) {
		parse_label(text, (size_t)got, out);
		ret = 1;
	}
	free(text);
	close(fd);
	return ret;
}

/* Udev's record of the node, which is in /run beside that /dev. NULL: there is none. */
static char *load_record(struct lend_survey *survey, const struct node *node)
{
	char dir[PATH_MAX], name[32];

	if (sysfs_path(dir, "%s/../run/udev/data", context_dev(survey->context)))
		return NULL;
	snprintf(name, sizeof(name), "b%s", node->number);
	return look_load(survey, dir, name);
}

static int count_pool(void *opaque, const char *name)
{
	struct walk *walk = opaque;
	char dir[PATH_MAX];

	/* A pool is a folder; what else is there are files. */
	if (sysfs_path(dir, "%s/%s/.", walk->dir, name) || !look_exists(walk->survey, dir))
		return 0;
	walk->pools++;
	walk->found |= walk->wanted && !strcmp(walk->wanted, name);
	return 0;
}

static void add_member(struct walk *walk, const struct node *node, const struct label *label)
{
	struct claim *claim =
		survey_claim(walk->survey, LEND_USE_POOL, node->number, "belongs to a pool of ZFS");

	walk->wanted = label->pool;
	walk->found = false;
	look_each(walk->survey, walk->dir, count_pool, walk);
	if (walk->survey->root_pool[0] && !strcmp(walk->survey->root_pool, label->pool))
		claim_stays(claim);
	else if (walk->found)
		claim_cure(claim, "zpool export %s", label->pool);
}

static void look_at(struct walk *walk, const struct node *node)
{
	static const char member[] = "E:ID_FS_TYPE=zfs_member", name[] = "E:ID_FS_LABEL=";
	char *record = load_record(walk->survey, node), *found;
	struct label label = {0};
	int ret = 0;

	if (!record || strstr(record, member))
		ret = read_label(walk->survey, node, &label);
	if (!record && (ret == -EACCES || ret == -EPERM))
		survey_unseen(walk->survey, LEND_USE_POOL,
			      "labels of ZFS on disks that udev does not know; root can look at them");
	else if (!record && ret != -ENOMEDIUM && ret != -ENXIO)
		look_failed(walk->survey, context_dev(walk->survey->context), node->name, ret);
	/* If the disk could not be read, udev's record counts. */
	if (record && ret <= 0 && strstr(record, member)) {
		found = strstr(record, name);
		if (found)
			snprintf(label.pool, sizeof(label.pool), "%.*s",
				 (int)strcspn(found + strlen(name), "\n"), found + strlen(name));
		ret = 1;
	}
	if (ret > 0 && !label.idle)
		add_member(walk, node, &label);
	free(record);
}

void survey_zfs(struct lend_survey *survey)
{
	char dir[PATH_MAX], module[PATH_MAX];
	struct walk walk = {.survey = survey, .dir = dir};
	int listed;

	if (sysfs_path(module, "%s/module/zfs", context_sysfs(survey->context)) ||
	    (!survey->has_zfs && !look_exists(survey, module)) ||
	    sysfs_path(dir, "%s/spl/kstat/zfs", context_proc(survey->context)))
		return;
	listed = look_each(survey, dir, count_pool, &walk);
	/* ZFS is loaded and has no pool. */
	if (!listed && !walk.pools && !survey->has_zfs)
		return;
	for (size_t i = 0; i < survey->node_count; i++)
		if (survey->nodes[i].is_block)
			look_at(&walk, &survey->nodes[i]);
}

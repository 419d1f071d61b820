/* SPDX-License-Identifier: MIT */
/*
 * The owners of a lent device's nodes. The kernel makes the device's own node when VFIO
 * takes the device, and removes it when VFIO gives the device up. The group's node stays
 * while VFIO has another member of the group, so its old owner has to be restored.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/error.h"
#include "lib/host/taking/operation.h"
#include "lib/host/taking/write.h"

enum { MEMBERS_MAX = 256 };

static bool is_there(const char *path, uid_t *owner)
{
	struct stat st;

	if (stat(path, &st))
		return false;
	*owner = st.st_uid;
	return true;
}

static int group_node(const struct operation *op, const char *name, int *group, char path[NODE_PATH])
{
	char dir[PATH_MAX];

	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(op->context), name))
		return -ENAMETOOLONG;
	*group = host_read_group(dir);
	if (*group < 0)
		return -ENOENT;
	return snprintf(path, NODE_PATH, "%s/vfio/%d", context_dev(op->context), *group) < NODE_PATH
		       ? 0
		       : -ENAMETOOLONG;
}

static int own_node(const struct operation *op, const char *name, char path[NODE_PATH])
{
	struct lend_host_device device = {0};
	char dir[PATH_MAX];

	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(op->context), name))
		return -ENAMETOOLONG;
	host_read_node(dir, &device);
	if (!device.vfio_node[0])
		return -ENOENT;
	return snprintf(path, NODE_PATH, "%s/vfio/devices/%s", context_dev(op->context), device.vfio_node) <
			       NODE_PATH
		       ? 0
		       : -ENAMETOOLONG;
}

/* Another lent member of the group whose user has the group's node, too. */
static bool find_sharer(const struct operation *op, const char *name, int group, struct record *out)
{
	struct lend_host_device members[MEMBERS_MAX];
	int count = lend_host_group(op->context, group, members, MEMBERS_MAX, sizeof(members[0]));

	for (int i = 0; i < count && i < MEMBERS_MAX; i++) {
		if (!strcmp(members[i].name, name))
			continue;
		record_read(op->context, members[i].name, out);
		if (out->phase != PHASE_NONE && out->to_user)
			return true;
	}
	return false;
}

/* Stores the old owner in a record that is there, before the owner changes. */
static int remember_user(const struct operation *op, struct held *held, int group)
{
	struct record *record = &held->record, other;

	if (record->phase == PHASE_NONE)
		return 0;
	if (!record->to_user)
		record->group_owner =
			find_sharer(op, held->name, group, &other) ? other.group_owner : held->group_owner;
	record->to_user = 1;
	record->user = op->options.user;
	return record_write(op->context, held->name, record);
}

/* `before`: the owner that it goes back to. */
static int give_node(const struct operation *op, struct held *held, const char *path, const uid_t *before)
{
	struct given_node *node = &held->nodes[held->node_count];
	int ret;

	if (!is_there(path, &node->owner))
		return -ENOENT;
	if (before)
		node->owner = *before;
	snprintf(node->path, sizeof(node->path), "%s", path);
	held->node_count++;
	ret = host_own(op->context, path, op->options.user);
	return ret ? error_say(op->error, ret, "%s: cannot give %s to the user: %s", held->name, path,
			       strerror(-ret))
		   : 0;
}

void held_look_at_nodes(const struct operation *op, struct held *held)
{
	char path[NODE_PATH];
	int group;

	if (group_node(op, held->name, &group, path) || !is_there(path, &held->group_owner))
		held->group_owner = 0;
}

int held_give_nodes(const struct operation *op, struct held *held)
{
	char group_path[NODE_PATH] = "", own_path[NODE_PATH] = "";
	uid_t owner = 0;
	int group = -1, first = -ENOENT, second = -ENOENT, ret = 0;

	if (!op->options.has_user)
		return 0;
	if (!group_node(op, held->name, &group, group_path) && is_there(group_path, &owner))
		ret = remember_user(op, held, group);
	if (ret)
		return error_say(op->error, ret, "%s: cannot remember whose %s is: %s", held->name,
				 group_path, strerror(-ret));
	if (group_path[0])
		first = give_node(op, held, group_path, &held->group_owner);
	if ((!first || first == -ENOENT) && !own_node(op, held->name, own_path))
		second = give_node(op, held, own_path, NULL);
	/* A kernel may make only one of the two. */
	if (first && first != -ENOENT)
		return first;
	if (second != -ENOENT)
		return second;
	return !first ? 0
		      : error_say(op->error, -ENOENT, "%s: the kernel made no node for it below %s/vfio",
				  held->name, context_dev(op->context));
}

void held_take_nodes_back(const struct operation *op, struct held *held)
{
	while (held->node_count) {
		const struct given_node *node = &held->nodes[--held->node_count];

		host_own(op->context, node->path, node->owner);
	}
}

int held_restore_nodes(const struct operation *op, const struct held *held)
{
	const struct record *record = &held->record;
	struct record other;
	char path[NODE_PATH];
	uid_t owner;
	int group, ret;

	/* If the owner is not the one that we set, somebody else changed it: it is left alone. */
	if (!record->to_user || group_node(op, held->name, &group, path) || !is_there(path, &owner) ||
	    owner != record->user || find_sharer(op, held->name, group, &other))
		return 0;
	ret = host_own(op->context, path, record->group_owner);
	return ret ? error_say(op->error, ret, "%s: cannot give %s back to user %u: %s", held->name, path,
			       record->group_owner, strerror(-ret))
		   : 0;
}

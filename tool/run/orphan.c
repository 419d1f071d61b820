/* SPDX-License-Identifier: MIT */
/* Waiting for a machine whose keeper is gone; see orphan.h. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "lend/host.h"
#include "tool/run/orphan.h"

enum { NAME = 32 };

static bool read_name(const char *proc, pid_t pid, char out[NAME])
{
	char path[PATH_MAX];
	bool found;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/comm", proc, pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	found = fgets(out, NAME, file);
	fclose(file);
	return found;
}

static pid_t parent_of(const char *proc, pid_t pid)
{
	char path[PATH_MAX], line[256];
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%d/status", proc, pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (!parent && fgets(line, sizeof(line), file))
		if (sscanf(line, "PPid: %d", &parent) == 1)
			break;
	fclose(file);
	return parent;
}

/* A machine's parent is its keeper, and keepers have the name that ours has. */
static bool has_keeper(const char *proc, pid_t machine)
{
	char ours[NAME], theirs[NAME];

	return read_name(proc, getppid(), ours) && read_name(proc, parent_of(proc, machine), theirs) &&
	       !strcmp(ours, theirs);
}

static bool find_holder(const struct machine_roots *roots, const char *address, struct lend_host_holder *out)
{
	struct lend_context_config config = {.size = sizeof(config),
					     .sysfs_root = roots->sys,
					     .dev_root = roots->dev,
					     .proc_root = roots->proc};
	struct lend_host_device device;
	struct lend_context *context;
	char path[PATH_MAX];
	int ret;

	if (lend_context_new(&config, &context))
		return false;
	ret = lend_host_find(context, address, &device, sizeof(device), NULL);
	if (!ret) {
		snprintf(path, sizeof(path), "%s/vfio/%d", roots->dev, device.group);
		ret = lend_host_holder(context, path, out, sizeof(*out));
	}
	if (ret == -ENOENT && device.vfio_node[0]) {
		snprintf(path, sizeof(path), "%s/vfio/devices/%s", roots->dev, device.vfio_node);
		ret = lend_host_holder(context, path, out, sizeof(*out));
	}
	lend_context_free(context);
	return !ret;
}

bool orphan_await(const struct machine_roots *roots, const char *address, int wait_ms)
{
	struct pollfd ended = {.events = POLLIN};
	struct lend_host_holder holder;
	bool gone;

	if (!find_holder(roots, address, &holder))
		return true;
	if (strcmp(holder.command, MACHINE_NAME))
		return false;
	ended.fd = pidfd_open(holder.pid, 0);
	if (ended.fd < 0)
		return true; /* it has just ended */
	/* Asked after the descriptor was opened: the number cannot have become another process's. */
	gone = !has_keeper(roots->proc, holder.pid) && poll(&ended, 1, wait_ms) == 1;
	close(ended.fd);
	return gone;
}

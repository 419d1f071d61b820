/* SPDX-License-Identifier: MIT */
/* Sentences that say why a device or its group cannot be opened, and what to do. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/context.h"
#include "lib/error.h"
#include "lib/open/group_error.h"

enum { SIBLINGS_MAX = 64 };

int group_say_in_use(struct lend_context *context, const char *name, const char *path,
		     struct lend_error *error)
{
	struct lend_host_holder holder;

	if (context && !lend_host_holder(context, path, &holder, sizeof(holder)))
		return error_say(error, -EBUSY,
				 "%s is in use by process %d (%s), which has %s open; end that first", name,
				 (int)holder.pid, holder.command, path);
	return error_say(error, -EBUSY,
			 "%s is in use by another process, which has %s open; as root, fuser -v %s names it",
			 name, path, path);
}

int group_say_busy(struct lend_context *context, const struct lend_host_device *host, const char *path,
		   struct lend_error *error)
{
	char nodes[2][PATH_MAX] = {"", ""};
	struct lend_host_holder holder;

	if (!context)
		return error_say(error, -EBUSY, "%s is in use by another process", host->name);
	if (host->vfio_node[0])
		snprintf(nodes[0], PATH_MAX, "%s/vfio/devices/%s", context_dev(context), host->vfio_node);
	if (host->group >= 0)
		snprintf(nodes[1], PATH_MAX, "%s/vfio/%d", context_dev(context), host->group);
	for (unsigned i = 0; i < 2; i++)
		if (nodes[i][0] && !lend_host_holder(context, nodes[i], &holder, sizeof(holder)))
			return group_say_in_use(context, host->name, nodes[i], error);
	return group_say_in_use(context, host->name, path, error);
}

int group_say_open(struct lend_context *context, const struct lend_host_device *host, const char *path,
		   int code, struct lend_error *error)
{
	switch (code) {
	case EBUSY:
		return group_say_busy(context, host, path, error);
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return error_say(error, -EACCES,
				 "%s: %s is not there; is the device's driver loaded (modprobe vfio-pci) and "
				 "/dev a devtmpfs?",
				 host->name, path);
	case EACCES:
	case EPERM:
		return error_say(error, -EACCES,
				 "%s: no permission to open %s; run as root, or once as root: chown $USER %s",
				 host->name, path, path);
	default:
		return error_say(error, -code, "%s: cannot open %s: %s", host->name, path, strerror(code));
	}
}

/* The kernel accepts these in the group of a lent device: no driver, a bridge, pci-stub, VFIO. */
static bool in_the_way(const struct lend_host_device *device)
{
	return device->driver[0] && !device->is_bridge && !lend_host_is_vfio(device->driver) &&
	       strcmp(device->driver, "pci-stub") != 0;
}

bool group_is_blocked(struct lend_context *context, const struct lend_host_device *host)
{
	struct lend_host_device siblings[SIBLINGS_MAX];
	int count = context ? lend_host_group(context, host->group, siblings, SIBLINGS_MAX, sizeof(*siblings))
			    : 0;

	for (int i = 0; i < count && i < SIBLINGS_MAX; i++)
		if (in_the_way(&siblings[i]))
			return true;
	return false;
}

/* A list of words. A word that does not fit is not cut but counted. */
struct list {
	char text[144];
	size_t length;
	unsigned left_out;
};

LEND_PRINTF(2, 3) static void list_add(struct list *list, const char *format, ...)
{
	char word[104];
	va_list args;
	size_t length;

	va_start(args, format);
	length = (size_t)vsnprintf(word, sizeof(word), format, args);
	va_end(args);
	/* After one word that was left out all others are, so that the order tells which. */
	if (list->left_out || length >= sizeof(word) || length >= sizeof(list->text) - list->length) {
		list->left_out++;
		return;
	}
	memcpy(list->text + list->length, word, length + 1);
	list->length += length;
}

/*
 * The list and the words around it fit into a lend_error: a command that is cut would do
 * something else. The command is lend's own, which takes nothing that is in use.
 */
int group_say_not_viable(struct lend_context *context, const struct lend_host_device *host,
			 struct lend_error *error)
{
	struct lend_host_device siblings[SIBLINGS_MAX];
	struct list who = {0};
	int count = context ? lend_host_group(context, host->group, siblings, SIBLINGS_MAX, sizeof(*siblings))
			    : 0;
	char more[32] = "";

	for (int i = 0; i < count && i < SIBLINGS_MAX; i++)
		if (in_the_way(&siblings[i]))
			list_add(&who, "%s%s (%s)", who.length ? ", " : "", siblings[i].name,
				 siblings[i].driver);
	if (!who.length)
		return error_say(
			error, -EPERM,
			"%s: IOMMU group %d is not viable: a device of it is in the hands of a driver of "
			"the host; see /sys/kernel/iommu_groups/%d/devices",
			host->name, host->group, host->group);
	if (who.left_out)
		snprintf(more, sizeof(more), " and %u more", who.left_out);
	return error_say(error, -EPERM,
			 "%s: IOMMU group %d is not viable, these stand in the way: %s%s; as root: lend bind "
			 "--siblings %s",
			 host->name, host->group, who.text, more, host->name);
}

int group_say_no_iommu(const struct lend_host_device *host, struct lend_error *error)
{
	return error_say(
		error, -ENOTSUP,
		"%s: no IOMMU keeps its DMA apart from the host's memory; enable VT-d or AMD-Vi in the "
		"firmware, and for VT-d boot the kernel with intel_iommu=on (lend check %s says what is "
		"missing)",
		host->name, host->name);
}

int group_say_not_bound(struct lend_context *context, const struct lend_host_device *host,
			struct lend_error *error)
{
	(void)context;
	return error_say(error, -ENXIO, "%s is bound to %s, not to vfio-pci; as root: lend bind %s",
			 host->name, host->driver[0] ? host->driver : "no driver", host->name);
}

/* SPDX-License-Identifier: MIT */
/* Devices: the public calls, and the way from an address to an open descriptor. */
#include <errno.h>
#include <stdlib.h>

#include "lend/host.h"
#include "lib/backend/device.h"
#include "lib/backend/group.h"
#include "lib/backend/group_error.h"
#include "lib/backend/legacy.h"
#include "lib/backend/space.h"
#include "lib/bdf.h"
#include "lib/context.h"
#include "lib/error.h"

/* Checks what can be checked before anything is opened. */
static int find(struct lend_context *context, const char *address, struct lend_host_device *host,
		struct lend_error *error)
{
	int ret = lend_host_find(context, address, host, error);

	if (ret < 0)
		return ret == -EINVAL ? -ENODEV : ret;
	if (host->group < 0)
		return group_say_no_iommu(host, error);
	if (!group_is_vfio_driver(host->driver))
		return group_say_not_bound(context, host, error);
	return 0;
}

static int open_in_group(struct lend_space *space, struct lend_group *group,
			 const struct lend_host_device *host, struct lend_device **out,
			 struct lend_error *error)
{
	struct device_source source = {
		.bdf = host->bdf,
		.group = host->group,
		.numa_node = host->numa_node,
		.reset_methods = host->reset_methods,
	};
	int fd, ret;

	fd = group_open_device(group, host->name, error);
	if (fd < 0)
		return fd;
	ret = legacy_new(fd, &source.ops, &source.transport);
	if (ret < 0)
		return error_say(error, ret, "%s: out of memory", host->name);
	ret = device_open_with(space, &source, out, error);
	if (ret < 0)
		source.ops->close(source.transport);
	return ret;
}

int lend_device_open(struct lend_space *space, const char *address, struct lend_device **out,
		     struct lend_error *error)
{
	struct lend_host_device host;
	struct lend_group *group;
	int ret;

	ret = find(space_context(space), address, &host, error);
	if (ret < 0)
		return ret;
	ret = group_get(space, &host, &group, error);
	if (ret < 0)
		return ret;
	ret = open_in_group(space, group, &host, out, error);
	if (ret < 0) {
		group_put(group, &host.bdf);
		return ret;
	}
	(*out)->group = group;
	return 0;
}

void device_register(struct lend_device *device)
{
	struct context_devices *devices = context_devices(space_context(device->space));

	pthread_mutex_lock(&devices->lock);
	device->next = devices->first;
	devices->first = device;
	pthread_mutex_unlock(&devices->lock);
}

static void forget(struct lend_device *device)
{
	struct context_devices *devices = context_devices(space_context(device->space));
	struct lend_device **link = &devices->first;

	pthread_mutex_lock(&devices->lock);
	while (*link && *link != device)
		link = &(*link)->next;
	if (*link)
		*link = device->next;
	pthread_mutex_unlock(&devices->lock);
}

bool device_is_open(struct lend_context *context, const struct lend_bdf *bdf)
{
	struct context_devices *devices = context_devices(context);
	bool found = false;

	pthread_mutex_lock(&devices->lock);
	for (const struct lend_device *at = devices->first; at; at = at->next)
		found |= bdf_equal(&at->info.bdf, bdf);
	pthread_mutex_unlock(&devices->lock);
	return found;
}

void lend_device_close(struct lend_device *device)
{
	if (!device)
		return;
	forget(device);
	device->ops->close(device->transport);
	if (device->group)
		group_put(device->group, &device->info.bdf);
	free(device);
}

const struct lend_device_info *lend_device_info(const struct lend_device *device)
{
	return &device->info;
}

const struct lend_region *lend_device_region(const struct lend_device *device, unsigned index)
{
	return index < LEND_REGION_COUNT ? &device->regions[index] : NULL;
}

int device_read(const struct lend_device *device, unsigned region, uint64_t offset, void *data,
		unsigned length)
{
	int ret = device->ops->read(device->transport, region, offset, data, length);

	if (ret < 0)
		return ret;
	return (unsigned)ret == length ? 0 : -EIO;
}

int device_write(const struct lend_device *device, unsigned region, uint64_t offset, const void *data,
		 unsigned length)
{
	int ret = device->ops->write(device->transport, region, offset, data, length);

	if (ret < 0)
		return ret;
	return (unsigned)ret == length ? 0 : -EIO;
}

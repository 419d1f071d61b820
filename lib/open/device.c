/* SPDX-License-Identifier: MIT */
/* Devices: the public calls, and the steps from a configuration to an open device. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lend/host.h"
#include "lib/backend/transport.h"
#include "lib/bdf.h"
#include "lib/context.h"
#include "lib/dma/space.h"
#include "lib/error.h"
#include "lib/open/cdev.h"
#include "lib/open/choose.h"
#include "lib/open/device.h"
#include "lib/open/facts.h"
#include "lib/open/group.h"
#include "lib/open/group_error.h"
#include "lib/open/raw_config.h"
#include "lib/open/token_owner.h"
#include "lib/open/user.h"
#include "lib/sized.h"

/* The device that the configuration names, by address, by descriptor, or by both. */
static int find(struct lend_context *context, const struct lend_device_config *config,
		struct lend_host_device *host, struct lend_error *error)
{
	struct lend_host_device behind;
	int ret;

	if (config->facts) {
		ret = facts_take(config->facts, host, error);
		if (!ret && config->address && strcmp(config->address, host->name) != 0)
			ret = error_say(error, -ENODEV, "the facts are those of %s, not of %s", host->name,
					config->address);
		if (!ret && config->group_fd >= 0 && host->group < 0)
			ret = error_say(error, -EINVAL, "%s: the facts do not say which group it is in",
					host->name);
		return ret;
	}
	if (!config->address)
		return lend_host_find_fd(context, config->fd, host, sizeof(*host), error);
	ret = lend_host_find(context, config->address, host, sizeof(*host), error);
	if (ret < 0)
		return ret == -EINVAL ? -ENODEV : ret;
	if (config->fd < 0)
		return 0;
	ret = lend_host_find_fd(context, config->fd, &behind, sizeof(behind), error);
	if (!ret && strcmp(behind.name, host->name) != 0)
		ret = error_say(error, -ENODEV, "fd %d is %s, not %s", config->fd, behind.name, host->name);
	return ret;
}

/* Checks what can be checked before anything is opened. */
static int check(struct lend_context *context, const struct lend_host_device *host,
		 const struct lend_device_config *config, struct lend_error *error)
{
	if (config->facts)
		return 0; /* sysfs is not read; the kernel refuses what cannot be */
	if (host->group < 0 && !(host->is_mdev && host->vfio_node[0]))
		return group_say_no_iommu(host, error);
	if (host->is_mdev ? !host->driver[0] : !lend_host_is_vfio(host->driver))
		return group_say_not_bound(context, host, error);
	return token_check(context, host, config->vf_token, error);
}

static struct device_source source_of(const struct lend_host_device *host, enum lend_backend backend)
{
	return (struct device_source){
		.bdf = host->bdf,
		.name = host->name,
		.backend = backend,
		.is_mdev = host->is_mdev,
		.group = host->group,
		.numa_node = host->numa_node,
		.reset_methods = host->reset_methods,
	};
}

/* The device's config space as sysfs has it, or as the facts have it: with facts no file is opened. */
static unsigned raw_of(struct lend_space *space, const struct lend_host_device *host,
		       const struct lend_device_config *config, uint8_t raw[PCI_CFG_SPACE_EXP_SIZE])
{
	return config->facts ? facts_raw_config(config->facts, raw)
			     : raw_config_read(space_context(space), host->name, raw);
}

/* Makes a device on `fd`, and closes `fd` if it fails. */
static int open_fd(struct lend_space *space, int fd, struct device_source *source, struct lend_device **out,
		   struct lend_error *error)
{
	int ret = transport_new(fd, &source->ops, &source->transport);

	if (ret < 0) {
		close(fd);
		return error_say(error, ret, "%s: out of memory", source->name);
	}
	ret = device_open_with(space, source, out, error);
	if (ret < 0)
		source->ops->close(source->transport);
	return ret;
}

static int open_legacy(struct lend_space *space, const struct lend_host_device *host,
		       const struct lend_device_config *config, struct lend_device **out,
		       struct lend_error *error)
{
	struct device_source source = source_of(host, LEND_BACKEND_LEGACY);
	uint8_t raw[PCI_CFG_SPACE_EXP_SIZE];
	struct lend_group *group;
	int ret = group_get(space, host, config, &group, error);

	if (ret < 0)
		return ret;
	source.raw = raw;
	source.raw_length = raw_of(space, host, config, raw);
	ret = group_open_device(group, host, config, error);
	if (ret >= 0)
		ret = open_fd(space, ret, &source, out, error);
	if (ret < 0) {
		group_put(group, &host->bdf);
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

static int open_iommufd(struct lend_space *space, const struct lend_host_device *host,
			const struct lend_device_config *config, struct lend_device **out,
			struct lend_error *error)
{
	struct device_source source = source_of(host, LEND_BACKEND_IOMMUFD);
	uint8_t raw[PCI_CFG_SPACE_EXP_SIZE];
	struct lend_cdev *cdev;
	int ret = cdev_get(space, host, config, &cdev, error);

	if (ret < 0)
		return ret;
	source.raw = raw;
	source.raw_length = raw_of(space, host, config, raw);
	ret = transport_new(cdev->fd, &source.ops, &source.transport);
	if (ret < 0) {
		error_say(error, ret, "%s: out of memory", host->name);
		cdev_detach(cdev);
		close(cdev->fd);
		goto put;
	}
	ret = device_open_with(space, &source, out, error);
	if (ret < 0) {
		cdev_detach(cdev);
		source.ops->close(source.transport);
		goto put;
	}
	(*out)->cdev = cdev;
	return 0;

put:
	cdev_put(cdev);
	return ret;
}

static int take_config(const struct lend_device_config *config, struct lend_device_config *out,
		       struct lend_error *error)
{
	int ret = sized_take(out, sizeof(*out), config, sizeof(out->size) + 1);
	bool named;

	if (ret < 0)
		return error_say(error, ret, "lend_device_config: its size is that of no version");
	if (out->backend == LEND_BACKEND_GIVEN)
		return error_say(error, -EINVAL,
				 "a device of the caller is opened by lend_device_open_backend()");
	/* A descriptor 0 is one that the caller left out, unless nothing else names the device. */
	named = !out->address && !out->facts &&
		config->size >= offsetof(struct lend_device_config, fd) + sizeof(config->fd);
	out->fd = out->fd || named ? out->fd : -1;
	out->iommu_fd = out->iommu_fd ? out->iommu_fd : -1;
	out->group_fd = out->group_fd ? out->group_fd : -1;
	out->container_fd = out->container_fd ? out->container_fd : -1;
	out->socket_fd = out->socket_fd ? out->socket_fd : -1;
	if (out->socket || out->socket_fd >= 0 || out->backend == LEND_BACKEND_USER)
		return user_check(out, error);
	if (out->facts)
		return facts_check(out, error);
	if (out->group_fd >= 0 || out->container_fd >= 0)
		return error_say(error, -EINVAL,
				 "a group is passed as a descriptor with the facts of its device alone");
	if (!out->address && out->fd < 0)
		return error_say(error, -EINVAL, "neither an address nor a descriptor names the device");
	if (out->fd >= 0 && out->backend == LEND_BACKEND_LEGACY)
		return error_say(
			error, -EINVAL,
			"a device is passed as a descriptor with iommufd alone; leave iommufd=off out");
	return 0;
}

int lend_device_open_with(struct lend_space *space, const struct lend_device_config *given,
			  struct lend_device **out, struct lend_error *error)
{
	struct lend_context *context = space_context(space);
	struct lend_device_config config;
	struct lend_host_device host;
	bool other_too;
	int ret;

	ret = take_config(given, &config, error);
	if (!ret && config.backend == LEND_BACKEND_USER)
		return user_open(space, &config, out, error);
	if (!ret)
		ret = find(context, &config, &host, error);
	if (!ret)
		ret = check(context, &host, &config, error);
	if (ret < 0)
		return ret;
	if (choose_backend(context, &host, &config, &other_too) == LEND_BACKEND_IOMMUFD) {
		ret = open_iommufd(space, &host, &config, out, error);
		if (ret != -EPERM || !other_too)
			return ret;
	}
	return open_legacy(space, &host, &config, out, error);
}

int lend_device_open(struct lend_space *space, const char *address, struct lend_device **out,
		     struct lend_error *error)
{
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;

	config.address = address;
	return lend_device_open_with(space, &config, out, error);
}

/* A node is detached from its page tables before it is closed; a group, after its last device was. */
void lend_device_close(struct lend_device *device)
{
	if (!device)
		return;
	forget(device);
	if (device->user)
		user_unwatch(device);
	if (device->cdev)
		cdev_detach(device->cdev);
	if (device->given)
		space_detach(device->space, device->given);
	device->ops->close(device->transport);
	if (device->cdev)
		cdev_put(device->cdev);
	if (device->group)
		group_put(device->group, &device->info.bdf);
	free(device);
}

int lend_device_move(struct lend_device *device, struct lend_space *space, struct lend_error *error)
{
	int ret;

	if (!device->cdev)
		return error_say(error, -EOPNOTSUPP,
				 "%s: it cannot move; only a device that was opened by iommufd can",
				 device->info.name);
	if (__atomic_load_n(&device->functions, __ATOMIC_RELAXED))
		return error_say(error, -EBUSY, "%s: it cannot move while a guest's function is on it",
				 device->info.name);
	if (space_context(space) != space_context(device->space))
		return error_say(error, -EINVAL, "%s: the other space is of another context",
				 device->info.name);
	if (space == device->space)
		return 0;
	ret = cdev_move(device->cdev, space, error);
	if (!ret)
		device->space = space;
	return ret;
}

const struct lend_device_info *lend_device_info(const struct lend_device *device)
{
	return &device->info;
}

int lend_device_region(const struct lend_device *device, unsigned index, struct lend_region *out, size_t size)
{
	if (index >= LEND_REGION_COUNT)
		return -EINVAL;
	sized_give(out, size, &device->regions[index], sizeof(device->regions[index]));
	return 0;
}

size_t lend_device_areas(const struct lend_device *device, unsigned index, struct lend_area *out, size_t max)
{
	size_t count = index < LEND_REGION_COUNT ? device->regions[index].area_count : 0;

	for (size_t i = 0; i < count && i < max; i++)
		out[i] = device->areas[index][i];
	return count;
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

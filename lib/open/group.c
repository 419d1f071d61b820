/* SPDX-License-Identifier: MIT */
/* Groups of the legacy way. The registry's lock guards the fields of a group; `id` and `fd` never change. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/backend/type1.h"
#include "lib/bdf.h"
#include "lib/context.h"
#include "lib/dma/space.h"
#include "lib/error.h"
#include "lib/open/group.h"
#include "lib/open/group_error.h"
#include "lib/open/token_owner.h"
#include "lib/sys/vfio.h"

enum { GROUP_DEVICES_MAX = 256 };

struct lend_group {
	struct lend_group *next;
	struct lend_space *space;
	int id, fd;
	unsigned user_count;
	struct lend_bdf users[GROUP_DEVICES_MAX];
};

static void group_path(const struct lend_context *context, int id, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/vfio/%d", context_dev(context), id);
}

/* Opens the group's node, or duplicates the caller's descriptor. */
static int take_fd(struct lend_context *context, const struct lend_host_device *host,
		   const struct lend_device_config *config, struct lend_error *error)
{
	char path[PATH_MAX];
	int fd;

	if (config->facts) {
		fd = fcntl(config->group_fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? error_say(error, -errno, "%s: its group, fd %d, is not open", host->name,
					  config->group_fd)
			      : fd;
	}
	group_path(context, host->group, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? group_say_open(context, host, path, errno, error) : fd;
}

static int open_group(struct lend_context *context, const struct lend_host_device *host,
		      const struct lend_device_config *config, struct lend_error *error)
{
	bool viable, in_container;
	int fd = take_fd(context, host, config, error), ret;

	if (fd < 0)
		return fd;
	ret = sys_vfio_group_get_status(fd, &viable, &in_container);
	if (ret < 0)
		error_say(error, ret, "%s: cannot read the state of IOMMU group %d: %s", host->name,
			  host->group, strerror(-ret));
	else if (!viable)
		ret = group_say_not_viable(config->facts ? NULL : context, host, error);
	else if (in_container)
		ret = error_say(error, -EBUSY, "%s: IOMMU group %d is in another container already",
				host->name, host->group);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}

static int new_group(struct lend_space *space, const struct lend_host_device *host,
		     const struct lend_device_config *config, struct lend_group **out,
		     struct lend_error *error)
{
	struct lend_context *context = space_context(space);
	struct lend_group *group = calloc(1, sizeof(*group));
	struct domain_user user = {.make = type1_new, .name = host->name};
	int container = config->container_fd, ret;

	if (!group)
		return error_say(error, -ENOMEM, "%s: out of memory", host->name);
	group->space = space;
	group->id = host->group;
	ret = group->fd = open_group(context, host, config, error);
	if (ret < 0)
		goto free_group;
	user.fd = group->fd;
	user.arg = config->facts ? &container : NULL;
	ret = space_attach(space, &user, error);
	if (ret < 0)
		goto close_fd;
	/* Before a device is opened: some drivers look for the hypervisor then. */
	ret = space_ops(space)->vfio_add(space_host(space), group->fd);
	if (ret < 0 && ret != -EOPNOTSUPP)
		context_log(context, LEND_LOG_WARNING, "%s: the hypervisor does not take IOMMU group %d: %s",
			    host->name, host->group, strerror(-ret));
	*out = group;
	return 0;

close_fd:
	close(group->fd);
free_group:
	free(group);
	return ret;
}

static int add_user(struct lend_group *group, struct lend_space *space, const struct lend_host_device *host,
		    struct lend_error *error)
{
	if (group->space != space)
		return error_say(error, -EBUSY,
				 "%s: IOMMU group %d is in use by another machine of this process",
				 host->name, group->id);
	for (unsigned i = 0; i < group->user_count; i++)
		if (bdf_equal(&group->users[i],
			      &host->bdf)) /* a mediated one has no bdf, and a group for itself */
			return error_say(error, -EEXIST, "%s is given twice", host->name);
	if (group->user_count == GROUP_DEVICES_MAX)
		return error_say(error, -E2BIG, "%s: too many devices in IOMMU group %d", host->name,
				 group->id);
	group->users[group->user_count++] = host->bdf;
	return 0;
}

int group_get(struct lend_space *space, const struct lend_host_device *host,
	      const struct lend_device_config *config, struct lend_group **out, struct lend_error *error)
{
	struct context_groups *groups = context_groups(space_context(space));
	struct lend_group *group;
	int ret = 0;

	pthread_mutex_lock(&groups->lock);
	for (group = groups->first; group; group = group->next)
		if (group->id == host->group)
			break;
	if (!group) {
		ret = new_group(space, host, config, &group, error);
		if (!ret) {
			group->next = groups->first;
			groups->first = group;
		}
	}
	if (!ret)
		ret = add_user(group, space, host, error);
	pthread_mutex_unlock(&groups->lock);
	if (!ret)
		*out = group;
	return ret;
}

static void close_group(struct context_groups *groups, struct lend_group *group)
{
	struct lend_group **link = &groups->first;

	while (*link != group)
		link = &(*link)->next;
	*link = group->next;
	space_ops(group->space)->vfio_del(space_host(group->space), group->fd);
	space_detach(group->space, group->fd);
	close(group->fd);
	free(group);
}

void group_put(struct lend_group *group, const struct lend_bdf *bdf)
{
	struct context_groups *groups = context_groups(space_context(group->space));

	pthread_mutex_lock(&groups->lock);
	for (unsigned i = 0; i < group->user_count; i++) {
		if (!bdf_equal(&group->users[i], bdf))
			continue;
		group->users[i] = group->users[--group->user_count];
		break;
	}
	if (!group->user_count)
		close_group(groups, group);
	pthread_mutex_unlock(&groups->lock);
}

int group_fd(struct lend_context *context, int id)
{
	struct context_groups *groups = context_groups(context);
	int fd = -1;

	pthread_mutex_lock(&groups->lock);
	for (const struct lend_group *group = groups->first; group; group = group->next)
		if (group->id == id)
			fd = group->fd;
	pthread_mutex_unlock(&groups->lock);
	return fd;
}

static int say_refused(struct lend_group *group, const struct lend_host_device *host,
		       const struct lend_device_config *config, int code, struct lend_error *error)
{
	struct lend_context *look = config->facts ? NULL : space_context(group->space);
	char path[PATH_MAX];

	switch (code) {
	case -EBUSY:
		group_path(space_context(group->space), group->id, path);
		return group_say_in_use(look, host->name, path, error);
	case -EACCES:
		return token_say_refused(look, host, config->vf_token, error);
	case -EINVAL:
		if (config->vf_token)
			return token_say_not_taken(host, error);
		break;
	default:
		break;
	}
	return error_say(error, code, "%s: the kernel does not hand it out: %s; dmesg may say why",
			 host->name, strerror(-code));
}

int group_open_device(struct lend_group *group, const struct lend_host_device *host,
		      const struct lend_device_config *config, struct lend_error *error)
{
	const char *vf_token = config->vf_token;
	char full[LEND_NAME_SIZE + sizeof(" vf_token=") + LEND_UUID_TEXT];
	uint8_t token[LEND_UUID_SIZE];
	int fd;

	if (vf_token && lend_uuid_parse(vf_token, token))
		return error_say(error, -EINVAL, "%s: the VF token '%.60s' is no UUID", host->name, vf_token);
	snprintf(full, sizeof(full), "%s%s%.36s", host->name, vf_token ? " vf_token=" : "",
		 vf_token ? vf_token : "");
	fd = sys_vfio_group_get_device_fd(group->fd, full);
	return fd < 0 ? say_refused(group, host, config, fd, error) : fd;
}

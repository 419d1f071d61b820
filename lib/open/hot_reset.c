/* SPDX-License-Identifier: MIT */
/*
 * Reset of a bus. It is checked here that all functions on the bus are ours. The
 * kernel checks it too, but does not name the function that is not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend/host.h"
#include "lib/bdf.h"
#include "lib/dma/space.h"
#include "lib/error.h"
#include "lib/open/group.h"
#include "lib/open/hot_reset.h"

static bool is_self(const struct lend_device *device, const struct lend_bdf *bdf)
{
	return bdf_equal(&device->info.bdf, bdf);
}

/* In a list by id the kernel tells only whether all functions are owned, and not which one is not. */
static bool is_owned(const struct lend_device *device, const struct backend_hot_reset *list,
		     const struct backend_dependent *one)
{
	if (is_self(device, &one->bdf))
		return true;
	return list->by_id ? list->owned : group_fd(space_context(device->space), one->group) >= 0;
}

static int check_owned(const struct lend_device *device, const struct backend_hot_reset *list,
		       struct lend_error *error)
{
	char name[16], group[32] = "";

	for (unsigned i = 0; i < list->count; i++) {
		const struct backend_dependent *one = &list->at[i];

		if (is_owned(device, list, one))
			continue;
		lend_bdf_format(&one->bdf, name);
		if (!list->by_id)
			snprintf(group, sizeof(group), " (IOMMU group %d)", one->group);
		return error_say(error, -EPERM,
				 "its bus is shared with %s%s, which is not handed over; hand it over too, "
				 "and both can be reset",
				 name, group);
	}
	if (list->by_id && !list->owned)
		return error_say(error, -EPERM, "its bus is shared with what the kernel does not name");
	return 0;
}

int hot_reset_list(const struct lend_device *device, struct backend_hot_reset *out, struct lend_error *error)
{
	int ret = device->ops->hot_reset_info(device->transport, out);

	if (ret < 0)
		return error_say(error, ret, "its bus cannot be reset: %s", strerror(-ret));
	ret = check_owned(device, out, error);
	if (ret < 0) {
		free(out->at);
		*out = (struct backend_hot_reset){0};
		return ret;
	}
	return 0;
}

static bool has_fd(const int *fds, unsigned count, int fd)
{
	for (unsigned i = 0; i < count; i++)
		if (fds[i] == fd)
			return true;
	return false;
}

int hot_reset_run(const struct lend_device *device, const struct backend_hot_reset *list)
{
	struct lend_context *context = space_context(device->space);
	int *fds = calloc(list->count + 1, sizeof(*fds)), ret;
	unsigned count = 0;

	if (!fds)
		return -ENOMEM;
	for (unsigned i = 0; i < list->count && !list->by_id; i++) {
		int fd = group_fd(context, list->at[i].group);

		if (fd >= 0 && !has_fd(fds, count, fd))
			fds[count++] = fd;
	}
	ret = device->ops->hot_reset(device->transport, fds, count);
	free(fds);
	return ret;
}

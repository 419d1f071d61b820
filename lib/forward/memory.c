/* SPDX-License-Identifier: MIT */
/*
 * The client's memory for the device: VFIO pins it. The pages stay where they are as
 * long as they are mapped, also if the client cuts its file short.
 */
#include <errno.h>

#include "lib/forward/forward.h"

static void say_far(struct forward *forward, const struct lend_domain_map *map)
{
	if (forward->said_far)
		return;
	forward->said_far = true;
	forward_log(
		forward, LEND_LOG_INFO,
		"the client keeps memory to itself, as 0x%llx bytes at 0x%llx: it answers messages for it. "
		"The device does not reach such memory. It reaches what comes with a file",
		(unsigned long long)map->length, (unsigned long long)map->iova);
}

int forward_map(void *dev, const struct lend_domain_map *map)
{
	struct forward *forward = dev;
	const struct lend_range range = {
		.iova = map->iova,
		.length = map->length,
		.va = map->va,
		.fd = map->fd,
		.offset = map->offset,
		.kind = LEND_RANGE_RAM,
		.access = map->access,
	};
	struct lend_error error = {""};
	int ret;

	if (!map->va || !map->access) {
		say_far(forward, map);
		return 0;
	}
	ret = lend_space_map(forward->device->space, &range, 1, &error);
	if (ret < 0)
		forward_log(forward, LEND_LOG_WARNING, "the client's memory is refused: %s", error.text);
	return ret;
}

/* What was not mapped for the device, because it came without a file, is not there. */
void forward_unmap(void *dev, lend_iova_t iova, uint64_t length)
{
	struct forward *forward = dev;
	const struct lend_range range = {.iova = iova, .length = length};
	struct lend_error error = {""};
	int ret = lend_space_unmap_ranges(forward->device->space, &range, 1, &error);

	if (ret < 0 && ret != -ENOENT)
		forward_log(forward, LEND_LOG_ERROR, "the client's memory stays mapped: %s", error.text);
}

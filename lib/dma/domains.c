/* SPDX-License-Identifier: MIT */
/* The domains behind a space: maps go to each of them or to none. Called with the space's lock held. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/dma/space_private.h"
#include "lib/error.h"

enum { WINDOWS_MAX = 64 };

static unsigned long long mib(uint64_t bytes)
{
	return (unsigned long long)((bytes + (1 << 20) - 1) >> 20);
}

/* Once: what fails for one BAR fails for most, each time that one moves. Who is alone misses nothing. */
static void say_peers(struct lend_space *space, const struct dma_map *map, int code)
{
	bool alone = !space->users || !space->users->next;

	if (space->peers_said)
		return;
	space->peers_said = true;
	context_log_limited(
		space->context, &space->bucket, alone ? LEND_LOG_INFO : LEND_LOG_WARNING,
		"a BAR at 0x%llx, and maybe others, cannot be reached by other devices "
		"(peer-to-peer): %s%s",
		(unsigned long long)map->iova, strerror(-code),
		code == -EFAULT ? "; with iommufd they can from Linux 6.19 on, with iommufd=off before" : "");
}

int space_map_one(struct lend_space *space, struct dma_map *map, unsigned domain)
{
	struct space_domain *at = &space->domains[domain];
	struct domain_map want = {
		.iova = map->iova,
		.length = map->length,
		.va = map->va,
		.fd = map->fd,
		.offset = map->offset,
		.writable = map->kind != LEND_RANGE_ROM,
		.peer = map->kind == LEND_RANGE_BAR,
	};
	int ret = at->ops->map(at->opaque, &want);

	if (!ret)
		map->domains |= UINT64_C(1) << domain;
	if (ret < 0 && want.peer) {
		say_peers(space, map, ret);
		return 0;
	}
	return ret;
}

int space_map_all(struct lend_space *space, struct dma_map *map)
{
	for (unsigned i = 0; i < DOMAINS_MAX; i++) {
		int ret = space->domains[i].ops ? space_map_one(space, map, i) : 0;

		if (ret < 0) {
			space_unmap_all(space, map);
			return ret;
		}
	}
	return 0;
}

int space_unmap_all(struct lend_space *space, struct dma_map *map)
{
	int first = 0;

	for (unsigned i = 0; i < DOMAINS_MAX; i++) {
		struct space_domain *at = &space->domains[i];
		int ret;

		if (!(map->domains & UINT64_C(1) << i))
			continue;
		ret = at->ops->unmap(at->opaque, map->iova, map->length);
		if (ret < 0 && ret != -ENOENT)
			context_log_limited(space->context, &space->bucket, LEND_LOG_ERROR,
					    "cannot unmap [0x%llx, +0x%llx) from an IOMMU: %s",
					    (unsigned long long)map->iova, (unsigned long long)map->length,
					    strerror(-ret));
		if (ret < 0 && ret != -ENOENT && !first)
			first = ret;
		map->domains &= ~(UINT64_C(1) << i);
	}
	return first;
}

static bool inside(struct lend_space *space, const struct dma_map *map)
{
	struct lend_iova_window windows[WINDOWS_MAX];
	size_t count = space_windows(space, windows, WINDOWS_MAX);

	for (size_t i = 0; i < count && i < WINDOWS_MAX; i++)
		if (windows[i].start <= map->iova && map->iova + (map->length - 1) <= windows[i].last)
			return true;
	return count > WINDOWS_MAX;
}

int space_say_map(struct lend_space *space, const struct dma_map *map, int code, struct lend_error *error)
{
	unsigned long long start = map->iova, length = map->length;
	struct rlimit limit = {0};

	if (code == -EINVAL && !inside(space, map))
		return error_say(error, -ERANGE,
				 "the devices' IOMMU cannot address guest memory [0x%llx, +0x%llx): it lies "
				 "outside of "
				 "the usable addresses or on a reserved range",
				 start, length);
	if (code == -ENOMEM && !getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		return error_say(
			error, code,
			"cannot pin %llu MiB of guest memory: the memlock limit is %llu MiB, and this machine "
			"needs %llu MiB; through iommufd it is for all machines of this user; raise it "
			"(ulimit -l, LimitMEMLOCK=), or run as root",
			mib(length), (unsigned long long)(limit.rlim_cur >> 20), mib(space->mapped + length));
	if (code == -ENOSPC)
		return error_say(error, code,
				 "too many DMA maps: the kernel's limit is reached (dma_entry_limit of "
				 "vfio_iommu_type1); use larger pieces of memory");
	return error_say(error, code, "cannot map guest memory [0x%llx, +0x%llx) for the devices: %s", start,
			 length, strerror(-code));
}

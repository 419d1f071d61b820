/* SPDX-License-Identifier: MIT */
/* The sentences of a space: of maps that fail, and of what is noted with the lock held and logged after it.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/dma/space_private.h"
#include "lib/error.h"

static unsigned long long mib(uint64_t bytes)
{
	return (unsigned long long)((bytes + (1 << 20) - 1) >> 20);
}

static const char *kind_name(enum lend_range_kind kind)
{
	return kind == LEND_RANGE_BAR ? "BAR" : "memory";
}

/*
 * Said once, because what fails for one BAR fails for most, each time that one
 * moves; and once more as a warning when there are devices that miss it.
 */
static void log_peer(struct lend_space *space, const struct space_note *note, bool alone)
{
	const char *hint =
		note->code == -EFAULT
			? "; Linux 6.19 and later map BARs with iommufd, older ones with iommufd=off alone"
			: "";

	if (alone)
		context_log_limited(space->context, &space->bucket, LEND_LOG_INFO,
				    "the IOMMU cannot map the BAR at 0x%llx, and maybe others: %s. Other "
				    "devices could not reach it (peer-to-peer), but there are none%s",
				    (unsigned long long)note->iova, strerror(-note->code), hint);
	else
		context_log_limited(space->context, &space->bucket, LEND_LOG_WARNING,
				    "the IOMMU cannot map the BAR at 0x%llx, and maybe others: %s. DMA of "
				    "other devices to it (peer-to-peer) fails%s",
				    (unsigned long long)note->iova, strerror(-note->code), hint);
}

static void log_stuck(struct lend_space *space, const struct space_note *note)
{
	context_log_limited(
		space->context, &space->bucket, LEND_LOG_ERROR,
		"an IOMMU does not remove the %s at [0x%llx, +0x%llx) and %u more: %s. Devices can "
		"still reach it",
		kind_name(note->kind), (unsigned long long)note->iova, (unsigned long long)note->length,
		note->count - 1, strerror(-note->code));
}

static void log_lost(struct lend_space *space, const struct space_note *note)
{
	context_log_limited(
		space->context, &space->bucket, LEND_LOG_ERROR,
		"the %s at [0x%llx, +0x%llx) and %u more could be removed from one IOMMU and not from "
		"another, and the first does not take it back: %s. DMA of the devices behind it fails "
		"there; remove it again, or close them",
		kind_name(note->kind), (unsigned long long)note->iova, (unsigned long long)note->length,
		note->count - 1, strerror(-note->code));
}

static void log_slow(struct lend_space *space, const struct space_note *note)
{
	bool bar = note->kind == LEND_RANGE_BAR && !note->unmap;

	context_log_limited(space->context, &space->bucket, bar ? LEND_LOG_WARNING : LEND_LOG_INFO,
			    "it took %llu.%llu s to %s the %s at [0x%llx, +0x%llx), %llu MiB, for DMA%s",
			    (unsigned long long)(note->slow_ns / 1000000000),
			    (unsigned long long)(note->slow_ns / 100000000 % 10),
			    note->unmap ? "unmap" : "map", kind_name(note->kind),
			    (unsigned long long)note->iova, (unsigned long long)note->length,
			    mib(note->length),
			    bar ? "; Linux before 6.15 maps a BAR page by page in a VFIO container" : "");
}

void space_lock(struct lend_space *space)
{
	pthread_mutex_lock(&space->lock);
}

void space_unlock(struct lend_space *space)
{
	struct space_notes notes = space->notes;
	bool alone = !space->users || !space->users->next, say_peer = false;

	if (notes.peer.count && space->peers_said < (alone ? PEERS_SAID_ALONE : PEERS_SAID)) {
		space->peers_said = alone ? PEERS_SAID_ALONE : PEERS_SAID;
		say_peer = true;
	}
	space->notes = (struct space_notes){0};
	pthread_mutex_unlock(&space->lock);
	if (say_peer)
		log_peer(space, &notes.peer, alone);
	if (notes.stuck.count)
		log_stuck(space, &notes.stuck);
	if (notes.lost.count)
		log_lost(space, &notes.lost);
	if (notes.slow.count)
		log_slow(space, &notes.slow);
}

static bool addressable(struct lend_space *space, const struct dma_map *map)
{
	if (space_windows(space) < 0)
		return true;
	for (size_t i = 0; i < space->windows.count; i++)
		if (space->windows.at[i].start <= map->iova && map_last(map) <= space->windows.at[i].last)
			return true;
	return false;
}

int space_say_map(struct lend_space *space, const struct dma_map *map, int code, struct lend_error *error)
{
	unsigned long long start = map->iova, length = map->length;
	struct rlimit limit = {0};

	if (code == -EINVAL && !addressable(space, map))
		return error_say(error, -ERANGE,
				 "the devices' IOMMU cannot address guest memory [0x%llx, +0x%llx): it lies "
				 "outside of the usable addresses or on a reserved range",
				 start, length);
	if (code == -ENOMEM && !getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		return error_say(
			error, code,
			"cannot pin %llu MiB of guest memory: the memlock limit is %llu MiB, and this "
			"machine "
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

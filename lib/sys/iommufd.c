/* SPDX-License-Identifier: MIT */
/* Ioctls of iommufd. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lend/space.h"
#include "lib/sys/abi.h"
#include "lib/sys/info.h"
#include "lib/sys/iommufd.h"

/* Ranges that fit without a second call, and those that no IOMMU has. */
enum { RANGES_FIRST = 16, RANGES_MAX = 65536, ROUNDS = 4 };

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

int sys_iommu_charge_process(int iommufd)
{
	struct abi_iommu_option option = {.size = sizeof(option),
					  .option_id = ABI_OPTION_RLIMIT_MODE,
					  .op = ABI_OPTION_OP_SET,
					  .val64 = 1};

	return call(iommufd, ABI_IOMMU_OPTION, &option);
}

int sys_iommu_destroy(int iommufd, uint32_t id)
{
	struct abi_iommu_destroy destroy = {.size = sizeof(destroy), .id = id};

	return call(iommufd, ABI_IOMMU_DESTROY, &destroy);
}

int sys_ioas_alloc(int iommufd, uint32_t *id)
{
	struct abi_ioas_alloc alloc = {.size = sizeof(alloc)};
	int ret = call(iommufd, ABI_IOMMU_IOAS_ALLOC, &alloc);

	*id = alloc.out_ioas_id;
	return ret;
}

/* The answer says how many there are, also with -EMSGSIZE, when they did not fit. */
static int ask_ranges(int iommufd, struct abi_ioas_iova_ranges *ask, struct abi_iova_range **out)
{
	uint32_t room = RANGES_FIRST, ioas = ask->ioas_id;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct abi_iova_range *ranges = calloc(room, sizeof(*ranges));
		int ret;

		if (!ranges)
			return -ENOMEM;
		*ask = (struct abi_ioas_iova_ranges){.size = sizeof(*ask),
						     .ioas_id = ioas,
						     .num_iovas = room,
						     .allowed_iovas = (uintptr_t)ranges};
		ret = call(iommufd, ABI_IOMMU_IOAS_IOVA_RANGES, ask);
		if (!ret && ask->num_iovas <= room) {
			*out = ranges;
			return 0;
		}
		free(ranges);
		if (ret != -EMSGSIZE)
			return ret ? ret : -EPROTO;
		if (ask->num_iovas <= room || ask->num_iovas > RANGES_MAX)
			return -EPROTO;
		room = ask->num_iovas;
	}
	return -EPROTO;
}

int sys_ioas_ranges(int iommufd, uint32_t ioas, struct sys_ioas_ranges *out)
{
	struct abi_ioas_iova_ranges ask = {.ioas_id = ioas};
	struct abi_iova_range *ranges = NULL;
	int ret;

	*out = (struct sys_ioas_ranges){0};
	ret = ask_ranges(iommufd, &ask, &ranges);
	if (ret < 0)
		return ret;
	out->alignment = ask.out_iova_alignment;
	if (ask.num_iovas) {
		out->ranges = calloc(ask.num_iovas, sizeof(*out->ranges));
		if (!out->ranges)
			ret = -ENOMEM;
	}
	for (uint32_t i = 0; i < ask.num_iovas && !ret; i++)
		out->ranges[out->count++] = (struct sys_iova_range){ranges[i].start, ranges[i].last};
	if (!ret)
		ret = sys_iova_ranges_check(out->ranges, out->count);
	free(ranges);
	if (ret < 0) {
		free(out->ranges);
		*out = (struct sys_ioas_ranges){0};
	}
	return ret;
}

static uint32_t map_flags(const struct sys_ioas_map *map)
{
	return ABI_MAP_FIXED_IOVA | (map->access & LEND_ACCESS_READ ? ABI_MAP_READABLE : 0u) |
	       (map->access & LEND_ACCESS_WRITE ? ABI_MAP_WRITEABLE : 0u);
}

int sys_ioas_map(int iommufd, uint32_t ioas, const struct sys_ioas_map *map, const void *va)
{
	struct abi_ioas_map ask = {
		.size = sizeof(ask),
		.flags = map_flags(map),
		.ioas_id = ioas,
		.user_va = (uintptr_t)va,
		.length = map->length,
		.iova = map->iova,
	};

	return call(iommufd, ABI_IOMMU_IOAS_MAP, &ask);
}

int sys_ioas_map_file(int iommufd, uint32_t ioas, const struct sys_ioas_map *map, int fd, uint64_t start)
{
	struct abi_ioas_map_file ask = {
		.size = sizeof(ask),
		.flags = map_flags(map),
		.ioas_id = ioas,
		.fd = fd,
		.start = start,
		.length = map->length,
		.iova = map->iova,
	};

	return call(iommufd, ABI_IOMMU_IOAS_MAP_FILE, &ask);
}

int sys_ioas_unmap(int iommufd, uint32_t ioas, uint64_t iova, uint64_t length)
{
	struct abi_ioas_unmap ask = {.size = sizeof(ask), .ioas_id = ioas, .iova = iova, .length = length};
	int ret = call(iommufd, ABI_IOMMU_IOAS_UNMAP, &ask);

	if (ret < 0)
		return ret;
	if (!ask.length)
		return -ENOENT;
	return ask.length == length ? 0 : -EPROTO;
}

int sys_hwpt_alloc(int iommufd, uint32_t device, uint32_t ioas, uint32_t *id)
{
	struct abi_hwpt_alloc alloc = {.size = sizeof(alloc), .dev_id = device, .pt_id = ioas};
	int ret = call(iommufd, ABI_IOMMU_HWPT_ALLOC, &alloc);

	*id = alloc.out_hwpt_id;
	return ret;
}

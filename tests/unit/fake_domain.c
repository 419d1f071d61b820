/* SPDX-License-Identifier: MIT */
/* The fake IOMMU: a list of maps, which may not overlap, as type1v2 has it. */
#include <errno.h>

#include "tests/unit/fake_private.h"

/* Around the addresses of message interrupts, and to the end of what 63 bits reach. */
enum { WINDOWS = 2, PAGE = 4096 };
static const struct lend_iova_window windows[WINDOWS] = {
	{0, 0xfedfffff},
	{0xfef00000, UINT64_MAX >> 1},
};

static bool valid(lend_iova_t iova, uint64_t length)
{
	if (!length || iova % PAGE || length % PAGE || length - 1 > UINT64_MAX - iova)
		return false;
	for (unsigned i = 0; i < WINDOWS; i++)
		if (windows[i].start <= iova && iova + (length - 1) <= windows[i].last)
			return true;
	return false;
}

static int fake_map(void *domain, const struct domain_map *map)
{
	struct world *world = domain;
	lend_iova_t iova = map->iova;
	uint64_t length = map->length;
	int ret = fake_step(world, "dma_map %llx %llx", (unsigned long long)iova, (unsigned long long)length);

	if (ret < 0)
		return ret;
	if (world->fail_dma_maps)
		return -EFAULT;
	if (!valid(iova, length) || !map->access)
		return -EINVAL;
	for (unsigned i = 0; i < world->map_count; i++)
		if (iova < world->maps[i].iova + world->maps[i].length && world->maps[i].iova < iova + length)
			return -EEXIST;
	if (world->map_count == WORLD_MAPS)
		return -ENOSPC;
	world->maps[world->map_count].iova = iova;
	world->maps[world->map_count].fd = map->fd;
	world->maps[world->map_count++].length = length;
	return 0;
}

static int fake_unmap(void *domain, lend_iova_t iova, uint64_t length)
{
	struct world *world = domain;

	fake_record(world, "dma_unmap %llx %llx", (unsigned long long)iova, (unsigned long long)length);
	if (world->fail_dma_unmaps && world->fail_dma_unmaps--)
		return -EIO;
	for (unsigned i = 0; i < world->map_count; i++) {
		if (world->maps[i].iova != iova || world->maps[i].length != length)
			continue;
		world->maps[i] = world->maps[--world->map_count];
		return 0;
	}
	if (!world->lenient)
		fake_violation(world, "unmapped what is not mapped: 0x%llx", (unsigned long long)iova);
	return -ENOENT;
}

static size_t fake_windows(void *domain, struct lend_iova_window *out, size_t max)
{
	(void)domain;
	for (size_t i = 0; i < WINDOWS && i < max; i++)
		out[i] = windows[i];
	return WINDOWS;
}

static int fake_attach(void *domain, const struct domain_user *user)
{
	(void)domain, (void)user;
	return 0;
}

static void fake_close(void *domain)
{
	fake_record(domain, "domain_close");
}

int fake_domain_make(struct lend_context *context, const struct domain_user *user,
		     const struct domain_ops **ops, void **domain, struct lend_error *error)
{
	static const struct domain_ops fake_domain = {
		.map = fake_map,
		.unmap = fake_unmap,
		.windows = fake_windows,
		.attach = fake_attach,
		.detach = fake_attach,
		.close = fake_close,
	};

	(void)context, (void)error;
	*ops = &fake_domain;
	*domain = user->arg;
	return 0;
}

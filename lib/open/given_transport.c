/* SPDX-License-Identifier: MIT */
/* A transport behind the caller's table. For a slot that the table does not have, it answers here. */
#include <errno.h>
#include <stdlib.h>

#include "lib/backend/no_bus.h"
#include "lib/open/given.h"
#include "lib/sized.h"

static int given_info(void *dev, struct backend_device_info *out)
{
	const struct given_transport *given = dev;
	struct lend_transport_info info = {.size = sizeof(info)};
	int ret = given->ops.info ? given->ops.info(given->dev, &info) : 0;

	*out = (struct backend_device_info){
		.is_pci = true,
		.can_reset = info.can_reset && given->ops.reset,
		.region_count = LEND_REGION_COUNT,
		.irq_count = LEND_IRQ_COUNT,
		.atomics = info.atomics,
	};
	return ret;
}

static int given_region_info(void *dev, unsigned index, struct lend_region *out, struct lend_area *areas,
			     unsigned max)
{
	const struct given_transport *given = dev;
	int ret;

	*out = (struct lend_region){0};
	ret = given->ops.region_info(given->dev, index, out, areas, max);
	if (ret < 0)
		*out = (struct lend_region){0};
	if (!given->ops.map)
		out->area_count = 0;
	return ret == -EINVAL && index != LEND_REGION_CONFIG ? 0 : ret;
}

static int given_irq_info(void *dev, unsigned index, struct backend_irq_info *out)
{
	const struct given_transport *given = dev;
	struct lend_irq_info info = {.size = sizeof(info)};
	int ret = given->ops.irq_info ? given->ops.irq_info(given->dev, index, &info) : 0;

	*out = (struct backend_irq_info){.count = info.count, .noresize = info.noresize};
	return ret;
}

static int given_set_irqs(void *dev, const struct backend_irqs *irqs)
{
	static const enum lend_irq_action actions[] = {
		[BACKEND_IRQ_TRIGGER] = LEND_IRQ_TRIGGER,
		[BACKEND_IRQ_MASK] = LEND_IRQ_MASK,
		[BACKEND_IRQ_UNMASK] = LEND_IRQ_UNMASK,
	};
	const struct given_transport *given = dev;
	const struct lend_irqs what = {
		.size = sizeof(what),
		.action = actions[irqs->action],
		.index = irqs->index,
		.start = irqs->start,
		.count = irqs->count,
		.fds = irqs->fds,
	};

	return given->ops.set_irqs ? given->ops.set_irqs(given->dev, &what) : -EOPNOTSUPP;
}

static int given_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	const struct given_transport *given = dev;

	return given->ops.read(given->dev, region, offset, data, length);
}

static int given_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	const struct given_transport *given = dev;

	return given->ops.write(given->dev, region, offset, data, length);
}

static int given_map(void *dev, unsigned region, uint64_t offset, uint64_t length, void *at)
{
	const struct given_transport *given = dev;

	return given->ops.map ? given->ops.map(given->dev, region, offset, length, at) : -EOPNOTSUPP;
}

static int given_dma_buf(void *dev, unsigned region, uint64_t offset, uint64_t length)
{
	const struct given_transport *given = dev;

	return given->ops.dma_buf ? given->ops.dma_buf(given->dev, region, offset, length) : -ENOTTY;
}

static int no_file(void *dev, unsigned region, uint64_t *offset)
{
	(void)dev, (void)region, (void)offset;
	return -ENOTTY;
}

static int given_reset(void *dev)
{
	const struct given_transport *given = dev;

	return given->ops.reset ? given->ops.reset(given->dev) : -EOPNOTSUPP;
}

static int given_ioeventfd(void *dev, const struct backend_ioeventfd *what)
{
	const struct given_transport *given = dev;
	const struct lend_transport_ioeventfd one = {
		.size = sizeof(one),
		.region = what->region,
		.length = what->length,
		.offset = what->offset,
		.data = what->data,
		.fd = what->fd,
	};

	return given->ops.ioeventfd ? given->ops.ioeventfd(given->dev, &one) : -EOPNOTSUPP;
}

static void given_close(void *dev)
{
	struct given_transport *given = dev;

	if (given->owned && given->ops.close)
		given->ops.close(given->dev);
	free(given);
}

const struct transport_ops given_transport_ops = {
	.info = given_info,
	.region_info = given_region_info,
	.irq_info = given_irq_info,
	.set_irqs = given_set_irqs,
	.read = given_read,
	.write = given_write,
	.map = given_map,
	.dma_buf = given_dma_buf,
	.file = no_file,
	.reset = given_reset,
	.hot_reset_info = no_bus_info,
	.hot_reset = no_bus_reset,
	.ioeventfd = given_ioeventfd,
	.doorbells = no_doorbells,
	.close = given_close,
};

int given_transport_new(const struct lend_transport_ops *ops, void *dev, struct given_transport **out)
{
	struct given_transport *given = calloc(1, sizeof(*given));
	int ret = given ? sized_take(&given->ops, sizeof(given->ops), ops, sizeof(ops->size)) : -ENOMEM;

	if (!ret && (!given->ops.region_info || !given->ops.read || !given->ops.write))
		ret = -EINVAL;
	if (ret < 0) {
		free(given);
		return ret;
	}
	given->dev = dev;
	*out = given;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Making a server for an open device: what VFIO says of it, said to the client. */
#include <errno.h>
#include <stdlib.h>

#include "lib/error.h"
#include "lib/forward/forward.h"

static void forward_close(void *dev)
{
	struct forward *forward = dev;

	log_bucket_destroy(&forward->bucket);
	free(forward);
}

static const struct lend_server_ops ops = {
	.size = sizeof(ops),
	.read = forward_read,
	.write = forward_write,
	.reset = forward_reset,
	.map = forward_map,
	.unmap = forward_unmap,
	.set_irqs = forward_set_irqs,
	.lost = forward_lost,
	.close = forward_close,
};

/* A BAR smaller than a page goes by messages: a client maps whole pages of a region alone. */
static void describe_region(const struct forward *forward, unsigned index, struct lend_server_region *out)
{
	const struct lend_device *device = forward->device;
	const struct lend_region *region = &device->regions[index];
	uint64_t offset;
	int fd;

	*out = (struct lend_server_region){
		.size = region->size, .readable = region->readable, .writable = region->writable, .fd = -1};
	if (!region->area_count || forward->function->no_mmap)
		return;
	fd = device->ops->file(device->transport, index, &offset);
	if (fd < 0)
		return;
	out->fd = fd;
	out->offset = offset;
	out->areas = device->areas[index];
	out->area_count = region->area_count;
}

/*
 * Not offered: the legacy VGA ranges, which are the host's, too; and the host's requests
 * for the device, which its owner listens to.
 */
static void describe(const struct forward *forward, struct lend_server_device *out)
{
	const struct lend_device_info *info = &forward->device->info;
	struct lend_bar rom;

	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++)
		describe_region(forward, i, &out->regions[i]);
	describe_region(forward, LEND_REGION_CONFIG, &out->regions[LEND_REGION_CONFIG]);
	lend_function_bar(forward->function, LEND_REGION_ROM, &rom, sizeof(rom));
	out->regions[LEND_REGION_ROM] =
		(struct lend_server_region){.size = rom.size, .readable = rom.size, .fd = -1};
	for (unsigned i = 0; i < LEND_IRQ_COUNT; i++)
		out->irqs[i] = (struct lend_irq_info){.size = sizeof(out->irqs[i]),
						      .count = i == LEND_IRQ_REQ ? 0 : info->vectors[i]};
	out->irqs[LEND_IRQ_MSIX].noresize = info->msix_noresize;
}

int lend_server_new_for(struct lend_function *function, struct lend_server **out, struct lend_error *error)
{
	struct lend_server_device device = {.size = sizeof(device), .name = function->name, .ops = &ops};
	struct forward *forward;
	int ret;

	if (!function->no_intx)
		return error_say(error, -EINVAL,
				 "%s: its function takes the line interrupt, which is the client's; make the "
				 "function with no_intx",
				 function->name);
	forward = calloc(1, sizeof(*forward));
	if (!forward)
		return error_say(error, -ENOMEM, "%s: out of memory", function->name);
	forward->function = function;
	forward->device = function->device;
	forward->context = function->context;
	log_bucket_init(&forward->bucket);
	device.dev = forward;
	describe(forward, &device);
	ret = lend_server_new(function->context, &device, out, error);
	if (ret < 0)
		forward_close(forward);
	return ret;
}

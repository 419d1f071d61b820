/* SPDX-License-Identifier: MIT */
/* The fake device. Its config space is plain memory: each bit that is written reads back. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/le.h"
#include "tests/unit/fake_private.h"

static int fake_info(void *dev, struct backend_device_info *out)
{
	struct world *world = dev;

	*out = (struct backend_device_info){
		.is_pci = !world->not_pci,
		.can_reset = world->can_reset,
		.region_count = world->region_count,
		.irq_count = world->irq_count,
	};
	return fake_step(world, "info");
}

static int fake_region_info(void *dev, unsigned index, struct lend_region *out, struct lend_area *areas,
			    unsigned max)
{
	struct world *world = dev;

	if (index >= world->region_count)
		return -EINVAL;
	*out = world->regions[index];
	if (index < 6 && out->size && !world->sparse[index] && !world->unmappable[index] &&
	    !(world->config[0x10 + 4 * index] & 1)) {
		out->area_count = 1;
		areas[0] = (struct lend_area){0, out->size};
	} else if (index < 6) {
		for (unsigned i = 0; i < out->area_count && i < max; i++)
			areas[i] = world->areas[index][i];
	}
	return fake_step(world, "region_info %u", index);
}

static int fake_irq_info(void *dev, unsigned index, struct backend_irq_info *out)
{
	struct world *world = dev;

	if (index >= world->irq_count)
		return -EINVAL;
	*out = (struct backend_irq_info){world->vectors[index], world->noresize};
	return fake_step(world, "irq_info %u", index);
}

static void record_irqs(struct world *world, const struct backend_irqs *irqs)
{
	char which[33];
	unsigned count = irqs->count < 32 ? irqs->count : 32;

	for (unsigned i = 0; i < count; i++)
		which[i] = irqs->fds && irqs->fds[i] >= 0 ? 'x' : '-';
	which[count] = 0;
	if (irqs->count)
		fake_record(world, "irqs %x+%x %s", irqs->start, irqs->count, which);
	else
		fake_record(world, "irqs off");
}

/* VFIO masks the line when it signals, and whoever unmasks it says so in one of three ways. */
static int set_intx(struct world *world, const struct backend_irqs *irqs)
{
	int fd = irqs->fds ? irqs->fds[0] : -1;

	if (!world->vectors[LEND_IRQ_INTX] || irqs->start || irqs->count > 1 ||
	    (irqs->count && world->msix_on))
		return -EINVAL;
	if (irqs->action == BACKEND_IRQ_TRIGGER) {
		int ret = fake_step(world, "intx %s", irqs->count ? "on" : "off");

		if (!irqs->count || !ret)
			world->intx_fd = irqs->count ? fd : -1;
		world->intx_masked = false;
		if (!irqs->count)
			world->intx_unmask_fd = -1;
		return ret;
	}
	if (world->intx_fd < 0)
		fake_violation(world, "the line is masked or unmasked, but not on");
	if (irqs->fds) {
		if (fd >= 0 && world->intx_unmask_fd >= 0)
			return -EBUSY; /* the old one is given up before */
		world->intx_unmask_fd = fd;
		return fake_step(world, "intx unmaskfd %c", fd < 0 ? '-' : 'x');
	}
	world->intx_masked = irqs->action == BACKEND_IRQ_MASK;
	return fake_step(world, "intx %s", world->intx_masked ? "mask" : "unmask");
}

static int set_notify(struct world *world, const struct backend_irqs *irqs)
{
	int *fd = &world->notify_fd[irqs->index - LEND_IRQ_ERR];
	int now = irqs->fds ? irqs->fds[0] : -1;
	int ret = fake_step(world, "notify %u %c", irqs->index, now < 0 ? '-' : 'x');

	if (!world->vectors[irqs->index] || irqs->count != !!irqs->fds || (world->refuse_notify && now >= 0))
		return -EINVAL;
	if (!ret || now < 0)
		*fd = now;
	return ret;
}

/* The name that the kernel gives to eventfds. */
static int check_eventfd(int fd)
{
	char path[40], name[40] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, name, sizeof(name) - 1) < 0)
		return -EBADF;
	return strstr(name, "[eventfd]") ? 0 : -EINVAL;
}

static int fake_set_irqs(void *dev, const struct backend_irqs *irqs)
{
	struct world *world = dev;

	if (irqs->action == BACKEND_IRQ_TRIGGER && irqs->count && !irqs->fds)
		return fake_step(world, "signal %u %x+%x", irqs->index, irqs->start, irqs->count);
	if (irqs->index == LEND_IRQ_INTX)
		return set_intx(world, irqs);
	if (irqs->index == LEND_IRQ_ERR || irqs->index == LEND_IRQ_REQ)
		return set_notify(world, irqs);
	record_irqs(world, irqs);
	if (fake_turn(world))
		return -ENODEV;
	if (irqs->index != LEND_IRQ_MSIX && irqs->index != LEND_IRQ_MSI)
		return -EINVAL;
	if (irqs->count && world->intx_fd >= 0)
		return -EINVAL;
	world->irq_index = irqs->index;
	if (!irqs->count) {
		for (unsigned i = 0; i < WORLD_VECTORS; i++)
			world->irq_fds[i] = -1;
		world->msix_on = false;
		return 0;
	}
	if (irqs->start + irqs->count > world->vectors[irqs->index])
		return -EINVAL;
	if (world->grant && irqs->start + irqs->count > world->grant)
		return (int)world->grant;
	for (unsigned i = 0; i < irqs->count; i++) {
		int ret = irqs->fds && irqs->fds[i] >= 0 ? check_eventfd(irqs->fds[i]) : 0;

		if (ret < 0)
			return ret;
	}
	for (unsigned i = 0; i < irqs->count; i++)
		world->irq_fds[irqs->start + i] = irqs->fds ? irqs->fds[i] : -1;
	world->msix_on = true;
	return 0;
}

static int check(struct world *world, unsigned region, uint64_t offset, unsigned length)
{
	uint64_t size = world->regions[region].size;

	if (offset < size && length <= size - offset)
		return 0;
	if (!world->lenient)
		fake_violation(world, "access of %u bytes at 0x%llx of region %u", length,
			       (unsigned long long)offset, region);
	return -EINVAL;
}

/* Atomic, because accesses come from several threads without a lock, as they do to a device. */
static uint8_t *byte_at(struct world *world, unsigned region, uint64_t offset)
{
	return region == LEND_REGION_VGA      ? &world->vga[offset]
	       : region == LEND_REGION_CONFIG ? &world->config[offset]
					      : &world->bytes[region][offset % WORLD_BAR_BYTES];
}

/* As much as there is, as the kernel does; nothing is an error of the bus. */
static int read_rom(struct world *world, uint64_t offset, void *data, unsigned length)
{
	int ret = fake_step(world, "bar_read 6 %llx %x", (unsigned long long)offset, length);

	if (ret < 0 || !world->rom_length)
		return ret < 0 ? ret : -EIO;
	if (offset >= world->rom_length)
		return 0;
	if (length > world->rom_length - offset)
		length = world->rom_length - (unsigned)offset;
	memcpy(data, world->rom + offset, length);
	return (int)length;
}

static int fake_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct world *world = dev;
	int ret;

	if (region == LEND_REGION_ROM)
		return read_rom(world, offset, data, length);
	ret = region == LEND_REGION_CONFIG
		      ? fake_step(world, "cfg_read %llx %x", (unsigned long long)offset, length)
		      : fake_step(world, "bar_read %u %llx %x", region, (unsigned long long)offset, length);

	if (!ret)
		ret = check(world, region, offset, length);
	if (!ret && world->fail_reads)
		ret = -EIO;
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < length; i++)
		((uint8_t *)data)[i] =
			world->dead ? 0xff
			: region == LEND_REGION_CONFIG && world->filtered
				? fake_kernel_read(world, (unsigned)offset + i)
				: __atomic_load_n(byte_at(world, region, offset + i), __ATOMIC_RELAXED);
	return (int)length;
}

static int fake_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct world *world = dev;
	unsigned long long value = le_load(data, length);
	int ret = region == LEND_REGION_CONFIG ? fake_step(world, "cfg_write %llx %x %llx",
							   (unsigned long long)offset, length, value)
					       : fake_step(world, "bar_write %u %llx %x %llx", region,
							   (unsigned long long)offset, length, value);

	if (!ret)
		ret = check(world, region, offset, length);
	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < length; i++) {
		uint8_t byte = ((const uint8_t *)data)[i];

		if (region == LEND_REGION_CONFIG && world->filtered)
			byte = fake_kernel_write(world, (unsigned)offset + i, byte);
		__atomic_store_n(byte_at(world, region, offset + i), byte, __ATOMIC_RELAXED);
	}
	if (region == LEND_REGION_CONFIG)
		memset(world->written + offset, 1, length);
	return (int)length;
}

static int fake_map(void *dev, unsigned region, uint64_t offset, uint64_t length, void *at)
{
	struct world *world = dev;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t size = (world->regions[region].size + page - 1) & ~(page - 1); /* whole pages, as VFIO */
	int ret = fake_step(world, "mmap %u %llx %llx", region, (unsigned long long)offset,
			    (unsigned long long)length);

	if (ret < 0 || world->fail_mmap)
		return ret < 0 ? ret : -EINVAL;
	if (offset > size || length > size - offset)
		return -EINVAL;
	/* The device's memory: only its addresses matter, nobody may touch it. */
	return mmap(at, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) ==
			       MAP_FAILED
		       ? -errno
		       : 0;
}

static int fake_dma_buf(void *dev, unsigned region, uint64_t offset, uint64_t length)
{
	struct world *world = dev;
	int ret = fake_step(world, "dma_buf %u %llx %llx", region, (unsigned long long)offset,
			    (unsigned long long)length);

	if (ret < 0)
		return ret;
	return world->dma_bufs ? memfd_create("dma-buf", MFD_CLOEXEC) : -ENOTTY;
}

static int fake_file(void *dev, unsigned region, uint64_t *offset)
{
	struct world *world = dev;

	*offset = (uint64_t)region << 40; /* as VFIO's */
	return world->file > 0 ? world->file : -ENOTTY;
}

static int fake_reset(void *dev)
{
	struct world *world = dev;
	int ret = fake_step(world, "reset");

	return ret ? ret : world->fail_reset;
}

static int fake_hot_reset_info(void *dev, struct backend_hot_reset *out)
{
	struct world *world = dev;
	int ret = fake_step(world, "bus_info");

	*out = (struct backend_hot_reset){.by_id = world->by_id, .owned = world->owned};
	if (ret || world->no_bus)
		return ret ? ret : -ENODEV;
	out->at = calloc(8, sizeof(*out->at));
	if (!out->at)
		return -ENOMEM;
	out->count = world->dependent_count;
	memcpy(out->at, world->dependents, sizeof(world->dependents));
	return 0;
}

static int fake_hot_reset(void *dev, const int *fds, unsigned count)
{
	struct world *world = dev;
	int ret = fake_step(world, "bus_reset %u", count);

	(void)fds;
	return ret ? ret : world->fail_bus_reset;
}

static int fake_ioeventfd(void *dev, const struct backend_ioeventfd *what)
{
	struct world *world = dev;
	int ret = fake_step(world, "ioeventfd %u %llx %x %llx %c", what->region,
			    (unsigned long long)what->offset, what->length, (unsigned long long)what->data,
			    what->fd < 0 ? '-' : 'x');

	if (what->fd < 0) {
		world->device_ioeventfds--;
		return 0;
	}
	if (world->no_device_ioeventfd_here)
		return -ENOTTY;
	world->device_ioeventfds += !ret;
	return ret;
}

static int fake_doorbells(void *dev, unsigned region, struct backend_doorbell *out, unsigned max)
{
	struct world *world = dev;
	int ret = world->doorbell_count ? fake_step(world, "doorbells %u", region) : 0;
	unsigned count = 0;

	for (unsigned i = 0; i < world->doorbell_count && !ret && count < max; i++) {
		if (world->doorbells[i].bar != region)
			continue;
		out[count] = world->doorbells[i].at;
		out[count++].fd = fcntl(world->doorbells[i].at.fd, F_DUPFD_CLOEXEC, 0);
	}
	return ret ? ret : (int)count;
}

static void fake_close(void *dev)
{
	struct world *world = dev;

	for (unsigned i = 0; i < WORLD_VECTORS; i++)
		if (world->irq_fds[i] >= 0)
			fake_violation(world, "closed with vector %u set", i);
	fake_record(world, "close");
}

const struct transport_ops fake_transport = {
	.info = fake_info,
	.region_info = fake_region_info,
	.irq_info = fake_irq_info,
	.set_irqs = fake_set_irqs,
	.read = fake_read,
	.write = fake_write,
	.map = fake_map,
	.dma_buf = fake_dma_buf,
	.file = fake_file,
	.reset = fake_reset,
	.hot_reset_info = fake_hot_reset_info,
	.hot_reset = fake_hot_reset,
	.ioeventfd = fake_ioeventfd,
	.doorbells = fake_doorbells,
	.close = fake_close,
};

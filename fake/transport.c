/* SPDX-License-Identifier: MIT */
/* The device behind its transport. Config space is memory: each bit that is written reads back. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake/fake.h"

int fake_call(struct lend_fake *fake)
{
	int ret;

	pthread_mutex_lock(&fake->lock);
	ret = ++fake->calls == fake->fail_at ? fake->fail_code : 0;
	pthread_mutex_unlock(&fake->lock);
	return ret;
}

static int fake_info(void *dev, struct lend_transport_info *out)
{
	out->can_reset = true;
	return fake_call(dev);
}

static int fake_region_info(void *dev, unsigned index, struct lend_region *out, struct lend_area *areas,
			    unsigned max)
{
	const struct lend_fake *fake = dev;

	if (index == LEND_REGION_CONFIG)
		*out = (struct lend_region){.size = FAKE_CONFIG, .readable = true, .writable = true};
	else if (index >= LEND_DEVICE_BARS || !fake->bars[index].size)
		return -EINVAL;
	else
		*out = (struct lend_region){
			.size = fake->bars[index].size, .readable = true, .writable = true};
	if (index < LEND_DEVICE_BARS && !fake->bars[index].io && max) {
		out->area_count = 1;
		areas[0] = (struct lend_area){0, out->size};
	}
	return fake_call(dev);
}

static int fake_irq_info(void *dev, unsigned index, struct lend_irq_info *out)
{
	const struct lend_fake *fake = dev;

	out->count = fake->vectors[index];
	return fake_call(dev);
}

static void set_line(struct lend_fake *fake, const struct lend_irqs *irqs)
{
	if (irqs->action == LEND_IRQ_UNMASK && irqs->fds)
		fake->unmask_fd = irqs->fds[0];
	else
		fake->masked = irqs->action == LEND_IRQ_MASK;
}

/* Off is possible at any time, and fails not. */
static int fake_set_irqs(void *dev, const struct lend_irqs *irqs)
{
	struct lend_fake *fake = dev;
	int *fds = fake->fds[irqs->index < LEND_IRQ_COUNT ? irqs->index : 0];
	int ret = irqs->count ? fake_call(fake) : 0;

	if (ret < 0)
		return ret;
	if (irqs->index >= LEND_IRQ_COUNT || irqs->start > fake->vectors[irqs->index] ||
	    irqs->count > fake->vectors[irqs->index] - irqs->start)
		return -EINVAL;
	pthread_mutex_lock(&fake->lock);
	if (irqs->action != LEND_IRQ_TRIGGER) {
		set_line(fake, irqs);
	} else {
		for (unsigned i = 0; i < FAKE_VECTORS && !irqs->count; i++)
			fds[i] = -1;
		for (unsigned i = 0; i < irqs->count; i++)
			fds[irqs->start + i] = irqs->fds ? irqs->fds[i] : -1;
		if (irqs->index == LEND_IRQ_INTX) {
			fake->masked = false;
			fake->unmask_fd = -1;
		}
	}
	pthread_mutex_unlock(&fake->lock);
	return 0;
}

/* The bytes of an access; NULL: there are none. */
static uint8_t *at(struct lend_fake *fake, unsigned region, uint64_t offset, unsigned length)
{
	uint64_t size = region == LEND_REGION_CONFIG ? FAKE_CONFIG
			: region < LEND_DEVICE_BARS  ? fake->bars[region].size
						     : 0;
	uint8_t *bytes = region == LEND_REGION_CONFIG ? fake->config : size ? fake->bars[region].bytes : NULL;

	return offset <= size && length <= size - offset && bytes ? bytes + offset : NULL;
}

/* As a device's registers, they are read and written by several at a time. */
static int fake_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct lend_fake *fake = dev;
	const uint8_t *bytes = at(fake, region, offset, length);
	int ret = fake_call(fake);

	if (ret < 0 || !bytes)
		return ret < 0 ? ret : -EINVAL;
	for (unsigned i = 0; i < length; i++)
		((uint8_t *)data)[i] = __atomic_load_n(&fake->dead, __ATOMIC_RELAXED)
					       ? 0xff
					       : __atomic_load_n(bytes + i, __ATOMIC_RELAXED);
	return (int)length;
}

static int fake_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct lend_fake *fake = dev;
	uint8_t *bytes = at(fake, region, offset, length);
	int ret = fake_call(fake);

	if (ret < 0 || !bytes)
		return ret < 0 ? ret : -EINVAL;
	for (unsigned i = 0; i < length && !__atomic_load_n(&fake->dead, __ATOMIC_RELAXED); i++)
		__atomic_store_n(bytes + i, ((const uint8_t *)data)[i], __ATOMIC_RELAXED);
	return (int)length;
}

static int fake_map(void *dev, unsigned region, uint64_t offset, uint64_t length, void *to)
{
	struct lend_fake *fake = dev;
	int ret = fake_call(fake);

	if (ret < 0)
		return ret;
	return mmap(to, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fake->bars[region].fd,
		    (off_t)offset) == MAP_FAILED
		       ? -errno
		       : 0;
}

static int fake_reset(void *dev)
{
	struct lend_fake *fake = dev;
	int ret = fake_call(fake);

	if (ret < 0)
		return ret;
	memset(fake->config + 4, 0, 2); /* command; what else a reset clears is the test's to play */
	fake->resets++;
	return 0;
}

static void fake_close(void *dev)
{
	struct lend_fake *fake = dev;

	for (unsigned irq = 0; irq < LEND_IRQ_COUNT; irq++)
		for (unsigned i = 0; i < fake->vectors[irq]; i++)
			fake->left += fake->fds[irq][i] >= 0;
}

const struct lend_transport_ops fake_device_ops = {
	.size = sizeof(fake_device_ops),
	.info = fake_info,
	.region_info = fake_region_info,
	.irq_info = fake_irq_info,
	.set_irqs = fake_set_irqs,
	.read = fake_read,
	.write = fake_write,
	.map = fake_map,
	.reset = fake_reset,
	.close = fake_close,
};

/* SPDX-License-Identifier: MIT */
/* Making the device, and what it does by itself. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "fake/fake.h"

enum { PAGE = 4096, MSIX_LENGTH = 12 };

static void put(struct lend_fake *fake, unsigned offset, unsigned length, uint32_t value)
{
	for (unsigned i = 0; i < length; i++)
		fake->config[offset + i] = (uint8_t)(value >> 8 * i);
}

struct lend_fake *lend_fake_new(void)
{
	struct lend_fake *fake = calloc(1, sizeof(*fake));

	if (!fake)
		return NULL;
	pthread_mutex_init(&fake->lock, NULL);
	memset(fake->fds, 0xff, sizeof(fake->fds)); /* -1 */
	fake->unmask_fd = -1;
	fake->capabilities = PCI_STD_HEADER_SIZEOF;
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++)
		fake->bars[i].fd = -1;
	put(fake, PCI_VENDOR_ID, 4, 0x00101b36);
	put(fake, PCI_CLASS_REVISION, 4, 0x01080200);
	return fake;
}

void lend_fake_free(struct lend_fake *fake)
{
	if (!fake)
		return;
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++) {
		if (fake->bars[i].bytes)
			munmap(fake->bars[i].bytes, fake->bars[i].size);
		if (fake->bars[i].fd >= 0)
			close(fake->bars[i].fd);
	}
	pthread_mutex_destroy(&fake->lock);
	free(fake);
}

uint8_t *lend_fake_config(struct lend_fake *fake)
{
	return fake->config;
}

int lend_fake_bar(struct lend_fake *fake, unsigned index, unsigned type, uint64_t size)
{
	uint64_t whole = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	void *bytes;
	int fd;

	if (index >= LEND_DEVICE_BARS || !size || size & (size - 1) || fake->bars[index].size)
		return -EINVAL;
	fd = memfd_create("lend-fake", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	bytes = ftruncate(fd, (off_t)whole)
			? MAP_FAILED
			: mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (bytes == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	fake->bars[index].size = size;
	fake->bars[index].io = type & 1;
	fake->bars[index].fd = fd;
	fake->bars[index].bytes = bytes;
	put(fake, PCI_BASE_ADDRESS_0 + 4 * index, 4, type);
	return 0;
}

void *lend_fake_bar_bytes(struct lend_fake *fake, unsigned index)
{
	return index < LEND_DEVICE_BARS ? fake->bars[index].bytes : NULL;
}

int lend_fake_capability(struct lend_fake *fake, uint8_t id, unsigned length)
{
	unsigned at = fake->capabilities, link = PCI_CAPABILITY_LIST;

	if (length < 2 || length > PCI_CFG_SPACE_SIZE - at)
		return -ENOSPC;
	while (fake->config[link])
		link = fake->config[link] + PCI_CAP_LIST_NEXT;
	fake->config[link] = (uint8_t)at;
	fake->config[at] = id;
	fake->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	fake->capabilities = (at + length + 3) & ~3u;
	return (int)at;
}

int lend_fake_msix(struct lend_fake *fake, unsigned vectors, unsigned bar, uint32_t table, uint32_t pba)
{
	int at;

	if (!vectors || vectors > FAKE_VECTORS || bar >= LEND_DEVICE_BARS || (table | pba) & 7)
		return -EINVAL;
	at = lend_fake_capability(fake, PCI_CAP_ID_MSIX, MSIX_LENGTH);
	if (at < 0)
		return at;
	put(fake, (unsigned)at + PCI_MSIX_FLAGS, 2, vectors - 1);
	put(fake, (unsigned)at + PCI_MSIX_TABLE, 4, table | bar);
	put(fake, (unsigned)at + PCI_MSIX_PBA, 4, pba | bar);
	lend_fake_vectors(fake, LEND_IRQ_MSIX, vectors);
	return at;
}

void lend_fake_vectors(struct lend_fake *fake, unsigned irq, unsigned count)
{
	if (irq >= LEND_IRQ_COUNT)
		return;
	fake->vectors[irq] = count < FAKE_VECTORS ? count : FAKE_VECTORS;
	if (irq == LEND_IRQ_INTX)
		put(fake, PCI_INTERRUPT_PIN, 1, count ? 1 : 0);
}

int lend_fake_open(struct lend_fake *fake, struct lend_space *space, const struct lend_bdf *bdf,
		   struct lend_device **out, struct lend_error *error)
{
	const struct lend_device_backend backend = {
		.size = sizeof(backend),
		.bdf = bdf ? *bdf : (struct lend_bdf){.bus = 5},
		.reset_methods = "flr",
		.transport = &fake_device_ops,
		.dev = fake,
		.domain_ops = &fake_dma_ops,
		.domain = fake,
	};

	return lend_device_open_backend(space, &backend, out, error);
}

/* A line that was masked when it was signalled may have been unmasked by its descriptor since. */
static void look_at_unmask(struct lend_fake *fake)
{
	uint64_t count;

	struct pollfd poll_fd = {.fd = fake->unmask_fd, .events = POLLIN};

	if (fake->masked && fake->unmask_fd >= 0 && poll(&poll_fd, 1, 0) == 1 &&
	    read(fake->unmask_fd, &count, sizeof(count)) == sizeof(count))
		fake->masked = false;
}

int lend_fake_interrupt(struct lend_fake *fake, unsigned irq, unsigned vector)
{
	const uint64_t one = 1;
	int ret = 0;

	if (irq >= LEND_IRQ_COUNT || vector >= FAKE_VECTORS)
		return -ENOENT;
	pthread_mutex_lock(&fake->lock);
	if (irq == LEND_IRQ_INTX)
		look_at_unmask(fake);
	if (fake->fds[irq][vector] < 0)
		ret = -ENOENT;
	else if (irq == LEND_IRQ_INTX && fake->masked)
		ret = -EAGAIN;
	else if (write(fake->fds[irq][vector], &one, sizeof(one)) != sizeof(one))
		ret = -errno;
	if (!ret && irq == LEND_IRQ_INTX)
		fake->masked = true;
	pthread_mutex_unlock(&fake->lock);
	return ret;
}

void lend_fake_die(struct lend_fake *fake, bool dead)
{
	__atomic_store_n(&fake->dead, dead, __ATOMIC_RELAXED);
}

void lend_fake_fail(struct lend_fake *fake, unsigned calls, int code)
{
	pthread_mutex_lock(&fake->lock);
	fake->fail_at = code ? fake->calls + calls + 1 : 0;
	fake->fail_code = code;
	pthread_mutex_unlock(&fake->lock);
}

unsigned lend_fake_calls(const struct lend_fake *fake)
{
	return __atomic_load_n(&fake->calls, __ATOMIC_RELAXED);
}

unsigned lend_fake_resets(const struct lend_fake *fake)
{
	return fake->resets;
}

unsigned lend_fake_left(const struct lend_fake *fake)
{
	return fake->left;
}

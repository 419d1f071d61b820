/* SPDX-License-Identifier: MIT */
/*
 * The transport over a session. What is read when the device is opened does not
 * change any more: no lock is needed for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/backend/no_bus.h"
#include "lib/backend/user/call.h"
#include "lib/backend/user/doorbells.h"
#include "lib/backend/user/irqs.h"
#include "lib/backend/user/region.h"
#include "lib/backend/user/session.h"
#include "lib/le.h"

enum {
	REGIONS_MAX = 100, /* that a server may name; more is nonsense */
	IRQS_MAX = 50,
	/* Bytes of one access: some servers send an answer as a whole, or not at all. */
	PIECE_MAX = 64 << 10,
};

struct user_device {
	struct user_session *session;
	unsigned irq_count;
	bool has_error;   /* the server has an error interrupt */
	bool masks_line;  /* the server says that it masks the line */
	unsigned io_bars; /* bit n: BAR n has I/O ports */
	bool mapped;      /* a part of some region can be mapped */
	bool owes_reset;  /* it was asked for while the server was away */
	bool rings;       /* atomic: it has doorbells */
	/* Bytes of the command register as they were written last. The caller orders writes to config space.
	 */
	uint8_t command[2];
	struct user_region regions[LEND_REGION_COUNT];
};

static bool is_quiet(struct user_session *session)
{
	bool quiet;

	pthread_mutex_lock(&session->lock);
	quiet = session->dead && session->open;
	pthread_mutex_unlock(&session->lock);
	return quiet;
}

static int read_piece(struct user_device *device, unsigned region, uint64_t offset, void *data,
		      unsigned length)
{
	struct wire_region_access what = {.offset = offset, .region = region, .count = length}, echo;
	struct user_call call = {.command = WIRE_REGION_READ,
				 .out = {{&what, sizeof(what)}},
				 .out_count = 1,
				 .in = {{&echo, sizeof(echo)}, {data, length}},
				 .in_count = 2,
				 .least = sizeof(echo)};
	int ret = user_call(device->session, &call);

	if (ret < 0)
		return ret;
	/* Fewer bytes than asked for may come, but as many as are announced. */
	return echo.count <= length && call.got - sizeof(echo) == echo.count ? (int)echo.count : -EPROTO;
}

static int write_piece(struct user_device *device, unsigned region, uint64_t offset, const void *data,
		       unsigned length, bool posted)
{
	struct wire_region_access what = {.offset = offset, .region = region, .count = length}, echo;
	struct user_call call = {.command = WIRE_REGION_WRITE,
				 .posted = posted,
				 .out = {{&what, sizeof(what)}, {(void *)(uintptr_t)data, length}},
				 .out_count = 2,
				 .in = {{&echo, sizeof(echo)}},
				 .in_count = 1,
				 .least = sizeof(echo)};
	int ret = user_call(device->session, &call);

	if (ret < 0 || posted)
		return ret < 0 ? ret : (int)length;
	return echo.count <= length ? (int)echo.count : -EPROTO;
}

static unsigned piece_of(const struct user_device *device, unsigned left)
{
	size_t most = device->session->server.data;

	most = most < PIECE_MAX ? most : PIECE_MAX;
	return left < most ? left : (unsigned)most;
}

/* Adds what was done of a piece. True: it was not all, and `*ret` is the result of the access. */
static bool add_piece(unsigned *done, unsigned part, int *ret)
{
	int got = *ret;

	if (got > 0)
		*done += (unsigned)got;
	if (got == (int)part)
		return false;
	*ret = got < 0 && !*done ? got : (int)*done;
	return true;
}

static int user_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct user_device *device = dev;
	unsigned done = 0;

	while (done < length) {
		unsigned part = piece_of(device, length - done);
		int ret = read_piece(device, region, offset + done, (uint8_t *)data + done, part);

		if (ret == -ENOTCONN && is_quiet(device->session)) {
			memset(data, 0xff, length);
			return (int)length;
		}
		if (add_piece(&done, part, &ret))
			return ret;
	}
	return (int)done;
}

/*
 * A write to memory is posted, as on a bus: nobody waits for it, and a read that
 * follows finds it done, because the server works in order. Where the guest
 * reaches a part of the device without a message, that order has to be kept by
 * waiting.
 */
static bool is_posted(const struct user_device *device, unsigned region)
{
	return region < LEND_DEVICE_BARS && !device->mapped &&
	       !__atomic_load_n(&device->rings, __ATOMIC_RELAXED) && !(device->io_bars & 1u << region);
}

/* Also what a dead device is told: it is to have it when its server is back. */
static void keep_command(struct user_device *device, uint64_t offset, const uint8_t *data, unsigned length)
{
	for (unsigned i = 0; i < length; i++)
		if (offset + i == PCI_COMMAND || offset + i == PCI_COMMAND + 1)
			device->command[offset + i - PCI_COMMAND] = data[i];
}

static int user_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct user_device *device = dev;
	bool posted = is_posted(device, region);
	unsigned done = 0;

	if (region == LEND_REGION_CONFIG)
		keep_command(device, offset, data, length);
	while (done < length) {
		unsigned part = piece_of(device, length - done);
		int ret = write_piece(device, region, offset + done, (const uint8_t *)data + done, part,
				      posted);

		if (ret == -ENOTCONN && is_quiet(device->session))
			return (int)length;
		if (add_piece(&done, part, &ret))
			return ret;
	}
	return (int)done;
}

/* Which BARs have I/O ports, which are never written without waiting: all, if it cannot be read. */
static void read_io_bars(struct user_device *device)
{
	uint8_t bars[LEND_DEVICE_BARS * 4];

	device->io_bars = ~0u;
	if (user_read(device, LEND_REGION_CONFIG, PCI_BASE_ADDRESS_0, bars, sizeof(bars)) != sizeof(bars))
		return;
	device->io_bars = 0;
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++)
		if (le32(bars + 4 * i) & PCI_BASE_ADDRESS_SPACE_IO)
			device->io_bars |= 1u << i;
}

static int user_info(void *dev, struct backend_device_info *out)
{
	struct user_device *device = dev;
	struct wire_info info = {.argsz = sizeof(info)};
	struct user_call call = {.command = WIRE_GET_INFO,
				 .out = {{&info, sizeof(info)}},
				 .out_count = 1,
				 .in = {{&info, sizeof(info)}},
				 .in_count = 1,
				 .least = sizeof(info)};
	int ret = user_call(device->session, &call);

	if (ret < 0)
		return ret;
	if (info.regions > REGIONS_MAX || info.irqs > IRQS_MAX)
		return -EPROTO;
	device->irq_count = info.irqs;
	*out = (struct backend_device_info){
		.is_pci = info.flags & WIRE_INFO_PCI,
		.can_reset = info.flags & WIRE_INFO_RESET,
		.region_count = info.regions,
		.irq_count = info.irqs > LEND_IRQ_MSIX ? LEND_IRQ_COUNT : info.irqs,
	};
	read_io_bars(device);
	return 0;
}

static int user_region_info(void *dev, unsigned index, struct lend_region *out, struct lend_area *areas,
			    unsigned max)
{
	struct user_device *device = dev;
	struct user_region *region = &device->regions[index];
	int ret;

	if (region->fd >= 0)
		close(region->fd);
	ret = user_region_ask(device->session, index, region, out, areas, max);
	device->mapped |= region->fd >= 0;
	return ret;
}

/* The error interrupt is there in any case: the session has one (irqs.c). */
static int user_irq_info(void *dev, unsigned index, struct backend_irq_info *out)
{
	struct user_device *device = dev;
	struct wire_irq_info info = {.argsz = sizeof(info), .index = index};
	struct user_call call = {.command = WIRE_GET_IRQ_INFO,
				 .out = {{&info, sizeof(info)}},
				 .out_count = 1,
				 .in = {{&info, sizeof(info)}},
				 .in_count = 1,
				 .least = sizeof(info)};
	int ret = index < device->irq_count ? user_call(device->session, &call) : -EINVAL;
	unsigned count = !ret && info.flags & WIRE_IRQ_EVENTFD ? info.count : 0;

	*out = (struct backend_irq_info){count, !ret && info.flags & WIRE_IRQ_NORESIZE};
	if (index == LEND_IRQ_INTX)
		device->masks_line = count && info.flags & WIRE_IRQ_MASKABLE;
	if (index != LEND_IRQ_ERR)
		return ret;
	device->has_error = count;
	out->count = 1;
	return ret == -ENOTCONN ? ret : 0;
}

static int user_set_irqs(void *dev, const struct backend_irqs *irqs)
{
	struct user_device *device = dev;
	bool unmask_fd = irqs->action == BACKEND_IRQ_UNMASK && irqs->fds && irqs->fds[0] >= 0;

	/*
	 * A server that does not mask may take it for the eventfd that it is to signal, as
	 * rust-vmm's example does.
	 */
	if (unmask_fd && !device->masks_line)
		return -EOPNOTSUPP;
	return user_irqs_set(device->session, irqs, device->has_error);
}

static int user_map_region(void *dev, unsigned index, uint64_t offset, uint64_t length, void *at)
{
	const struct user_device *device = dev;
	const struct user_region *region = &device->regions[index];
	void *va = mmap(at, length, region->prot, MAP_SHARED | MAP_FIXED, region->fd,
			(off_t)(region->offset + offset));

	return va == MAP_FAILED ? -errno : 0;
}

static int user_dma_buf(void *dev, unsigned region, uint64_t offset, uint64_t length)
{
	(void)dev, (void)region, (void)offset, (void)length;
	return -ENOTTY;
}

static int user_file(void *dev, unsigned region, uint64_t *offset)
{
	const struct user_device *device = dev;

	*offset = device->regions[region].offset;
	return device->regions[region].fd >= 0 ? device->regions[region].fd : -ENOTTY;
}

static int user_reset(void *dev)
{
	struct user_device *device = dev;
	struct user_call call = {.command = WIRE_RESET};
	int ret = user_call(device->session, &call);

	/* A server may go on with the state that the device had. */
	device->owes_reset = ret == -ENOTCONN && is_quiet(device->session);
	return ret;
}

static int no_ioeventfd(void *dev, const struct backend_ioeventfd *what)
{
	(void)dev, (void)what;
	return -EOPNOTSUPP;
}

static int user_doorbells(void *dev, unsigned index, struct backend_doorbell *out, unsigned max)
{
	struct user_device *device = dev;
	int ret = user_doorbells_ask(device->session, index, device->regions[index].size, out, max);

	if (ret > 0)
		__atomic_store_n(&device->rings, true, __ATOMIC_RELAXED);
	return ret;
}

static void user_close(void *dev)
{
	struct user_device *device = dev;

	for (unsigned i = 0; i < LEND_REGION_COUNT; i++)
		if (device->regions[i].fd >= 0)
			close(device->regions[i].fd);
	user_session_free(device->session);
	free(device);
}

static const struct transport_ops user_ops = {
	.info = user_info,
	.region_info = user_region_info,
	.irq_info = user_irq_info,
	.set_irqs = user_set_irqs,
	.read = user_read,
	.write = user_write,
	.map = user_map_region,
	.dma_buf = user_dma_buf,
	.file = user_file,
	.reset = user_reset,
	.hot_reset_info = no_bus_info,
	.hot_reset = no_bus_reset,
	.ioeventfd = no_ioeventfd,
	.doorbells = user_doorbells,
	.close = user_close,
};

int user_transport_resume(void *dev)
{
	struct user_device *device = dev;
	int ret = device->owes_reset ? user_reset(device) : 0;

	if (ret < 0)
		return ret;
	ret = user_write(device, LEND_REGION_CONFIG, PCI_COMMAND, device->command, sizeof(device->command));
	return ret < 0 ? ret : 0;
}

void user_transport_adopt(void *dev, void *other)
{
	struct user_device *device = dev, *fresh = other;

	for (unsigned i = 0; i < LEND_REGION_COUNT; i++) {
		struct user_region old = device->regions[i];

		device->regions[i] = fresh->regions[i];
		fresh->regions[i] = old;
	}
}

int user_transport_new(struct user_session *session, const struct transport_ops **ops, void **dev)
{
	struct user_device *device = calloc(1, sizeof(*device));

	if (!device)
		return -ENOMEM;
	device->session = session;
	for (unsigned i = 0; i < LEND_REGION_COUNT; i++)
		device->regions[i].fd = -1;
	*ops = &user_ops;
	*dev = device;
	return 0;
}

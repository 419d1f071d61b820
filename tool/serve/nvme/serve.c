/* SPDX-License-Identifier: MIT */
/*
 * The NVMe controller behind a vfio-user socket.
 *
 * A client whose memory is reached by messages may have to write a register before it
 * answers one. Such a write is kept until the controller is done with what it is at. A
 * later write to the same doorbell replaces it: so no client can fill the list by ringing.
 * A function level reset waits likewise, since the controller holds pointers to its queues.
 * It has been answered then, so the controller reaches no guest memory until it is done.
 *
 * Doorbells are not offered as eventfds: an eventfd tells that the guest wrote, and not
 * the number that it wrote. The doorbell buffer saves the writes instead.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool/serve/nvme/bytes.h"
#include "tool/serve/nvme/controller.h"
#include "tool/serve/nvme/serve.h"
#include "tool/serve/nvme/spec.h"

enum { CLASS_NVME = 0x010802, PCI_COMMAND_AT = 4, BUS_MASTER = 4 };
enum { CALLS = 100, PATIENCE_LEAST = 100000, PATIENCE_MOST = 2000000 }; /* ns */

static int memory(void *opaque, uint64_t address, uint64_t length, bool write, struct iovec *out,
		  unsigned max)
{
	struct nvme_serve *serve = opaque;

	if (serve->reset_waits)
		return -EFAULT;
	return lend_server_memory(serve->server, address, length,
				  write ? LEND_ACCESS_WRITE : LEND_ACCESS_READ, out, max);
}

static int read_memory(void *opaque, uint64_t address, void *data, uint64_t length)
{
	struct nvme_serve *serve = opaque;
	int ret = serve->reset_waits ? 0 : lend_server_read_memory(serve->server, address, data, length);

	/* The reset may have come meanwhile: what was read is of no use any more. */
	return serve->reset_waits ? -EFAULT : ret;
}

static int write_memory(void *opaque, uint64_t address, const void *data, uint64_t length)
{
	struct nvme_serve *serve = opaque;
	int ret = serve->reset_waits ? 0 : lend_server_write_memory(serve->server, address, data, length);

	return serve->reset_waits ? -EFAULT : ret;
}

static void signal_vector(void *opaque, unsigned vector)
{
	struct nvme_serve *serve = opaque;

	if (!serve->reset_waits)
		lend_server_signal(serve->server, vector);
}

/* The controller is there before its server. */
static bool pin(void *opaque)
{
	struct nvme_serve *serve = opaque;

	return serve->server && !serve->reset_waits && lend_server_irq_mode(serve->server) == LEND_IRQ_INTX;
}

static void line(void *opaque, bool up)
{
	lend_server_line(((struct nvme_serve *)opaque)->server, up);
}

static bool mastering(void *opaque)
{
	uint8_t command[2] = {0};

	lend_server_config_read(((struct nvme_serve *)opaque)->server, PCI_COMMAND_AT, command,
				sizeof(command));
	return get16(command) & BUS_MASTER;
}

static uint64_t now(void *opaque)
{
	struct timespec time;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec + 1;
}

static uint64_t patience(void *opaque)
{
	return ((struct nvme_serve *)opaque)->patience;
}

static void say(void *opaque, const char *text)
{
	((struct nvme_serve *)opaque)->say("%s", text);
}

static const struct nvme_host_ops host_ops = {
	.memory = memory,
	.read = read_memory,
	.write = write_memory,
	.signal = signal_vector,
	.pin = pin,
	.line = line,
	.mastering = mastering,
	.now = now,
	.patience = patience,
	.say = say,
};

static int read_region(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	(void)region;
	nvme_register_read(((struct nvme_serve *)dev)->ctl, offset, data, length);
	return (int)length;
}

static struct nvme_write *place_for(struct nvme_serve *serve, uint64_t offset)
{
	for (unsigned i = 0; i < serve->write_count && offset >= REG_DOORBELLS; i++)
		if (serve->writes[i].offset == offset)
			return &serve->writes[i];
	return serve->write_count < NVME_WRITES ? &serve->writes[serve->write_count++] : NULL;
}

static int write_region(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct nvme_serve *serve = dev;
	struct nvme_write *kept;

	(void)region;
	if (!serve->working) {
		nvme_register_write(serve->ctl, offset, data, length);
		return (int)length;
	}
	/* Other lengths are no accesses to registers. */
	if (length > sizeof(kept->data))
		return (int)length;
	kept = place_for(serve, offset);
	if (!kept)
		return -EBUSY;
	kept->offset = offset;
	kept->length = length;
	memcpy(kept->data, data, length);
	return (int)length;
}

static int reset(void *dev, enum lend_server_why why)
{
	struct nvme_serve *serve = dev;

	(void)why;
	serve->write_count = 0;
	if (serve->working) {
		serve->reset_waits = true;
		nvme_interrupt(serve->ctl);
	} else {
		nvme_reset(serve->ctl);
	}
	return 0;
}

static int map(void *dev, const struct lend_domain_map *what)
{
	(void)what;
	nvme_memory_changed(((struct nvme_serve *)dev)->ctl);
	return 0;
}

static void unmap(void *dev, lend_iova_t iova, uint64_t length)
{
	struct nvme_serve *serve = dev;

	(void)iova;
	(void)length;
	nvme_drain(serve->ctl);
	nvme_memory_changed(serve->ctl);
}

static void irqs_changed(void *dev)
{
	nvme_interrupts_changed(((struct nvme_serve *)dev)->ctl);
}

static const struct lend_server_ops ops = {
	.size = sizeof(ops),
	.read = read_region,
	.write = write_region,
	.reset = reset,
	.map = map,
	.unmap = unmap,
	.irqs_changed = irqs_changed,
};

/*
 * To be rung for takes an exit of the guest, some ten system calls, and two processes that
 * are woken: as long as some CALLS that do nothing. Where the host is slow, all of it is.
 */
static uint64_t find_patience(const struct nvme_image *image)
{
	uint64_t time = CALLS * image->call_ns;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return 0;
	return time < PATIENCE_LEAST ? PATIENCE_LEAST : time > PATIENCE_MOST ? PATIENCE_MOST : time;
}

int nvme_serve_open(struct nvme_serve *serve, unsigned queue_pairs, struct lend_server_device *device)
{
	serve->config = (struct lend_server_config){
		.vendor = NVME_PCI_VENDOR,
		.device = NVME_PCI_DEVICE,
		.subsystem_vendor = NVME_PCI_VENDOR,
		.subsystem = NVME_PCI_DEVICE,
		.class_code = CLASS_NVME,
		.bars = {LEND_SERVER_BAR_64},
		.intx = true,
		.express = true,
		.msix = queue_pairs + 1,
		.msix_table = NVME_BAR_TABLE,
		.msix_pending = NVME_BAR_PENDING,
	};
	device->name = "nvme";
	device->regions[0] =
		(struct lend_server_region){.size = NVME_BAR_SIZE, .readable = true, .writable = true};
	device->config = &serve->config;
	device->nests = true;
	device->ops = &ops;
	device->dev = serve;
	serve->patience = find_patience(&serve->image);
	serve->ctl = nvme_new(&serve->image.disk, &host_ops, serve, queue_pairs);
	return serve->ctl ? 0 : -ENOMEM;
}

void nvme_serve_close(struct nvme_serve *serve)
{
	nvme_free(serve->ctl);
	serve->ctl = NULL;
}

static void apply_writes(struct nvme_serve *serve)
{
	for (unsigned i = 0; i < serve->write_count; i++)
		nvme_register_write(serve->ctl, serve->writes[i].offset, serve->writes[i].data,
				    serve->writes[i].length);
	serve->write_count = 0;
}

void nvme_serve_work(struct nvme_serve *serve)
{
	bool more;

	serve->working = true;
	more = nvme_work(serve->ctl);
	serve->working = false;
	if (serve->reset_waits) {
		serve->reset_waits = false;
		nvme_reset(serve->ctl);
	}
	/* A guest that always has more does not keep the server from its other work. */
	if (more || serve->write_count)
		nvme_image_wake(&serve->image);
	apply_writes(serve);
}

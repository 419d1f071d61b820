/* SPDX-License-Identifier: MIT */
/*
 * liblend without any guest: a driver in user space for edu, the teaching device
 * of QEMU. It copies a page into the device and back, once by polling and once
 * with an interrupt, and compares.
 *
 *   cc dma-loop.c $(pkg-config --cflags --libs liblend) -o dma-loop
 *   dma-loop 0000:00:08.0 [COUNT]
 *
 * The function is "the PCI function that a guest sees"; here this program is
 * the guest. It programs the MSI capability as a driver would, and what it
 * offers to liblend as a monitor is one vector: its eventfd.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lend/lend.h>

/* QEMU, docs/specs/edu: registers of BAR 0. */
enum { EDU_ID = 0x11e81234, IDENTIFICATION = 0, IRQ_STATUS = 0x24, IRQ_ACK = 0x64 };
enum { DMA_SOURCE = 0x80, DMA_TARGET = 0x88, DMA_COUNT = 0x90, DMA_COMMAND = 0x98 };
enum { DMA_START = 1, DMA_TO_MEMORY = 2, DMA_IRQ = 4, BUFFER = 0x40000 };
enum { PAGE = 4096, IOVA = 0x100000, BAR_ADDRESS = 0x10000000, WAIT_MS = 2000 };
/* PCI: the registers that are used. */
enum {
	PCI_ID = 0,
	COMMAND = 4,
	COMMAND_MEMORY = 2,
	COMMAND_MASTER = 4,
	BAR0 = 0x10,
	CAPABILITIES = 0x34,
	MSI = 5
};

struct driver {
	struct lend_function *function;
	int interrupt; /* eventfd of vector 0, -1: not attached */
};

/* ---- The monitor's part: no memory slots, no hypervisor, one vector. ---- */

static void begin(void *host, void *peer)
{
	(void)host, (void)peer;
}

static int commit(void *host, void *peer)
{
	(void)host, (void)peer;
	return 0;
}

static int bar_map(void *host, void *peer, const struct lend_bar_map *map)
{
	(void)host, (void)peer, (void)map;
	return 0; /* all accesses go through lend_function_bar_read and _write */
}

static int bar_unmap(void *host, void *peer, unsigned bar)
{
	(void)host, (void)peer, (void)bar;
	return 0;
}

static int msi_set(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data)
{
	(void)host, (void)peer, (void)address, (void)data;
	return vector ? -ENOSPC : 0;
}

static void msi_free(void *host, void *peer, unsigned vector)
{
	(void)host, (void)peer, (void)vector;
}

static int msi_attach(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)peer, (void)vector;
	((struct driver *)host)->interrupt = eventfd;
	return 0;
}

static int msi_detach(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)peer, (void)vector, (void)eventfd;
	((struct driver *)host)->interrupt = -1;
	return 0;
}

static const struct lend_host_ops host_ops = {
	.size = sizeof(host_ops),
	.bar_begin = begin,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
	.bar_commit = commit,
	.msi_begin = begin,
	.msi_set = msi_set,
	.msi_free = msi_free,
	.msi_commit = commit,
	.msi_attach = msi_attach,
	.msi_detach = msi_detach,
};

/* ---- The driver's part. ---- */

static void set(struct driver *driver, unsigned at, unsigned width, uint64_t value)
{
	lend_function_bar_write(driver->function, 0, at, width, value);
}

static uint64_t get(struct driver *driver, unsigned at)
{
	return lend_function_bar_read(driver->function, 0, at, 4);
}

static int wake_up(struct driver *driver)
{
	unsigned at = lend_function_config_read(driver->function, CAPABILITIES, 1);

	if (lend_function_config_read(driver->function, PCI_ID, 4) != EDU_ID)
		return -ENODEV;
	lend_function_config_write(driver->function, BAR0, 4, BAR_ADDRESS);
	lend_function_config_write(driver->function, COMMAND, 2, COMMAND_MEMORY | COMMAND_MASTER);
	while (at && lend_function_config_read(driver->function, at, 1) != MSI)
		at = lend_function_config_read(driver->function, at + 1, 1);
	if (at) {
		lend_function_config_write(driver->function, at + 4, 4, 0xfee00000); /* any address */
		lend_function_config_write(driver->function, at + 2, 2, 1);
	}
	return at && driver->interrupt >= 0 ? 0 : -ENOTSUP;
}

static int wait_for_interrupt(struct driver *driver)
{
	struct pollfd ready = {.fd = driver->interrupt, .events = POLLIN};
	uint64_t count, status;

	if (poll(&ready, 1, WAIT_MS) != 1 || read(driver->interrupt, &count, sizeof(count)) != sizeof(count))
		return -ETIMEDOUT;
	status = get(driver, IRQ_STATUS);
	set(driver, IRQ_ACK, 4, status);
	return status ? 0 : -EIO;
}

static int wait_for_end(struct driver *driver)
{
	for (unsigned i = 0; i < WAIT_MS; i++) {
		if (!(get(driver, DMA_COMMAND) & DMA_START))
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

static int copy(struct driver *driver, uint64_t from, uint64_t to, unsigned command)
{
	set(driver, DMA_SOURCE, 8, from);
	set(driver, DMA_TARGET, 8, to);
	set(driver, DMA_COUNT, 8, PAGE);
	set(driver, DMA_COMMAND, 8, command | DMA_START);
	return command & DMA_IRQ ? wait_for_interrupt(driver) : wait_for_end(driver);
}

static int loop(struct driver *driver, uint8_t *memory, unsigned round)
{
	int ret;

	for (unsigned i = 0; i < PAGE; i++)
		memory[i] = (uint8_t)(i * 7 + round);
	memset(memory + PAGE, 0, PAGE);
	ret = copy(driver, IOVA, BUFFER, 0);
	if (!ret)
		ret = copy(driver, BUFFER, IOVA + PAGE, DMA_TO_MEMORY | DMA_IRQ);
	return ret ? ret : memcmp(memory, memory + PAGE, PAGE) ? -EIO : 0;
}

static int fail(const char *what)
{
	fprintf(stderr, "dma-loop: %s\n", what);
	return 1;
}

int main(int argc, char **argv)
{
	struct lend_function_config config = {
		.size = sizeof(config), .place = LEND_PLACE_ROOT, .no_intx = true};
	unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : 1, round = 0;
	struct driver driver = {.interrupt = -1};
	struct lend_reset_report report;
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct lend_error error;
	uint8_t *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct lend_range range = {.iova = IOVA, .length = 2 * PAGE, .va = memory, .fd = -1};
	int ret;

	if (argc < 2)
		return fail("usage: dma-loop ADDRESS [COUNT]");
	if (memory == MAP_FAILED || lend_context_new(NULL, &context) ||
	    lend_space_new(context, &host_ops, &driver, &space))
		return fail("out of memory");
	if (lend_device_open(space, argv[1], &device, &error) || lend_space_map(space, &range, 1, &error) ||
	    lend_function_new(device, &config, &driver.function, &error))
		return fail(error.text);
	lend_context_reset(context, &driver.function, 1, &report, sizeof(report));
	ret = wake_up(&driver);
	while (!ret && round < count)
		ret = loop(&driver, memory, round++);
	lend_function_free(driver.function);
	lend_device_close(device);
	lend_space_free(space);
	lend_context_free(context);
	if (ret)
		return fail(strerror(-ret));
	printf("dma-loop: %u times %d bytes there and back\n", count, PAGE);
	return 0;
}

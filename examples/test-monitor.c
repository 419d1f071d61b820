/* SPDX-License-Identifier: MIT */
/*
 * How a monitor tests its own code without hardware: a device that is played in
 * memory (lend/fake.h), and all of liblend between the two. The monitor under
 * test here is the smallest that there is; in yours its place is taken by your
 * host operations.
 *
 *   cc test-monitor.c $(pkg-config --cflags --libs lend-fake) -o test-monitor
 *   test-monitor
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lend/fake.h>
#include <lend/lend.h>

enum { RAM = 1 << 20, VECTORS = 4, TABLE = 0x1000, PBA = 0x2000, BAR_SIZE = 0x4000 };
enum { BAR_ADDRESS = 0x10000000, COMMAND = 4, COMMAND_ON = 6, BAR0 = 0x10, MSIX_ENABLE = 0x8000 };

#define check(what)                                                                                          \
	do {                                                                                                 \
		if (!(what)) {                                                                               \
			fprintf(stderr, "test-monitor: line %d: %s\n", __LINE__, #what);                     \
			exit(1);                                                                             \
		}                                                                                            \
	} while (0)

/* ---- The monitor under test. ---- */

struct monitor {
	struct lend_bar_map bar; /* size 0: it is nowhere */
	struct lend_bar_direct direct[LEND_DIRECT_MAX];
	struct {
		uint64_t address;
		int eventfd; /* -1: not attached */
	} vectors[VECTORS];
	char event[80];
};

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
	struct monitor *monitor = host;

	(void)peer;
	monitor->bar = *map;
	memcpy(monitor->direct, map->direct, map->direct_count * sizeof(*map->direct));
	return 0;
}

static int bar_unmap(void *host, void *peer, unsigned bar)
{
	(void)peer, (void)bar;
	((struct monitor *)host)->bar.size = 0;
	return 0;
}

static int msi_set(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data)
{
	(void)peer, (void)data;
	if (vector >= VECTORS)
		return -ENOSPC;
	((struct monitor *)host)->vectors[vector].address = address;
	return 0;
}

static void msi_free(void *host, void *peer, unsigned vector)
{
	(void)peer;
	((struct monitor *)host)->vectors[vector].address = 0;
}

static int msi_attach(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)peer;
	((struct monitor *)host)->vectors[vector].eventfd = eventfd;
	return 0;
}

static int msi_detach(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)eventfd;
	return msi_attach(host, peer, vector, -1);
}

static const struct lend_host_ops ops = {
	.size = sizeof(ops),
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

/* ---- The tests. ---- */

struct machine {
	struct monitor monitor;
	struct lend_fake *fake;
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct lend_function *function;
	void *ram;
};

/* 0, or what failed; nothing is left then. */
static int start(struct machine *m)
{
	const struct lend_context_config quiet = {.size = sizeof(quiet), .quirks_dir = ""};
	const struct lend_function_config config = {.size = sizeof(config), .no_intx = true};
	const struct lend_range ram = {.length = RAM, .va = m->ram, .fd = -1};
	struct lend_reset_report report;
	struct lend_error error;
	int ret;

	for (unsigned i = 0; i < VECTORS; i++)
		m->monitor.vectors[i].eventfd = -1;
	check(!lend_context_new(&quiet, &m->context));
	check(!lend_space_new(m->context, &ops, &m->monitor, &m->space));
	ret = lend_fake_open(m->fake, m->space, NULL, &m->device, &error);
	ret = ret ? ret : lend_space_map(m->space, &ram, 1, &error);
	ret = ret ? ret : lend_function_new(m->device, &config, &m->function, &error);
	ret = ret ? ret : lend_context_reset(m->context, &m->function, 1, &report, sizeof(report));
	return ret;
}

static void stop(struct machine *m)
{
	lend_function_free(m->function);
	lend_device_close(m->device);
	lend_space_free(m->space);
	lend_context_free(m->context);
	m->function = NULL;
	m->device = NULL;
	check(!m->monitor.bar.size); /* nothing is left with the monitor, and nothing with the device */
	check(!lend_fake_left(m->fake) && !lend_fake_mapped(m->fake));
	for (unsigned i = 0; i < VECTORS; i++)
		check(m->monitor.vectors[i].eventfd < 0);
}

/* What a guest's driver does: BAR 0, memory decode and bus master, MSI-X with vector 1. */
static void program(struct machine *m, unsigned msix)
{
	lend_function_config_write(m->function, BAR0, 4, BAR_ADDRESS);
	lend_function_config_write(m->function, COMMAND, 2, COMMAND_ON);
	lend_function_bar_write(m->function, 0, TABLE + 16, 4, 0xfee00000);
	lend_function_bar_write(m->function, 0, TABLE + 16 + 8, 4, 0x41);
	lend_function_bar_write(m->function, 0, TABLE + 16 + 12, 4, 0);
	lend_function_config_write(m->function, msix + 2, 2, MSIX_ENABLE);
}

static void test_bar_interrupt_and_dma(struct machine *m, unsigned msix)
{
	uint32_t *registers = lend_fake_bar_bytes(m->fake, 0);
	uint64_t count = 0;
	char text[8];

	check(!start(m));
	program(m, msix);
	check(m->monitor.bar.address == BAR_ADDRESS && m->monitor.bar.size == BAR_SIZE);
	/* The first page is direct: what the guest writes there, the device has. */
	check(m->monitor.bar.direct_count && !m->monitor.direct[0].offset);
	*(volatile uint32_t *)m->monitor.direct[0].va = 0x12345678;
	check(registers[0] == 0x12345678);
	check(!lend_fake_interrupt(m->fake, LEND_IRQ_MSIX, 1));
	check(m->monitor.vectors[1].address == 0xfee00000);
	check(read(m->monitor.vectors[1].eventfd, &count, sizeof(count)) == sizeof(count) && count == 1);
	check(lend_fake_interrupt(m->fake, LEND_IRQ_MSIX, 0) != 0); /* masked: nobody listens */
	check(!lend_fake_dma_write(m->fake, 0x2ffc, "to you", 7) &&
	      !memcmp((char *)m->ram + 0x2ffc, "to you", 7));
	check(!lend_fake_dma_read(m->fake, 0x2ffc, text, 7) && !strcmp(text, "to you"));
	check(lend_fake_dma_write(m->fake, RAM - 2, "beyond", 7) == -EFAULT);
	stop(m);
}

static void test_device_dies(struct machine *m, unsigned msix)
{
	check(!start(m));
	program(m, msix);
	lend_fake_die(m->fake, true);
	check(lend_function_bar_read(m->function, 0, PBA - 16, 4) == UINT32_MAX);
	lend_fake_die(m->fake, false);
	stop(m);
}

/* Each call that the device may refuse is refused once: whatever comes of it, nothing is left. */
static void test_each_failure(struct machine *m, unsigned msix)
{
	unsigned most = 1000;

	for (unsigned i = 0; i < most; i++) {
		unsigned before = lend_fake_calls(m->fake);

		lend_fake_fail(m->fake, i, -EIO);
		if (!start(m))
			program(m, msix);
		stop(m);
		if (lend_fake_calls(m->fake) - before <= i)
			most = i; /* there were not so many calls */
	}
	lend_fake_fail(m->fake, 0, 0);
}

int main(void)
{
	struct machine m = {.fake = lend_fake_new()};
	int msix;

	m.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(m.fake && m.ram != MAP_FAILED);
	check(!lend_fake_bar(m.fake, 0, 0, BAR_SIZE));
	msix = lend_fake_msix(m.fake, VECTORS, 0, TABLE, PBA);
	check(msix > 0);
	test_bar_interrupt_and_dma(&m, (unsigned)msix);
	test_device_dies(&m, (unsigned)msix);
	test_each_failure(&m, (unsigned)msix);
	lend_fake_free(m.fake);
	munmap(m.ram, RAM);
	printf("test-monitor: passed\n");
	return 0;
}

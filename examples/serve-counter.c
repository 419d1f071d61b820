/* SPDX-License-Identifier: MIT */
/*
 * A PCI device in one file, for any monitor that speaks vfio-user. Register 0 counts
 * up at each read. A write to register 4 copies the counter to the guest address in
 * register 8, and raises MSI-X vector 0.
 *
 *   cc serve-counter.c -o serve-counter $(pkg-config --cflags --libs liblend)
 *   ./serve-counter /tmp/counter.sock
 *   qemu-system-x86_64 -object memory-backend-memfd,id=ram,size=1G,share=on \
 *     -machine q35,memory-backend=ram \
 *     -device '{"driver":"vfio-user-pci","socket":{"type":"unix","path":"/tmp/counter.sock"}}'
 */
#include <lend/context.h>
#include <lend/server.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { COUNTER = 0, COPY = 4, ADDRESS = 8, TABLE = 0x800, PENDING = 0xc00, BAR_SIZE = 4096 };

struct counter {
	struct lend_server *server;
	uint32_t count;
	uint64_t address; /* of the guest */
	bool copy;        /* asked for, and not done yet */
};

static int counter_read(void *dev, unsigned region, uint64_t offset, void *data, unsigned length)
{
	struct counter *counter = dev;

	(void)region;
	memset(data, 0, length);
	if (offset == COUNTER && length == sizeof(counter->count))
		memcpy(data, &counter->count, length);
	counter->count += offset == COUNTER;
	return (int)length;
}

static int counter_write(void *dev, unsigned region, uint64_t offset, const void *data, unsigned length)
{
	struct counter *counter = dev;

	(void)region;
	if (offset == ADDRESS && length <= sizeof(counter->address))
		memcpy(&counter->address, data, length);
	counter->copy |= offset == COPY;
	return (int)length;
}

static int counter_reset(void *dev, enum lend_server_why why)
{
	struct counter *counter = dev;

	(void)why;
	*counter = (struct counter){.server = counter->server};
	return 0;
}

/* After the write was answered: the guest's memory may be reached by messages. */
static void counter_work(struct counter *counter)
{
	if (!counter->copy)
		return;
	counter->copy = false;
	lend_server_write_memory(counter->server, counter->address, &counter->count, sizeof(counter->count));
	lend_server_signal(counter->server, 0);
}

/* A monitor can cut the file of its memory short. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code <= 0 || !lend_server_bus_error(info->si_addr))
		signal(number, SIG_DFL);
}

static const struct lend_server_ops ops = {
	.size = sizeof(ops), .read = counter_read, .write = counter_write, .reset = counter_reset};

static const struct lend_server_config config = {
	.vendor = 0x1234,
	.device = 0x1e4d,
	.class_code = 0xff0000,
	.express = true,
	.msix = 1,
	.msix_table = TABLE,
	.msix_pending = PENDING,
};

int main(int argc, char **argv)
{
	struct sigaction bus = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
	struct counter counter = {0};
	const struct lend_server_device device = {
		.size = sizeof(device),
		.name = "counter",
		.regions = {{.size = BAR_SIZE, .readable = true, .writable = true}},
		.config = &config,
		.ops = &ops,
		.dev = &counter,
	};
	struct lend_error error = {"out of memory"};
	struct lend_context *context;
	int ret;

	if (argc != 2 || sigaction(SIGBUS, &bus, NULL) || lend_context_new(NULL, &context))
		return 2;
	ret = lend_server_new(context, &device, &counter.server, &error);
	if (!ret)
		ret = lend_server_listen(counter.server, argv[1], &error);
	if (ret < 0)
		fprintf(stderr, "serve-counter: %s\n", error.text);
	while (!ret) {
		struct pollfd ready = {.fd = lend_server_fd(counter.server), .events = POLLIN};

		if (poll(&ready, 1, -1) < 0 && errno != EINTR)
			break;
		ret = lend_server_work(counter.server);
		counter_work(&counter);
	}
	lend_server_free(counter.server);
	lend_context_free(context);
	return 1;
}

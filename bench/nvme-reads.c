/* SPDX-License-Identifier: MIT */
/*
 * 4 KiB random reads through `lend serve nvme`, to the same reads of the same file by
 * io_uring directly. There is no guest: this program is the driver, and uses the doorbell
 * buffer as Linux's does. Both sides wait for completions in the same way: until they are
 * woken (the driver by its interrupt), or by looking again and again. Medians of turns that
 * alternate.
 *
 * Where the scheduler puts the processes decides more than all else. So the server has the
 * last processor that we may use, the driver has the first one, and the direct reads are made
 * on the server's, for they are as far from the disk then as the server's own.
 *
 *   nvme-reads LEND IMAGE [TURNS] [READS A TURN [1 or 32]]    the depth: that one alone
 */
#include <fcntl.h>
#include <liburing.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/turns.h"
#include "lend/context.h"
#include "lend/host_ops.h"
#include "lend/space.h"
#include "lib/open/device.h"
#include "tool/serve/nvme/bytes.h"
#include "tool/serve/nvme/spec.h"

enum { DEPTH_MAX = 32, ENTRIES = 64, BLOCK = 4096, TURNS_MAX = 1001 };

/* Guest memory, by pages of it: a submission and a completion queue for each of two pairs, then the rest. */
enum { SQ_PAGE = 0, CQ_PAGE = 2, DOORBELL_PAGE = 4, EVENT_PAGE = 5, DATA_PAGE = 16 };
enum { MEMORY = (DATA_PAGE + DEPTH_MAX) * NVME_PAGE };

#define BASE UINT64_C(0x100000)

struct queue {
	unsigned id, tail, head, phase;
	int vector;
};

struct driver {
	struct lend_device *device;
	uint8_t *memory;
	struct queue queues[2]; /* admin, I/O */
	unsigned rings;         /* doorbells of the I/O queue that were written: each is a message */
	unsigned quiet;         /* reads since the last of them */
	unsigned longest;       /* the most reads in a row without one */
};

struct work {
	uint64_t blocks; /* of the file */
	uint64_t random;
	unsigned depth, reads;
	bool polls; /* looks for completions; else it sleeps until it is woken */
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "nvme-reads: %s\n", what);
	exit(1);
}

static uint64_t next_block(struct work *work)
{
	work->random = work->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (work->random >> 32) % work->blocks;
}

static cpu_set_t ours;

/* To the first processor that we may use, or to the last one. */
static void pin(bool last)
{
	cpu_set_t one;

	for (unsigned i = 0; i < CPU_SETSIZE; i++) {
		unsigned number = last ? CPU_SETSIZE - 1 - i : i;

		if (!CPU_ISSET(number, &ours))
			continue;
		CPU_ZERO(&one);
		CPU_SET(number, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static int start_server(const char *lend, const char *image)
{
	char number[16];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		fail("no sockets");
	snprintf(number, sizeof(number), "%d", pair[1]);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		pin(true);
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execl(lend, lend, "serve", "nvme", image, "--readonly", "--fd", number, (char *)NULL);
		fail("lend cannot be started");
	}
	close(pair[1]);
	return pair[0];
}

static void open_device(struct driver *driver, int socket)
{
	static const struct lend_host_ops none = {.size = sizeof(none)};
	struct lend_device_config from = LEND_DEVICE_CONFIG_INIT;
	struct lend_range range = {.iova = BASE, .length = MEMORY, .kind = LEND_RANGE_RAM};
	struct lend_error error = {"out of memory"};
	struct lend_context *context;
	struct lend_space *space;

	range.fd = memfd_create("guest", MFD_CLOEXEC);
	if (range.fd < 0 || ftruncate(range.fd, MEMORY))
		fail("no memory");
	range.va = driver->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, range.fd, 0);
	if (range.va == MAP_FAILED)
		fail("no memory");
	from.socket_fd = socket;
	if (lend_context_new(NULL, &context) || lend_space_new(context, &none, NULL, &space) ||
	    lend_space_map(space, &range, 1, &error) ||
	    lend_device_open_with(space, &from, &driver->device, &error))
		fail(error.text);
}

static void write_register(struct driver *driver, uint64_t offset, uint32_t value)
{
	if (device_write(driver->device, 0, offset, &value, sizeof(value)))
		fail("the server is gone");
}

static uint8_t *page(const struct driver *driver, unsigned number)
{
	return driver->memory + (size_t)number * NVME_PAGE;
}

static uint64_t address(unsigned number)
{
	return BASE + (uint64_t)number * NVME_PAGE;
}

/* Whether the doorbell buffer asks for a ring when a number goes to `value` (section 5.7). */
static bool must_ring(const struct driver *driver, unsigned index, uint32_t value)
{
	uint32_t *shared = (uint32_t *)(void *)page(driver, DOORBELL_PAGE) + index;
	const uint32_t *event = (const uint32_t *)(const void *)page(driver, EVENT_PAGE) + index;
	uint16_t before = (uint16_t)*shared, wanted;

	__atomic_store_n(shared, value, __ATOMIC_SEQ_CST);
	wanted = (uint16_t)__atomic_load_n(event, __ATOMIC_SEQ_CST);
	return (uint16_t)(value - wanted - 1) < (uint16_t)(value - before);
}

/* The admin queue's doorbells are always the registers. */
static void doorbell(struct driver *driver, unsigned id, bool head, uint32_t value)
{
	unsigned index = 2 * id + head;

	if (id && !must_ring(driver, index, value))
		return;
	driver->rings += id;
	driver->quiet = 0;
	write_register(driver, REG_DOORBELLS + index * sizeof(uint32_t), value);
}

static void put_command(struct driver *driver, struct queue *queue, const uint8_t command[NVME_SQE])
{
	memcpy(page(driver, SQ_PAGE + queue->id) + queue->tail * NVME_SQE, command, NVME_SQE);
	queue->tail = (queue->tail + 1) % ENTRIES;
}

/* Takes one completion, and gives the command's number. -1: there is none. */
static int take_completion(struct driver *driver, struct queue *queue)
{
	const uint8_t *entry = page(driver, CQ_PAGE + queue->id) + queue->head * NVME_CQE;
	uint32_t last = le32toh(
		__atomic_load_n((const uint32_t *)(const void *)(entry + NVME_CQE - 4), __ATOMIC_ACQUIRE));

	if ((last >> 16 & 1) != queue->phase)
		return -1;
	if (last >> 17)
		fail("a command failed");
	queue->head = (queue->head + 1) % ENTRIES;
	queue->phase ^= !queue->head;
	return last & 0xffff;
}

static void wait_interrupt(const struct queue *queue)
{
	uint64_t count;

	if (read(queue->vector, &count, sizeof(count)) != sizeof(count))
		fail("no interrupt");
}

static void admin(struct driver *driver, uint8_t opcode, uint64_t prp1, uint64_t prp2, uint32_t dw10,
		  uint32_t dw11)
{
	struct queue *queue = &driver->queues[0];
	uint8_t command[NVME_SQE] = {opcode};

	put64(command + 24, prp1);
	put64(command + 32, prp2);
	put32(command + 40, dw10);
	put32(command + 44, dw11);
	put_command(driver, queue, command);
	doorbell(driver, 0, false, queue->tail);
	while (take_completion(driver, queue) < 0)
		wait_interrupt(queue);
	doorbell(driver, 0, true, queue->head);
}

static void start_driver(struct driver *driver)
{
	const uint16_t memory_and_master = 6;
	struct backend_irqs irqs = {BACKEND_IRQ_TRIGGER, LEND_IRQ_MSIX, 0, 2, NULL};
	int vectors[2];
	uint32_t status;

	for (unsigned i = 0; i < 2; i++) {
		vectors[i] = eventfd(0, EFD_CLOEXEC);
		driver->queues[i] = (struct queue){.id = i, .phase = 1, .vector = vectors[i]};
	}
	irqs.fds = vectors;
	if (driver->device->ops->set_irqs(driver->device->transport, &irqs) ||
	    device_write(driver->device, LEND_REGION_CONFIG, PCI_COMMAND, &memory_and_master, 2))
		fail("the device cannot be set up");
	write_register(driver, REG_AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	write_register(driver, REG_ASQ, (uint32_t)address(SQ_PAGE));
	write_register(driver, REG_ACQ, (uint32_t)address(CQ_PAGE));
	write_register(driver, REG_CC, CC_EN | 6 << 16 | 4 << 20);
	if (device_read(driver->device, 0, REG_CSTS, &status, sizeof(status)) || status != CSTS_RDY)
		fail("the controller is not ready");
	admin(driver, ADMIN_DOORBELL_BUFFER, address(DOORBELL_PAGE), address(EVENT_PAGE), 0, 0);
	admin(driver, ADMIN_CREATE_CQ, address(CQ_PAGE + 1), 0, (ENTRIES - 1) << 16 | 1, 1 << 16 | 3);
	admin(driver, ADMIN_CREATE_SQ, address(SQ_PAGE + 1), 0, (ENTRIES - 1) << 16 | 1, 1 << 16 | 1);
}

static void put_read(struct driver *driver, struct work *work, unsigned slot)
{
	uint8_t command[NVME_SQE] = {IO_READ};

	put16(command + 2, (uint16_t)slot);
	put32(command + 4, 1);
	put64(command + 24, address(DATA_PAGE + slot));
	put64(command + 40, next_block(work) * (BLOCK / NVME_BLOCK));
	put32(command + 48, BLOCK / NVME_BLOCK - 1);
	put_command(driver, &driver->queues[1], command);
}

static void read_through(struct driver *driver, struct work *work)
{
	struct queue *queue = &driver->queues[1];
	unsigned left = work->reads, running = 0;

	for (; running < work->depth && left; left--)
		put_read(driver, work, running++);
	while (running) {
		unsigned taken = 0;

		doorbell(driver, 1, false, queue->tail);
		if (!work->polls)
			wait_interrupt(queue);
		for (int slot; (slot = take_completion(driver, queue)) >= 0; taken++) {
			running--;
			if (++driver->quiet > driver->longest)
				driver->longest = driver->quiet;
			if (!left)
				continue;
			put_read(driver, work, (unsigned)slot);
			left--;
			running++;
		}
		if (taken)
			doorbell(driver, 1, true, queue->head);
	}
}

struct direct {
	struct io_uring ring;
	int file;
	uint8_t *data;
};

static void prepare(struct direct *direct, struct work *work, uintptr_t slot)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&direct->ring);

	io_uring_prep_read(sqe, direct->file, direct->data + slot * BLOCK, BLOCK, next_block(work) * BLOCK);
	io_uring_sqe_set_data64(sqe, slot);
}

static void read_directly(struct direct *direct, struct work *work)
{
	unsigned left = work->reads, running = 0;
	struct io_uring_cqe *cqe;

	for (; running < work->depth && left; left--)
		prepare(direct, work, running++);
	while (running) {
		if (io_uring_submit_and_wait(&direct->ring, !work->polls) < 0)
			fail("io_uring does not work");
		while (!io_uring_peek_cqe(&direct->ring, &cqe)) {
			uint64_t slot = io_uring_cqe_get_data64(cqe);

			if (cqe->res != BLOCK)
				fail("the image cannot be read");
			io_uring_cqe_seen(&direct->ring, cqe);
			running--;
			if (!left)
				continue;
			prepare(direct, work, slot);
			left--;
			running++;
		}
	}
}

static uint64_t open_directly(struct direct *direct, const char *image)
{
	off_t size;

	direct->file = open(image, O_RDONLY | O_DIRECT | O_CLOEXEC);
	size = direct->file < 0 ? -1 : lseek(direct->file, 0, SEEK_END);
	if (size < BLOCK)
		fail("the image cannot be opened for direct reads");
	direct->data =
		mmap(NULL, DEPTH_MAX * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (direct->data == MAP_FAILED || io_uring_queue_init(2 * DEPTH_MAX, &direct->ring, 0))
		fail("io_uring cannot be used");
	return (uint64_t)size / BLOCK;
}

static void compare(struct driver *driver, struct direct *direct, struct work *work, unsigned turns)
{
	static double bare[TURNS_MAX], through[TURNS_MAX];
	unsigned all = 0;

	driver->longest = 0;
	for (unsigned i = 0; i < turns; i++) {
		double from;

		pin(true);
		from = now();
		read_directly(direct, work);
		bare[i] = (now() - from) / work->reads;
		pin(false);
		driver->rings = driver->quiet = 0;
		from = now();
		read_through(driver, work);
		through[i] = (now() - from) / work->reads;
		all += driver->rings;
	}
	printf("depth %2u, %s: directly %.2f us a read, through lend %.2f us: %.2f of its speed; ",
	       work->depth, work->polls ? "polling" : "woken", median(bare, turns), median(through, turns),
	       median(bare, turns) / median(through, turns));
	printf("%u doorbells in %u reads, none in %u in a row\n", all, work->reads * turns, driver->longest);
}

int main(int argc, char **argv)
{
	unsigned turns = argc > 3 ? (unsigned)atoi(argv[3]) : 11;
	unsigned reads = argc > 4 ? (unsigned)atoi(argv[4]) : 10000;
	unsigned depth = argc > 5 ? (unsigned)atoi(argv[5]) : 0;
	struct driver driver = {0};
	struct direct direct;
	struct work work = {.random = 1, .reads = reads};

	if (argc < 3 || !turns || turns > TURNS_MAX || !reads || (depth > 1 && depth != DEPTH_MAX))
		fail("usage: nvme-reads LEND IMAGE [TURNS] [READS A TURN [1 or 32]]");
	sched_getaffinity(0, sizeof(ours), &ours);
	work.blocks = open_directly(&direct, argv[2]);
	open_device(&driver, start_server(argv[1], argv[2]));
	start_driver(&driver);
	for (unsigned i = 0; i < 4; i++) {
		work.depth = i % 2 ? DEPTH_MAX : 1;
		work.polls = i / 2;
		if (!depth || work.depth == depth)
			compare(&driver, &direct, &work, turns);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* NVMe behind a vfio-user socket: a raw client is the driver, the disk is a real file. */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/wire/protocol.h"
#include "tests/unit/server_stage.h"
#include "tool/serve/nvme/bytes.h"
#include "tool/serve/nvme/controller.h"
#include "tool/serve/nvme/serve.h"
#include "tool/serve/nvme/spec.h"

enum { MEMORY = 1 << 20, BASE = 0x100000, SIZE = 1 << 20, SQ = 0x0, CQ = 0x1000, DATA = 0x10000 };
enum { IO = 0x2000 }; /* the first I/O queue pair, from the admin queue's */
enum { COMMAND_AT = 4, MEMORY_AND_MASTER = 6 };

static struct nvme_serve serve;
static struct lend_context *context;
static struct wire_peer peer;
static uint8_t *memory;
static char path[] = "/tmp/lend-test-nvme-serve-XXXXXX";
static int memory_fd, vectors[2];
static unsigned tails[2], fds, said;

static void pump(void *opaque)
{
	struct pollfd ready = {nvme_image_fd(&serve.image), POLLIN, 0};

	(void)opaque;
	lend_server_work(serve.server);
	nvme_serve_work(&serve);
	if (poll(&ready, 1, 0) > 0)
		nvme_serve_work(&serve);
}

static void serve_alone(void *opaque)
{
	(void)opaque;
	lend_server_work(serve.server);
}

LEND_PRINTF(1, 2) static void say(const char *format, ...)
{
	(void)format;
	said++;
}

static void connect_client(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(lend_server_take(serve.server, pair[0], NULL), 0);
	peer_begin(&peer, pair[1]);
	peer.pump = pump;
	assert_int_equal(peer_version(&peer, 0, 1, wire_peer_text), 0);
}

static void map_memory(void)
{
	assert_int_equal(peer_map(&peer, BASE, MEMORY, WIRE_DMA_READABLE | WIRE_DMA_WRITABLE, memory_fd, 0),
			 0);
}

static void driver_begins(void)
{
	uint16_t command = MEMORY_AND_MASTER;

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(peer_set_irqs(&peer, LEND_IRQ_MSIX, 0x24, i, 1, &vectors[i], 1), 0);
	assert_int_equal(peer_write(&peer, LEND_REGION_CONFIG, COMMAND_AT, &command, sizeof(command)),
			 sizeof(command));
	/* A driver that was there before finds out that this is another controller. */
	assert_int_equal(peer_read32(&peer, 0, REG_CSTS), CSTS_CFS);
	memset(memory, 0, MEMORY);
	tails[0] = tails[1] = 0;
	peer_write32(&peer, 0, REG_AQA, 15 << 16 | 15);
	peer_write32(&peer, 0, REG_ASQ, BASE + SQ);
	peer_write32(&peer, 0, REG_ACQ, BASE + CQ);
	peer_write32(&peer, 0, REG_CC, CC_EN | 6 << 16 | 4 << 20);
	assert_int_equal(peer_read32(&peer, 0, REG_CSTS), CSTS_RDY);
}

static void put(unsigned queue, uint8_t opcode, uint64_t prp, uint32_t dw10, uint32_t dw11, uint32_t dw12)
{
	uint8_t *sqe = memory + SQ + queue * IO + tails[queue] * NVME_SQE;

	memset(sqe, 0, NVME_SQE);
	sqe[0] = opcode;
	put16(sqe + 2, (uint16_t)tails[queue]);
	put32(sqe + 4, queue);
	put64(sqe + 24, prp);
	put32(sqe + 40, dw10);
	put32(sqe + 44, dw11);
	put32(sqe + 48, dw12);
	tails[queue]++;
	peer_write32(&peer, 0, REG_DOORBELLS + 8 * queue, tails[queue]);
}

/* The queues are longer than a test: nothing wraps. Waits for the interrupt of the queue's latest command. */
static unsigned completed(unsigned queue)
{
	const uint8_t *entry = memory + CQ + queue * IO + (tails[queue] - 1) * NVME_CQE;

	for (unsigned i = 0; !(entry[14] & 1); i++) {
		struct pollfd ready = {nvme_image_fd(&serve.image), POLLIN, 0};

		assert_in_range(i, 0, 10000);
		poll(&ready, 1, 10);
		pump(NULL);
	}
	assert_true(stage_signals(vectors[queue]));
	peer_write32(&peer, 0, REG_DOORBELLS + 8 * queue + 4, tails[queue]);
	return get16(entry + 14) >> 1;
}

static void make_queue(void)
{
	put(0, ADMIN_CREATE_CQ, BASE + CQ + IO, 15 << 16 | 1, 1 << 16 | 3, 0);
	assert_int_equal(completed(0), 0);
	put(0, ADMIN_CREATE_SQ, BASE + SQ + IO, 15 << 16 | 1, 1 << 16 | 1, 0);
	assert_int_equal(completed(0), 0);
}

static int start(void **state)
{
	struct lend_server_device device = {.size = sizeof(device)};
	int fd;

	(void)state;
	fds = open_fds();
	said = 0;
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	memory_fd = memory_file(MEMORY);
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	for (unsigned i = 0; i < 2; i++)
		vectors[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	serve = (struct nvme_serve){.say = say};
	assert_int_equal(lend_context_new(NULL, &context), 0);
	assert_int_equal(nvme_image_open(&serve.image, path, false, NULL, NULL), 0);
	assert_int_equal(nvme_serve_open(&serve, 1, &device), 0);
	/* Windows' driver refuses a smaller one. */
	assert_true(device.regions[0].size >= 16384);
	assert_int_equal(lend_server_new(context, &device, &serve.server, NULL), 0);
	connect_client();
	map_memory();
	driver_begins();
	make_queue();
	return 0;
}

static int end(void **state)
{
	(void)state;
	lend_server_free(serve.server);
	nvme_serve_close(&serve);
	nvme_image_close(&serve.image);
	lend_context_free(context);
	peer_end(&peer);
	munmap(memory, MEMORY);
	close(memory_fd);
	close(vectors[0]);
	close(vectors[1]);
	unlink(path);
	assert_int_equal(open_fds(), fds);
	return 0;
}

static void disk(void **state)
{
	uint8_t block[NVME_BLOCK];
	int fd;

	(void)state;
	memset(memory + DATA, 0x5a, NVME_BLOCK);
	put(1, IO_WRITE, BASE + DATA, 7, 0, 0);
	assert_int_equal(completed(1), 0);
	put(1, IO_FLUSH, 0, 0, 0, 0);
	assert_int_equal(completed(1), 0);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, block, NVME_BLOCK, 7 * NVME_BLOCK), NVME_BLOCK);
	close(fd);
	assert_memory_equal(block, memory + DATA, NVME_BLOCK);
	put(1, IO_READ, BASE + DATA + 0x1000, 7, 0, 0);
	assert_int_equal(completed(1), 0);
	assert_memory_equal(memory + DATA + 0x1000, block, NVME_BLOCK);
	put(1, IO_READ, BASE + MEMORY, 7, 0, 0);
	assert_int_equal(completed(1), NVME_DATA_TRANSFER);
}

/* Memory goes and comes back elsewhere in the file: what the controller remembered of it is looked up anew.
 */
static void memory_moves(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		put(1, IO_READ, BASE + DATA + i * NVME_PAGE, i, 0, 0);
	assert_int_equal(peer_unmap(&peer, BASE, MEMORY, 0), 0);
	map_memory();
	put(1, IO_READ, BASE + DATA, 1, 0, 0);
	assert_int_equal(completed(1), 0);
}

/* Memory goes with the queues in it: the controller touches it no more, and says that it failed. */
static void memory_goes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		put(1, IO_READ, BASE + DATA + i * NVME_PAGE, i, 0, 0);
	assert_int_equal(peer_unmap(&peer, BASE, MEMORY, 0), 0);
	put(1, IO_READ, BASE + DATA, 1, 0, 0);
	assert_int_equal(peer_read32(&peer, 0, REG_CSTS), CSTS_RDY | CSTS_CFS);
}

/* A reset by the client waits for the disk, and leaves the controller as it is after power-on. */
static void client_resets(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		put(1, IO_READ, BASE + DATA + i * NVME_PAGE, i, 0, 0);
	assert_int_equal(peer_ask(&peer, WIRE_RESET, NULL, 0), 0);
	assert_int_equal(peer_read32(&peer, 0, REG_CC), 0);
	assert_int_equal(peer_read32(&peer, 0, REG_CSTS), 0);
	driver_begins();
	make_queue();
	put(1, IO_READ, BASE + DATA, 1, 0, 0);
	assert_int_equal(completed(1), 0);
}

static uint64_t device_control(void)
{
	uint8_t at = 0, id[2] = {0};

	peer_read(&peer, LEND_REGION_CONFIG, PCI_CAPABILITY_LIST, &at, 1);
	for (; at; at = id[1]) {
		peer_read(&peer, LEND_REGION_CONFIG, at, id, sizeof(id));
		if (id[0] == PCI_CAP_ID_EXP)
			return at + PCI_EXP_DEVCTL;
	}
	fail();
	return 0;
}

static uint16_t send_write(unsigned region, uint64_t offset, uint32_t value, uint32_t length)
{
	struct __attribute__((packed)) {
		struct wire_region_access access;
		uint32_t value;
	} write = {{offset, region, length}, value};

	return peer_send(&peer, WIRE_REGION_WRITE, 0, &write, sizeof(write.access) + length, NULL, 0);
}

static void send_answer(uint16_t id, unsigned command, uint64_t address, uint64_t length)
{
	struct __attribute__((packed)) {
		struct wire_header header;
		struct wire_dma_access access;
		uint8_t data[NVME_BLOCK];
	} answer = {{id, (uint16_t)command, 0, WIRE_REPLY, 0}, {address, length}, {0}};
	size_t size = sizeof(answer.header) + sizeof(answer.access);

	if (command == WIRE_DMA_READ) {
		memcpy(answer.data, memory + (address - BASE), length);
		size += length;
	}
	answer.header.size = (uint32_t)size;
	assert_true(peer_raw(&peer, &answer, size, NULL, 0));
}

static uint32_t read_cc(void)
{
	uint8_t bytes[4];

	nvme_register_read(serve.ctl, REG_CC, bytes, sizeof(bytes));
	return get32(bytes);
}

enum { QUEUE = BASE + IO, MESSAGES = 4 };

/* The messages of a command, the first one of its queues. */
static const struct {
	uint8_t opcode;
	struct {
		unsigned command;
		uint64_t address, length;
	} messages[MESSAGES];
} by_messages[] = {
	{IO_WRITE,
	 {{WIRE_DMA_READ, QUEUE + SQ, NVME_SQE},
	  {WIRE_DMA_READ, BASE + DATA, NVME_BLOCK},
	  {WIRE_DMA_WRITE, QUEUE + CQ, NVME_CQE - 4},
	  {WIRE_DMA_WRITE, QUEUE + CQ + NVME_CQE - 4, 4}}},
	{IO_READ,
	 {{WIRE_DMA_READ, QUEUE + SQ, NVME_SQE},
	  {WIRE_DMA_WRITE, BASE + DATA, NVME_BLOCK},
	  {WIRE_DMA_WRITE, QUEUE + CQ, NVME_CQE - 4},
	  {WIRE_DMA_WRITE, QUEUE + CQ + NVME_CQE - 4, 4}}},
};

/* The client resets the function before it answers message `at` of a command: there is no other message. */
static void reset_in_message(unsigned row, unsigned at, uint16_t first, uint64_t control)
{
	uint16_t ids[3];

	put(1, by_messages[row].opcode, BASE + DATA, 3, 0, 0);
	for (unsigned i = 0; i < at; i++)
		send_answer((uint16_t)(first + i), by_messages[row].messages[i].command,
			    by_messages[row].messages[i].address, by_messages[row].messages[i].length);
	ids[0] = send_write(0, REG_ASQ, 0x5000, 4);
	ids[1] = send_write(LEND_REGION_CONFIG, control, PCI_EXP_DEVCTL_BCR_FLR, 2);
	ids[2] = send_write(0, REG_AQA, 7 << 16 | 7, 4);
	send_answer((uint16_t)(first + at), by_messages[row].messages[at].command,
		    by_messages[row].messages[at].address, by_messages[row].messages[at].length);
	for (unsigned i = 0; read_cc(); i++) {
		struct pollfd ready = {nvme_image_fd(&serve.image), POLLIN, 0};

		assert_in_range(i, 0, 10000);
		nvme_serve_work(&serve);
		if (read_cc())
			poll(&ready, 1, 10);
	}
	for (unsigned i = 0; i <= at; i++) {
		assert_int_equal(peer_receive(&peer), 0);
		assert_int_equal(peer.reader.header.command, by_messages[row].messages[i].command);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(peer_reply(&peer, WIRE_REGION_WRITE, ids[i]), 0);
	assert_int_equal(peer_read32(&peer, 0, REG_CSTS), 0);
	/* What was written before the reset is gone, and what was written after it is there. */
	assert_int_equal(peer_read32(&peer, 0, REG_ASQ), 0);
	assert_int_equal(peer_read32(&peer, 0, REG_AQA), 7 << 16 | 7);
}

static void resets_in_messages(void **state)
{
	uint64_t control = device_control();
	uint16_t messages = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(by_messages) / sizeof(*by_messages) * MESSAGES; i++) {
		unsigned at = i % MESSAGES;

		assert_int_equal(peer_unmap(&peer, BASE, MEMORY, 0), 0);
		assert_int_equal(peer_map(&peer, BASE, MEMORY, WIRE_DMA_READABLE | WIRE_DMA_WRITABLE, -1, 0),
				 0);
		/* The doorbell alone: the controller does not work yet. */
		peer.pump = serve_alone;
		reset_in_message(i / MESSAGES, at, messages, control);
		peer.pump = pump;
		messages = (uint16_t)(messages + at + 1);
		assert_int_equal(peer_unmap(&peer, BASE, MEMORY, 0), 0);
		map_memory();
		driver_begins();
		make_queue();
		put(1, IO_READ, BASE + DATA, 1, 0, 0);
		assert_int_equal(completed(1), 0);
		assert_int_equal(peer_ask(&peer, WIRE_RESET, NULL, 0), 0);
		driver_begins();
		make_queue();
	}
	/* It is no fault. */
	assert_int_equal(said, 0);
}

/* On a slow host it takes longer to be woken, so it is looked for longer; alone, not at all. */
static void patience(void **state)
{
	static const struct {
		uint64_t call_ns, patience;
	} rows[] = {{1, 100000}, {5000, 500000}, {1000000000, 2000000}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lend_server_device device = {.size = sizeof(device)};
		struct nvme_serve other = {.image = {.call_ns = rows[i].call_ns}};

		assert_int_equal(nvme_serve_open(&other, 1, &device), 0);
		assert_int_equal(other.patience, sysconf(_SC_NPROCESSORS_ONLN) < 2 ? 0 : rows[i].patience);
		nvme_serve_close(&other);
	}
	assert_in_range(serve.image.call_ns, 1, 1000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(disk, start, end),
		cmocka_unit_test_setup_teardown(memory_moves, start, end),
		cmocka_unit_test_setup_teardown(memory_goes, start, end),
		cmocka_unit_test_setup_teardown(client_resets, start, end),
		cmocka_unit_test_setup_teardown(resets_in_messages, start, end),
		cmocka_unit_test_setup_teardown(patience, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

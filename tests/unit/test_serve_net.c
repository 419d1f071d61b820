/* SPDX-License-Identifier: MIT */
/* The network card, between a plain driver and a socket that carries frames as a tap does. */
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/server_double.h"
#include "tests/unit/virtio_guest.h"
#include "tool/serve/net/net.h"

enum {
	RINGS = GUEST_BASE,
	RING_STEP = 0x4000,
	TX_BUFFERS = GUEST_BASE + 0x40000,
	RX_BUFFERS = GUEST_BASE + 0x80000,
	CONTROL = GUEST_BASE + 0x38000,
	SIZE = 64,
	HEADER = 12,
};

static const uint8_t mac[6] = {2, 0, 0, 1, 2, 3};
static const uint64_t plain = NET_BIT(VIRTIO_F_VERSION_1),
		      merging = NET_BIT(VIRTIO_F_VERSION_1) | NET_BIT(VIRTIO_NET_F_MRG_RXBUF);

static struct net net;
static struct net_backend tap, *backend;
static struct lend_server_device described;
static struct driver queues[NET_QUEUES];
static int peers[NET_PAIRS]; /* the other ends of the backend's descriptors */
static unsigned lines, used_pairs;
static uint64_t offloaded;
static int refuses; /* what the backend answers to a change */

LEND_PRINTF(1, 2) static void say(const char *format, ...)
{
	(void)format;
	lines++;
}

static int note_use(struct net_backend *it, unsigned pairs)
{
	(void)it;
	if (!refuses)
		used_pairs = pairs;
	return refuses;
}

static int note_offload(struct net_backend *it, uint64_t features)
{
	(void)it;
	if (!refuses)
		offloaded = features;
	return refuses;
}

static void begin_on(struct net_backend *on)
{
	backend = on;
	assert_int_equal(net_start(&net, backend, mac, say, &described), 0);
	net.device.server = (struct lend_server *)&server;
	guest_meets(&described);
}

static void clear(void)
{
	memset(&server, 0, sizeof(server));
	memset(guest, 0, sizeof(guest));
	server.irq_mode = LEND_IRQ_MSIX;
	lines = used_pairs = 0;
	offloaded = 0;
	refuses = 0;
}

static void make_tap(unsigned pairs, bool header)
{
	int fds[NET_PAIRS];

	for (unsigned pair = 0; pair < pairs; pair++) {
		int ends[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
		fds[pair] = ends[0];
		peers[pair] = ends[1];
	}
	net_tap_fill(&tap, fds, pairs, header);
	tap.use = note_use;
	tap.offload = note_offload;
	snprintf(tap.name, sizeof(tap.name), "tap double");
}

static int begin(void **state)
{
	(void)state;
	clear();
	make_tap(2, true);
	begin_on(&tap);
	return 0;
}

static int begin_bare(void **state)
{
	(void)state;
	clear();
	make_tap(1, false);
	begin_on(&tap);
	return 0;
}

static int begin_user(void **state)
{
	int ends[2];

	(void)state;
	clear();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	peers[0] = ends[1];
	begin_on(net_user_take(ends[0]));
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (unsigned pair = 0; pair < backend->pairs; pair++)
		if (peers[pair] >= 0)
			close(peers[pair]);
	net_end(&net);
	backend->end(backend);
	return 0;
}

/* The device works, with all queues that the driver knows. */
static void bring_up(uint64_t features)
{
	unsigned count = features & NET_BIT(VIRTIO_NET_F_MQ) ? 5 : 3;

	assert_true(guest_negotiates(features));
	for (unsigned queue = 0; queue < count; queue++)
		guest_enables(queue, &queues[queue], RINGS + queue * RING_STEP, SIZE, features);
	common_write(VIRTIO_PCI_COMMON_MSIX, 2, 0);
	guest_is_ready();
	net_work(&net);
}

static void add_receive_buffer(unsigned queue, unsigned index, uint32_t length)
{
	struct driver_buffer buffer = {RX_BUFFERS + index * 0x2000u, length, true};

	driver_add(&queues[queue], &buffer, 1, 1, 0);
}

static void send_to_guest(unsigned pair, uint8_t mark, unsigned length)
{
	static uint8_t frame[HEADER + 0x10000];

	memset(frame, mark, sizeof(frame));
	assert_int_equal(send(peers[pair], frame, length, 0), length);
}

/* The driver sends a frame of `length` bytes behind its header. */
static void transmit(unsigned queue, uint8_t mark, uint32_t length)
{
	struct driver_buffer buffers[] = {{TX_BUFFERS, HEADER, false}, {TX_BUFFERS + 0x100, length, false}};

	memset(driver_at(TX_BUFFERS), 0, HEADER);
	memset(driver_at(TX_BUFFERS + 0x100), mark, length);
	driver_add(&queues[queue], buffers, 2, 2, 0);
}

static unsigned count_used(unsigned queue)
{
	uint32_t length;
	uint16_t id;
	unsigned count = 0;

	while (driver_used(&queues[queue], &id, &length))
		count++;
	return count;
}

static void frames_leave(void **state)
{
	uint8_t frame[2000];

	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		bring_up(plain | (packed ? NET_BIT(VIRTIO_F_RING_PACKED) : 0));
		transmit(1, 7, 1000);
		net_work(&net);
		assert_int_equal(recv(peers[0], frame, sizeof(frame), 0), -1);
		guest_notifies(1);
		net_work(&net);
		assert_int_equal(recv(peers[0], frame, sizeof(frame), 0), HEADER + 1000);
		assert_int_equal(frame[0], 0);
		assert_int_equal(frame[HEADER + 999], 7);
		assert_int_equal(count_used(1), 1);
		assert_int_equal(server.signals[2], packed + 1);
	}
}

static void frames_arrive(void **state)
{
	const uint64_t kinds[] = {plain, merging, plain | NET_BIT(VIRTIO_F_RING_PACKED),
				  merging | NET_BIT(VIRTIO_F_RING_PACKED)};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t length;
		uint16_t id;

		bring_up(kinds[i]);
		for (unsigned frame = 0; frame < 3; frame++)
			add_receive_buffer(0, frame, 1526);
		guest_notifies(0);
		net_work(&net);
		server.signals[1] = 0;
		for (unsigned frame = 0; frame < 3; frame++)
			send_to_guest(0, (uint8_t)(frame + 1), 200 + frame);
		net_work(&net);
		assert_int_equal(server.signals[1], 1);
		for (unsigned frame = 0; frame < 3; frame++) {
			uint8_t *at = driver_at(RX_BUFFERS + frame * 0x2000);

			assert_true(driver_used(&queues[0], &id, &length));
			assert_int_equal(length, 200 + frame);
			assert_int_equal(at[9], frame + 1);
			assert_int_equal(at[10] | at[11] << 8, 1);
			assert_int_equal(at[length - 1], frame + 1);
			assert_int_equal(at[length], 0);
		}
		memset(driver_at(RX_BUFFERS), 0, 0x10000);
	}
}

/* A frame that needs several buffers; the buffers that it leaves serve the next one. */
static void frames_are_spread(void **state)
{
	(void)state;
	for (unsigned packed = 0; packed < 2; packed++) {
		unsigned next = 0;

		bring_up(merging | (packed ? NET_BIT(VIRTIO_F_RING_PACKED) : 0));
		for (unsigned round = 0; round < 40; round++) {
			unsigned total = 100 + round * 117, buffers = (total + 499) / 500;
			uint32_t length;
			uint16_t id;

			while (queues[0].free)
				add_receive_buffer(0, next++ % 64, 500);
			guest_notifies(0);
			send_to_guest(0, (uint8_t)(round + 1), total);
			net_work(&net);
			for (unsigned i = 0; i < buffers; i++) {
				assert_true(driver_used(&queues[0], &id, &length));
				assert_int_equal(length, i + 1 < buffers ? 500 : total - 500 * (buffers - 1));
				if (!i) {
					unsigned index = (next - SIZE) % 64;

					assert_int_equal(driver_get16(RX_BUFFERS + index * 0x2000 + 10),
							 buffers);
				}
			}
			assert_false(driver_used(&queues[0], &id, &length));
			/* The others are not taken again: chains go on in their order. */
			next = (unsigned)queues[0].added;
		}
	}
}

/* The largest frame that a tap gives, into buffers of a page. */
static void a_frame_of_64_kib(void **state)
{
	unsigned count = 0;
	uint32_t length, total = 0;
	uint16_t id;
	int size = 1 << 20;

	(void)state;
	bring_up(merging);
	setsockopt(peers[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (unsigned i = 0; i < 40; i++)
		add_receive_buffer(0, i, 0x1000);
	send_to_guest(0, 9, HEADER + 65535);
	guest_notifies(0);
	net_work(&net);
	while (driver_used(&queues[0], &id, &length)) {
		total += length;
		count++;
	}
	assert_int_equal(total, HEADER + 65535);
	assert_int_equal(count, 17);
	/* One that does not fit is lost, whole, and the next one arrives. */
	while (queues[0].free)
		add_receive_buffer(0, queues[0].added % 60, 0x100);
	for (unsigned i = 0; i < 23; i++) { /* what is left of the large buffers */
		send_to_guest(0, 1, 100);
		net_work(&net);
	}
	assert_int_equal(count_used(0), 23);
	send_to_guest(0, 9, HEADER + 65535);
	send_to_guest(0, 5, 60);
	net_work(&net);
	assert_true(driver_used(&queues[0], &id, &length));
	assert_int_equal(length, 60);
}

static bool fd_is_ready(void)
{
	struct pollfd fd = {.fd = net_fd(&net), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

/* Without buffers nothing is read, and nothing turns in circles; a notification goes on. */
static void no_buffers(void **state)
{
	(void)state;
	bring_up(merging);
	send_to_guest(0, 1, 100);
	for (unsigned i = 0; i < 3; i++)
		net_work(&net);
	assert_false(fd_is_ready());
	assert_true(driver_notifies(&queues[0], 1));
	add_receive_buffer(0, 0, 1526);
	guest_notifies(0);
	assert_true(fd_is_ready());
	net_work(&net);
	assert_int_equal(count_used(0), 1);
	/* While the driver is not there, either. */
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	send_to_guest(0, 1, 100);
	for (unsigned i = 0; i < 3; i++)
		net_work(&net);
	assert_false(fd_is_ready());
}

/* The backend takes no more: the frame stays, and leaves when there is room. */
static void a_full_backend(void **state)
{
	static uint8_t frame[0x10000];
	unsigned sent = 0, received = 0;

	(void)state;
	bring_up(plain);
	while (!net.pair[0].want_out) {
		transmit(1, 1, 60000);
		sent++;
		guest_notifies(1);
		net_work(&net);
		assert_true(sent < 100);
	}
	assert_int_equal(count_used(1), sent - 1);
	assert_false(fd_is_ready());
	while (recv(peers[0], frame, sizeof(frame), 0) > 0)
		received++;
	assert_true(fd_is_ready());
	net_work(&net);
	assert_int_equal(count_used(1), 1);
	assert_int_equal(recv(peers[0], frame, sizeof(frame), 0), HEADER + 60000);
	assert_int_equal(received + 1, sent);
	assert_false(net.pair[0].want_out);
}

static void reset_queue(unsigned queue)
{
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
	common_write(VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
}

/* A queue that is reset alone waits for nothing: the backend stays ready. */
static void queues_that_are_not_there(void **state)
{
	const uint64_t features = merging | NET_BIT(VIRTIO_F_RING_RESET);
	static uint8_t frame[0x10000];

	(void)state;
	bring_up(features);
	add_receive_buffer(0, 0, 1526);
	guest_notifies(0);
	for (unsigned i = 0; i < 100 && !net.pair[0].want_out; i++) {
		transmit(1, 1, 60000);
		guest_notifies(1);
		net_work(&net);
	}
	assert_true(net.pair[0].want_in && net.pair[0].want_out);
	reset_queue(0);
	reset_queue(1);
	send_to_guest(0, 1, 100);
	while (recv(peers[0], frame, sizeof(frame), 0) > 0)
		;
	for (unsigned i = 0; i < 3; i++)
		net_work(&net);
	assert_false(fd_is_ready());
	/* They work again, with the frame that waits. */
	for (unsigned queue = 0; queue < 2; queue++)
		guest_enables(queue, &queues[queue], RINGS + queue * RING_STEP, SIZE, features);
	add_receive_buffer(0, 0, 1526);
	transmit(1, 1, 100);
	net_work(&net);
	assert_int_equal(count_used(0), 1);
	assert_int_equal(count_used(1), 1);
}

/* The client cuts the file behind a receive buffer: its queue is broken, and not the backend. */
static void a_buffer_that_is_gone(void **state)
{
	const size_t page = 4096;
	uint8_t *at = driver_at(RX_BUFFERS);
	const struct driver_buffer buffer = {RX_BUFFERS + (page - (uintptr_t)at % page), 1526, true};

	(void)state;
	bring_up(merging);
	driver_add(&queues[0], &buffer, 1, 1, 0);
	guest_notifies(0);
	net_work(&net);
	at = driver_at(buffer.address);
	assert_int_equal(mprotect(at, page, PROT_NONE), 0);
	send_to_guest(0, 1, 100);
	net_work(&net);
	assert_int_equal(mprotect(at, page, PROT_READ | PROT_WRITE), 0);
	assert_false(net.gone);
	assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET,
			 VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_false(fd_is_ready());
	/* The next driver has its network. */
	bring_up(merging);
	add_receive_buffer(0, 0, 1526);
	guest_notifies(0);
	send_to_guest(0, 1, 100);
	net_work(&net);
	assert_int_equal(count_used(0), 1);
}

/* The client has the doorbells, too: it fills one, and takes O_NONBLOCK away. */
static void doorbells_that_block(void **state)
{
	const int bell = described.regions[0].doorbells[1].fd;
	uint64_t most = UINT64_MAX - 1, count;

	(void)state;
	alarm(60);
	bring_up(plain);
	assert_int_equal(fcntl(bell, F_SETFL, 0), 0);
	assert_int_equal(write(bell, &most, sizeof(most)), sizeof(most));
	transmit(1, 1, 100);
	guest_notifies(1);
	for (unsigned i = 0; i < 3; i++)
		net_work(&net);
	assert_int_equal(count_used(1), 1);
	assert_false(fd_is_ready());
	/* It empties the bell before it is looked at. */
	assert_int_equal(read(bell, &count, sizeof(count)), sizeof(count));
	for (unsigned i = 0; i < 3; i++) {
		transmit(1, 1, 100);
		assert_int_equal(eventfd_write(bell, 1), 0);
		assert_true(fd_is_ready());
		net_work(&net);
		assert_int_equal(count_used(1), 1);
		assert_false(fd_is_ready());
	}
	alarm(0);
}

/* One queue has no more than its turn: the other gets its own between. */
static void a_turn_is_bounded(void **state)
{
	const unsigned turns = 4;
	uint8_t byte[64];
	unsigned frames = 0;

	(void)state;
	bring_up(merging);
	for (unsigned i = 0; i < turns; i++)
		add_receive_buffer(0, i, 1526);
	guest_notifies(0);
	net_work(&net);
	for (unsigned turn = 0; turn < turns; turn++) {
		while (queues[1].free >= 2)
			transmit(1, 1, 20);
		send_to_guest(0, 1, 100);
		guest_notifies(1);
		net_work(&net);
		while (recv(peers[0], byte, sizeof(byte), 0) > 0)
			frames++;
		assert_true(frames <= (turn + 1) * NET_TURN);
		count_used(1);
		assert_int_equal(count_used(0), 1);
	}
}

static void memory_by_messages(void **state)
{
	uint8_t frame[2000];
	uint32_t length;
	uint16_t id;

	(void)state;
	bring_up(merging);
	server.remote_from = TX_BUFFERS;
	server.remote_to = GUEST_BASE + GUEST_SIZE;
	transmit(1, 3, 1500);
	add_receive_buffer(0, 0, 300);
	add_receive_buffer(0, 1, 300);
	guest_notifies(0);
	guest_notifies(1);
	send_to_guest(0, 4, 500);
	net_work(&net);
	assert_int_equal(recv(peers[0], frame, sizeof(frame), 0), HEADER + 1500);
	assert_int_equal(frame[HEADER + 1499], 3);
	assert_true(driver_used(&queues[0], &id, &length));
	assert_int_equal(driver_get16(RX_BUFFERS + 10), 2);
	assert_int_equal(((uint8_t *)driver_at(RX_BUFFERS + 0x2000))[199], 4);
	assert_int_equal(((uint8_t *)driver_at(RX_BUFFERS + 0x2000))[200], 0);
}

static unsigned wait_before; /* accesses */
static void (*reset_then)(void);

static void count_down(void)
{
	if (wait_before--)
		server.meanwhile = count_down;
	else
		reset_then();
}

static void reset_meanwhile(void)
{
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	/* It is not done yet, and says so. */
	assert_int_not_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), 0);
	server.copies = 0;
}

static void reset_queues_meanwhile(void)
{
	for (unsigned queue = 0; queue < 3; queue++) {
		common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
		common_write(VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_RESET, 2), 1);
	}
	server.copies = 0;
}

/* A reset while a queue waits for memory: whichever access it is, nothing follows it. */
static void resets_while_memory_is_waited_for(void **state)
{
	void (*const resets[])(void) = {reset_meanwhile, reset_queues_meanwhile};

	(void)state;
	for (unsigned i = 0; i < 4 * 60; i++) {
		const uint64_t features = merging | NET_BIT(VIRTIO_NET_F_CTRL_VQ) |
					  NET_BIT(VIRTIO_F_RING_RESET) |
					  (i & 2 ? NET_BIT(VIRTIO_F_RING_PACKED) : 0);
		unsigned before = i / 4;
		uint8_t frame[2000];

		bring_up(features);
		server.remote_from = GUEST_BASE;
		server.remote_to = GUEST_BASE + GUEST_SIZE;
		described.ops->unmap(&net.device, GUEST_BASE, GUEST_SIZE);
		transmit(1, 3, 1500);
		add_receive_buffer(0, 0, 300);
		add_receive_buffer(0, 1, 300);
		send_to_guest(0, 4, 500);
		wait_before = before;
		reset_then = resets[i & 1];
		server.meanwhile = count_down;
		for (unsigned queue = 0; queue < 3; queue++)
			guest_notifies(queue);
		net_work(&net);
		if (server.meanwhile) { /* there were fewer accesses */
			server.meanwhile = NULL;
		} else {
			assert_int_equal(server.copies, 0);
			assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1), i & 1 ? 15 : 0);
			assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_RESET, 2), 0);
			assert_int_equal(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
		}
		server.remote_to = 0;
		while (recv(peers[0], frame, sizeof(frame), 0) > 0)
			;
	}
	assert_int_equal(lines, 0);
	bring_up(merging);
	transmit(1, 3, 100);
	guest_notifies(1);
	net_work(&net);
	assert_int_equal(count_used(1), 1);
}

/* Memory goes while receive buffers wait in it: they are looked up anew. */
static void memory_that_changes(void **state)
{
	(void)state;
	bring_up(merging);
	for (unsigned i = 0; i < 10; i++)
		add_receive_buffer(0, i, 1526);
	guest_notifies(0);
	net_work(&net);
	assert_int_equal(net.pair[0].window.count, 10);
	described.ops->unmap(&net.device, GUEST_BASE, GUEST_SIZE);
	assert_int_equal(net.pair[0].window.count, 0);
	server.remote_from = RX_BUFFERS;
	server.remote_to = RX_BUFFERS + 0x100000;
	send_to_guest(0, 1, 100);
	server.copies = 0;
	net_work(&net);
	assert_int_equal(count_used(0), 1);
	assert_int_equal(server.copies, 1);
}

/* A backend without a header: the card makes it, and takes it away. */
static void without_a_header(void **state)
{
	uint8_t frame[2000];
	uint32_t length;
	uint16_t id;

	(void)state;
	assert_false(guest_offered() &
		     (NET_BIT(VIRTIO_NET_F_CSUM) | NET_BIT(VIRTIO_NET_F_GUEST_TSO4) |
		      NET_BIT(VIRTIO_NET_F_MQ) | NET_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS)));
	bring_up(merging);
	transmit(1, 3, 100);
	memset(driver_at(RX_BUFFERS), 0xff, 300);
	for (unsigned i = 0; i < 2; i++)
		add_receive_buffer(0, i, 300);
	guest_notifies(0);
	guest_notifies(1);
	send_to_guest(0, 4, 400);
	net_work(&net);
	assert_int_equal(recv(peers[0], frame, sizeof(frame), 0), 100);
	assert_int_equal(frame[0], 3);
	assert_true(driver_used(&queues[0], &id, &length));
	assert_memory_equal(driver_at(RX_BUFFERS), "\0\0\0\0\0\0\0\0\0\0\2\0\4", 13);
	assert_true(driver_used(&queues[0], &id, &length));
	assert_int_equal(length, HEADER + 400 - 300);
	/* By messages, too. */
	server.remote_from = RX_BUFFERS;
	server.remote_to = RX_BUFFERS + 0x100000;
	add_receive_buffer(0, 0, 600);
	send_to_guest(0, 5, 400);
	guest_notifies(0);
	net_work(&net);
	assert_true(driver_used(&queues[0], &id, &length));
	assert_int_equal(length, HEADER + 400);
	assert_memory_equal(driver_at(RX_BUFFERS), "\0\0\0\0\0\0\0\0\0\0\1\0\5", 13);
}

/* Frames on a stream, however it is cut. */
static void frames_on_a_stream(void **state)
{
	const uint8_t stream[] = {0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 0, 0, 0, 0, 2, 'd', 'e'};
	uint32_t length;
	uint16_t id;

	(void)state;
	bring_up(merging);
	assert_int_equal(guest_read(guest_config + offsetof(struct virtio_net_config, mtu), 2), 65520);
	for (unsigned i = 0; i < 4; i++)
		add_receive_buffer(0, i, 300);
	guest_notifies(0);
	net_work(&net);
	for (unsigned i = 0; i < sizeof(stream); i++) {
		assert_int_equal(write(peers[0], stream + i, 1), 1);
		net_work(&net);
	}
	assert_int_equal(write(peers[0], stream, sizeof(stream)), sizeof(stream));
	net_work(&net);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(driver_used(&queues[0], &id, &length));
		assert_int_equal(length, HEADER + (i % 2 ? 2 : 3));
		assert_memory_equal((uint8_t *)driver_at(RX_BUFFERS + i * 0x2000) + HEADER,
				    i % 2 ? "de" : "abc", i % 2 ? 2 : 3);
	}
}

/* A stream that takes a part of a frame gets the rest before the next one. */
static void a_stream_that_is_full(void **state)
{
	static uint8_t bytes[1 << 20];
	size_t got = 0, at = 0;
	unsigned sent = 0, frames = 0;

	(void)state;
	bring_up(plain);
	for (; sent < 30; sent++) {
		ssize_t more;

		transmit(1, (uint8_t)(sent + 1), 30000 + sent);
		guest_notifies(1);
		net_work(&net);
		if (sent % 8 == 7) { /* the peer reads, some of it */
			more = read(peers[0], bytes + got, 50001);
			got += more > 0 ? (size_t)more : 0;
			for (unsigned i = 0; i < 10; i++)
				net_work(&net);
		}
		/* The buffers are one for all frames: each is used before the next is made. */
		while (!count_used(1)) {
			more = read(peers[0], bytes + got, 70000);
			assert_true(more > 0);
			got += (size_t)more;
			net_work(&net);
		}
	}
	for (unsigned i = 0; i < 100; i++) {
		ssize_t more = read(peers[0], bytes + got, sizeof(bytes) - got);

		got += more > 0 ? (size_t)more : 0;
		net_work(&net);
	}
	while (at < got) {
		size_t length = (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 | bytes[at + 3];

		assert_int_equal(length, 30000 + frames);
		assert_int_equal(bytes[at + 4], frames + 1);
		assert_int_equal(bytes[at + 3 + length], frames + 1);
		at += 4 + length;
		frames++;
	}
	assert_int_equal(frames, 30);
}

/* The backend ends: the link is down, once, and frames of the guest are lost. */
static void the_backend_ends(void **state)
{
	const unsigned status = offsetof(struct virtio_net_config, status);

	(void)state;
	bring_up(merging);
	add_receive_buffer(0, 0, 1526);
	guest_notifies(0);
	net_work(&net);
	assert_int_equal(guest_read(guest_config + status, 2), 1);
	close(peers[0]);
	peers[0] = -1;
	for (unsigned i = 0; i < 3; i++)
		net_work(&net);
	assert_int_equal(guest_read(guest_config + status, 2), 0);
	assert_int_equal(server.signals[0], 1);
	assert_int_equal(lines, 1);
	transmit(1, 1, 100);
	guest_notifies(1);
	net_work(&net);
	assert_int_equal(count_used(1), 1);
	bring_up(merging);
	net_work(&net);
	assert_false(fd_is_ready());
	assert_int_equal(guest_read(guest_config + status, 2), 0);
}

/* A frame that says it is longer than any. */
static void a_stream_that_lies(void **state)
{
	(void)state;
	bring_up(merging);
	add_receive_buffer(0, 0, 1526);
	guest_notifies(0);
	assert_int_equal(write(peers[0], "\xff\xff\xff\xff....", 8), 8);
	net_work(&net);
	assert_int_equal(lines, 1);
	assert_true(net.gone);
}

static uint8_t command(uint8_t class, uint8_t number, const void *data, uint32_t length, unsigned queue)
{
	const struct driver_buffer buffers[] = {
		{CONTROL, 2, false}, {CONTROL + 16, length, false}, {CONTROL + 64, 1, true}};
	uint8_t *at = driver_at(CONTROL);

	at[0] = class;
	at[1] = number;
	memcpy(at + 16, data, length);
	at[64] = 0xaa;
	driver_add(&queues[queue], buffers, 3, 3, 0);
	guest_notifies(queue);
	net_work(&net);
	net_work(&net);
	assert_int_equal(count_used(queue), 1);
	return at[64];
}

static void commands(void **state)
{
	const uint64_t features = merging | NET_BIT(VIRTIO_NET_F_CTRL_VQ) | NET_BIT(VIRTIO_NET_F_CTRL_RX) |
				  NET_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | NET_BIT(VIRTIO_NET_F_MQ) |
				  NET_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |
				  NET_BIT(VIRTIO_NET_F_GUEST_CSUM) | NET_BIT(VIRTIO_NET_F_GUEST_TSO4);
	uint64_t offloads = NET_BIT(VIRTIO_NET_F_GUEST_CSUM);

	(void)state;
	bring_up(features);
	assert_int_equal(used_pairs, 1);
	assert_int_equal(offloaded, features);
	assert_int_equal(command(0, 0, "\1", 1, 4), 0);
	assert_int_equal(command(0, 6, "\1", 1, 4), 1);
	assert_int_equal(command(1, 0, "\0\0\0\0\0\0\0\0", 8, 4), 0);
	assert_int_equal(command(1, 1, "\2abcde", 6, 4), 0);
	assert_int_equal(guest_read(guest_config, 4), 'c' << 24 | 'b' << 16 | 'a' << 8 | 2);
	assert_int_equal(command(1, 1, "\2abcd", 5, 4), 1);
	assert_int_equal(command(4, 0, "\2\0", 2, 4), 0);
	assert_int_equal(used_pairs, 2);
	assert_int_equal(command(4, 0, "\1\0\7", 3, 4), 0);
	assert_int_equal(used_pairs, 1);
	assert_int_equal(command(4, 0, "\3\0", 2, 4), 1);
	assert_int_equal(command(4, 0, "\0\0", 2, 4), 1);
	assert_int_equal(command(5, 0, &offloads, 8, 4), 0);
	assert_int_equal(offloaded, offloads);
	offloads = NET_BIT(VIRTIO_NET_F_GUEST_TSO4); /* needs checksums */
	assert_int_equal(command(5, 0, &offloads, 8, 4), 1);
	offloads = NET_BIT(VIRTIO_NET_F_GUEST_UFO); /* was not negotiated */
	assert_int_equal(command(5, 0, &offloads, 8, 4), 1);
	assert_int_equal(command(9, 0, "", 0, 4), 1);
	assert_int_equal(offloaded, NET_BIT(VIRTIO_NET_F_GUEST_CSUM));
	/* What the backend refuses, the driver hears of; a new driver begins with one pair all the same. */
	refuses = -EINVAL;
	offloads = NET_BIT(VIRTIO_NET_F_GUEST_CSUM);
	assert_int_equal(command(4, 0, "\2\0", 2, 4), 1);
	assert_int_equal(net.pairs, 1);
	assert_int_equal(command(5, 0, &offloads, 8, 4), 1);
	refuses = 0;
	assert_int_equal(command(4, 0, "\2\0", 2, 4), 0);
	refuses = -EINVAL;
	bring_up(features);
	assert_int_equal(net.pairs, 1);
	refuses = 0;
	/* A reset gives the address back; without two pairs control is another queue. */
	bring_up(merging | NET_BIT(VIRTIO_NET_F_CTRL_VQ));
	assert_int_equal(guest_read(guest_config, 1), 2);
	assert_int_equal(guest_read(guest_config + 1, 1), 0);
	assert_int_equal(used_pairs, 1);
	assert_int_equal(command(4, 0, "\2\0", 2, 2), 1);
}

static void two_pairs(void **state)
{
	uint8_t frame[200];

	(void)state;
	bring_up(merging | NET_BIT(VIRTIO_NET_F_CTRL_VQ) | NET_BIT(VIRTIO_NET_F_MQ));
	add_receive_buffer(2, 1, 1526);
	transmit(3, 6, 100);
	guest_notifies(2);
	guest_notifies(3);
	send_to_guest(1, 1, 80);
	net_work(&net);
	assert_int_equal(count_used(2) + count_used(3), 0);
	assert_int_equal(command(4, 0, "\2\0", 2, 4), 0);
	net_work(&net);
	assert_int_equal(count_used(2), 1);
	assert_int_equal(count_used(3), 1);
	assert_int_equal(recv(peers[1], frame, sizeof(frame), 0), HEADER + 100);
	assert_int_equal(server.signals[3], 1);
	assert_int_equal(server.signals[4], 1);
	/* Back to one: buffers of the other are not touched any more. */
	add_receive_buffer(2, 1, 1526);
	guest_notifies(2);
	net_work(&net);
	assert_int_equal(command(4, 0, "\1\0", 2, 4), 0);
	send_to_guest(1, 1, 80);
	net_work(&net);
	assert_int_equal(count_used(2), 0);
	assert_false(fd_is_ready());
}

static void features_that_need_others(void **state)
{
	const struct {
		unsigned feature, need;
	} rows[] = {
		{VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM},
		{VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM},
		{VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM},
		{VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM},
		{VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_VQ},
		{VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ},
		{VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ},
	};

	(void)state;
	assert_int_equal(described.config->vendor, 0x1af4);
	assert_int_equal(described.config->device, 0x1041);
	assert_int_equal(described.config->class_code, 0x020000);
	assert_true(guest_negotiates(guest_offered()));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(guest_negotiates(plain | NET_BIT(rows[i].feature)));
		assert_true(guest_negotiates(plain | NET_BIT(rows[i].feature) | NET_BIT(rows[i].need)));
	}
}

/* Frames that cannot be are lost, and the queue goes on; buffers that cannot be break it. */
static void what_a_driver_does_wrong(void **state)
{
	struct driver_buffer tiny = {TX_BUFFERS, 5, false}, giant = {TX_BUFFERS, 0x20000, false},
			     readable = {RX_BUFFERS, 2000, false}, small = {RX_BUFFERS, 8, true};
	uint8_t byte;

	(void)state;
	bring_up(merging);
	driver_add(&queues[1], &tiny, 1, 1, 0);
	driver_add(&queues[1], &giant, 1, 1, 0);
	driver_add(&queues[1], &small, 1, 1, 0);
	guest_notifies(1);
	net_work(&net);
	assert_int_equal(count_used(1), 3);
	assert_int_equal(recv(peers[0], &byte, 1, 0), -1);
	for (unsigned i = 0; i < 2; i++) {
		bring_up(merging);
		driver_add(&queues[0], i ? &readable : &small, 1, 1, 0);
		guest_notifies(0);
		net_work(&net);
		assert_int_equal(common_read(VIRTIO_PCI_COMMON_STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET,
				 VIRTIO_CONFIG_S_NEEDS_RESET);
		send_to_guest(0, 1, 100);
		transmit(1, 1, 100);
		guest_notifies(1);
		for (unsigned turn = 0; turn < 3; turn++)
			net_work(&net);
		assert_false(fd_is_ready());
		assert_int_equal(count_used(1), 0);
	}
	assert_int_equal(lines, 1);
	bring_up(merging);
	transmit(1, 1, 100);
	guest_notifies(1);
	net_work(&net);
	assert_int_equal(count_used(1), 1);
}

/* Random bytes in the rings while frames come and go. The sanitizers watch. */
static void mutations(void **state)
{
	const uint64_t all = guest_offered();
	static uint8_t frame[0x10000];

	(void)state;
	srand(78);
	for (unsigned round = 0; round < 4000; round++) {
		uint64_t features = all;

		if (round % 2)
			features &= ~NET_BIT(VIRTIO_F_RING_PACKED);
		if (round % 3)
			features &= ~NET_BIT(VIRTIO_NET_F_MRG_RXBUF);
		server.border = round % 5 ? 0 : 512;
		server.remote_to = round % 7 ? 0 : GUEST_BASE + GUEST_SIZE;
		bring_up(features);
		for (unsigned i = 0; i < 6; i++) {
			add_receive_buffer(0, i, 700);
			transmit(1, 1, 200 + i);
		}
		for (unsigned i = 0; i < 8; i++) {
			for (unsigned j = 0; j < 3; j++)
				*(uint8_t *)driver_at(RINGS + (unsigned)rand() % 3 * RING_STEP +
						      (rand() % 2 ? (unsigned)rand() % 128
								  : SIZE * 16 + (unsigned)rand() % 32)) =
					(uint8_t)rand();
			guest_notifies((unsigned)rand() % 5);
			if (send(peers[0], frame, 12 + (unsigned)rand() % 3000, 0) < 0)
				assert_int_equal(errno, EAGAIN);
			net_work(&net);
			if (rand() % 8 == 0)
				described.ops->unmap(&net.device, GUEST_BASE, GUEST_SIZE);
			while (recv(peers[0], frame, sizeof(frame), 0) > 0)
				;
		}
	}
}

#define CASE(name, setup) cmocka_unit_test_setup_teardown(name, setup, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(frames_leave, begin),
		CASE(frames_arrive, begin),
		CASE(frames_are_spread, begin),
		CASE(a_frame_of_64_kib, begin),
		CASE(no_buffers, begin),
		CASE(a_full_backend, begin),
		CASE(queues_that_are_not_there, begin),
		CASE(a_buffer_that_is_gone, begin),
		CASE(doorbells_that_block, begin),
		CASE(a_turn_is_bounded, begin),
		CASE(memory_by_messages, begin),
		CASE(resets_while_memory_is_waited_for, begin),
		CASE(memory_that_changes, begin),
		CASE(without_a_header, begin_bare),
		CASE(frames_on_a_stream, begin_user),
		CASE(a_stream_that_is_full, begin_user),
		CASE(the_backend_ends, begin),
		CASE(the_backend_ends, begin_user),
		CASE(a_stream_that_lies, begin_user),
		CASE(commands, begin),
		CASE(two_pairs, begin),
		CASE(features_that_need_others, begin),
		CASE(what_a_driver_does_wrong, begin),
		CASE(mutations, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

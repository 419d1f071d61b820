/* SPDX-License-Identifier: MIT */
/*
 * The network card, between a plain driver and a socket that carries frames as a tap does,
 * or one that carries them as passt does.
 */
#ifndef TESTS_UNIT_NET_STAGE_H
#define TESTS_UNIT_NET_STAGE_H

#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
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

LEND_PRINTF(1, 2) static inline void say(const char *format, ...)
{
	(void)format;
	lines++;
}

static inline int note_use(struct net_backend *it, unsigned pairs)
{
	(void)it;
	if (!refuses)
		used_pairs = pairs;
	return refuses;
}

static inline int note_offload(struct net_backend *it, uint64_t features)
{
	(void)it;
	if (!refuses)
		offloaded = features;
	return refuses;
}

static inline void begin_on(struct net_backend *on)
{
	backend = on;
	assert_int_equal(net_start(&net, backend, mac, say, &described), 0);
	net.device.server = (struct lend_server *)&server;
	guest_meets(&described);
}

static inline void clear(void)
{
	memset(&server, 0, sizeof(server));
	memset(guest, 0, sizeof(guest));
	server.irq_mode = LEND_IRQ_MSIX;
	lines = used_pairs = 0;
	offloaded = 0;
	refuses = 0;
}

static inline void make_tap(unsigned pairs, bool header)
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

static inline int begin(void **state)
{
	(void)state;
	clear();
	make_tap(2, true);
	begin_on(&tap);
	return 0;
}

static inline int begin_bare(void **state)
{
	(void)state;
	clear();
	make_tap(1, false);
	begin_on(&tap);
	return 0;
}

static inline int begin_user(void **state)
{
	int ends[2];

	(void)state;
	clear();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	peers[0] = ends[1];
	begin_on(net_user_take(ends[0]));
	return 0;
}

static inline int end(void **state)
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
static inline void bring_up(uint64_t features)
{
	unsigned count = features & NET_BIT(VIRTIO_NET_F_MQ) ? 5 : 3;

	assert_true(guest_negotiates(features));
	for (unsigned queue = 0; queue < count; queue++)
		guest_enables(queue, &queues[queue], RINGS + queue * RING_STEP, SIZE, features);
	common_write(VIRTIO_PCI_COMMON_MSIX, 2, 0);
	guest_is_ready();
	net_work(&net);
}

static inline void add_receive_buffer(unsigned queue, unsigned index, uint32_t length)
{
	struct driver_buffer buffer = {RX_BUFFERS + index * 0x2000u, length, true};

	driver_add(&queues[queue], &buffer, 1, 1, 0);
}

static inline void send_to_guest(unsigned pair, uint8_t mark, unsigned length)
{
	static uint8_t frame[HEADER + 0x10000];

	memset(frame, mark, sizeof(frame));
	assert_int_equal(send(peers[pair], frame, length, 0), length);
}

/* The driver sends a frame of `length` bytes behind its header. */
static inline void transmit(unsigned queue, uint8_t mark, uint32_t length)
{
	struct driver_buffer buffers[] = {{TX_BUFFERS, HEADER, false}, {TX_BUFFERS + 0x100, length, false}};

	memset(driver_at(TX_BUFFERS), 0, HEADER);
	memset(driver_at(TX_BUFFERS + 0x100), mark, length);
	driver_add(&queues[queue], buffers, 2, 2, 0);
}

static inline unsigned count_used(unsigned queue)
{
	uint32_t length;
	uint16_t id;
	unsigned count = 0;

	while (driver_used(&queues[queue], &id, &length))
		count++;
	return count;
}

static inline bool fd_is_ready(void)
{
	struct pollfd fd = {.fd = net_fd(&net), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

static inline uint8_t command(uint8_t class, uint8_t number, const void *data, uint32_t length,
			      unsigned queue)
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

#define CASE(name, setup) cmocka_unit_test_setup_teardown(name, setup, end)

#endif

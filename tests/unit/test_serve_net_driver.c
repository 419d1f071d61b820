/* SPDX-License-Identifier: MIT */
/* What a driver of the network card negotiates, asks for, and does wrong. */
#include <stdlib.h>

#include "tests/unit/net_stage.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(commands, begin),
		CASE(features_that_need_others, begin),
		CASE(what_a_driver_does_wrong, begin),
		CASE(mutations, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

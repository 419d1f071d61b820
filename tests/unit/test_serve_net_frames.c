/* SPDX-License-Identifier: MIT */
/* Frames of the network card, in both directions. */
#include "tests/unit/net_stage.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(frames_leave, begin),          CASE(frames_arrive, begin),
		CASE(frames_are_spread, begin),     CASE(a_frame_of_64_kib, begin),
		CASE(without_a_header, begin_bare), CASE(two_pairs, begin),
		CASE(a_turn_is_bounded, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

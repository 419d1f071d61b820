/* SPDX-License-Identifier: MIT */
/* Frames on the stream of passt. */
#include "tests/unit/net_stage.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(frames_on_a_stream, begin_user),
		CASE(a_stream_that_is_full, begin_user),
		CASE(a_stream_that_lies, begin_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What the network card waits for, and what it must not wait for. */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "tests/unit/net_stage.h"

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

/* The client has the doorbells, too: it fills one, and takes O_NONBLOCK away. */
static void doorbells_that_block(void **state)
{
	const int bell = described.regions[0].doorbells[1].fd;
	uint64_t most = UINT64_MAX - 1, count;

	(void)state;
	alarm(300);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_buffers, begin),
		CASE(a_full_backend, begin),
		CASE(queues_that_are_not_there, begin),
		CASE(doorbells_that_block, begin),
		CASE(the_backend_ends, begin),
		CASE(the_backend_ends, begin_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

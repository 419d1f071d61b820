/* SPDX-License-Identifier: MIT */
/* Guest memory that is cut, reached by messages, or changes under the network card. */
#include <sys/mman.h>

#include "tests/unit/net_stage.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_buffer_that_is_gone, begin),
		CASE(memory_by_messages, begin),
		CASE(resets_while_memory_is_waited_for, begin),
		CASE(memory_that_changes, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

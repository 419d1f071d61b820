/* SPDX-License-Identifier: MIT */
/* A network card whose process dies, and the next one that goes on with the guest's driver. */
#include <stdlib.h>

#include "tests/unit/net_stage.h"
#include "tests/unit/step_of_death.h"
#include "tool/serve/virtio/state.h"

enum { FRAMES = 6 };

static struct vstate file;

static void keep(void)
{
	memset(&file, 0, sizeof(file));
	vstate_take(&net.device, &file);
}

/* The next process has the same tap, and its client has given it the right to reach memory. */
static void begin_again(void)
{
	net_end(&net);
	begin_on(backend);
	vstate_take(&net.device, &file);
	described.ops->config_written(&net.device, 4, 2);
}

/* Turns until nothing is to be done. */
static void work(void)
{
	while (fd_is_ready())
		net_work(&net);
}

static void what_commands_set(void **state)
{
	const uint64_t features = merging | NET_BIT(VIRTIO_NET_F_MQ) | NET_BIT(VIRTIO_NET_F_CTRL_VQ) |
				  NET_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |
				  NET_BIT(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |
				  NET_BIT(VIRTIO_NET_F_GUEST_CSUM) | NET_BIT(VIRTIO_NET_F_GUEST_TSO4);
	static const uint8_t other[6] = {2, 9, 8, 7, 6, 5};
	const uint64_t csum = NET_BIT(VIRTIO_NET_F_GUEST_CSUM);
	const uint16_t two = 2;

	(void)state;
	keep();
	bring_up(features);
	assert_int_equal(command(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, other, 6, 4), 0);
	assert_int_equal(command(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &two, 2, 4), 0);
	assert_int_equal(
		command(VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, &csum, 8, 4), 0);
	for (unsigned i = 0; i < 2; i++) {
		used_pairs = 0;
		offloaded = 0;
		begin_again();
		assert_int_equal(used_pairs, 2);
		assert_int_equal(offloaded, csum);
		for (unsigned byte = 0; byte < 6; byte++)
			assert_int_equal(guest_read(guest_config + byte, 1), other[byte]);
		work();
		/* Frames of both pairs. */
		for (unsigned pair = 0; pair < 2; pair++) {
			add_receive_buffer(2 * pair, pair, 2000);
			guest_notifies(2 * pair);
			work();
			send_to_guest(pair, 5, 200);
			work();
			assert_int_equal(count_used(2 * pair), 1);
		}
	}
	/* A reset ends all of it. */
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	begin_again();
	bring_up(features);
	assert_int_equal(guest_read(guest_config + 1, 1), mac[1]);
	assert_int_equal(net.pairs, 1);
}

static void what_a_file_says_wrong(void **state)
{
	struct net_kept *kept;

	(void)state;
	keep();
	bring_up(merging);
	kept = (struct net_kept *)(void *)file.copies[file.latest - 1].own;
	kept->pairs = 200;
	kept->offloads = ~UINT64_C(0);
	begin_again();
	assert_int_equal(net.pairs, 1);
	assert_int_equal(offloaded, merging);
}

static unsigned count_frames(void)
{
	static uint8_t frame[4096];
	unsigned count = 0;

	while (recv(peers[0], frame, sizeof(frame), 0) > 0)
		count++;
	return count;
}

/* Frames go both ways. Returns whether the process died in between. */
static bool traffic_until_death(unsigned steps)
{
	die_at(steps);
	if (setjmp(death))
		return true;
	for (unsigned i = 0; i < FRAMES; i++) {
		struct driver_buffer out[] = {{TX_BUFFERS + i * 0x400, HEADER + 100 + i, false}};

		memset(driver_at(out[0].address), 0, HEADER);
		driver_add(&queues[1], out, 1, 1, 0);
		add_receive_buffer(0, i, 700);
	}
	guest_notifies(0);
	guest_notifies(1);
	work();
	for (unsigned i = 0; i < FRAMES / 2; i++)
		send_to_guest(0, 1, 1000); /* in two buffers */
	work();
	return false;
}

/*
 * At each access to guest memory: all that the driver sends is sent, some of it twice (of a
 * packed ring one frame, of a split one what was sent in that turn), and all of its buffers
 * come back.
 */
static void dies_under_traffic(void **state)
{
	const uint64_t sets[] = {
		merging,
		merging | NET_BIT(VIRTIO_RING_F_EVENT_IDX),
		merging | NET_BIT(VIRTIO_F_RING_PACKED),
		merging | NET_BIT(VIRTIO_F_RING_PACKED) | NET_BIT(VIRTIO_RING_F_EVENT_IDX),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		bool died = true;

		for (volatile unsigned steps = 1; died; steps++) {
			unsigned sent;

			keep();
			bring_up(sets[i]);
			died = traffic_until_death(steps);
			die_at(0);
			if (died) {
				begin_again();
				work();
			}
			/* What the driver had not come to before the death. */
			while (queues[1].added < FRAMES)
				transmit(1, 1, 100);
			while (queues[0].added < FRAMES)
				add_receive_buffer(0, queues[0].added, 700);
			guest_notifies(0);
			guest_notifies(1);
			work();
			sent = count_frames();
			assert_in_range(sent, FRAMES, queues[1].packed ? FRAMES + 1 : 2 * FRAMES);
			assert_int_equal(count_used(1), FRAMES);
			for (unsigned rest = 0; rest < FRAMES; rest++)
				send_to_guest(0, 2, 700);
			work();
			assert_int_equal(count_used(0), FRAMES);
			assert_int_equal(lines, 0);
			count_frames();
			common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
			while (count_frames() ||
			       recv(net.backend->fds[0], driver_at(TX_BUFFERS), 4096, 0) > 0)
				;
		}
	}
}

/* Random bytes in the file and in the rings while processes come and go. The sanitizers watch. */
static void mutations(void **state)
{
	const uint64_t features = guest_offered();
	static uint8_t frame[900];

	(void)state;
	srand(79);
	for (unsigned round = 0; round < 2000; round++) {
		keep();
		bring_up(round % 2 ? features : features & ~NET_BIT(VIRTIO_F_RING_PACKED));
		for (unsigned i = 0; i < 4; i++) {
			add_receive_buffer(0, i, 700);
			transmit(1, 1, 200 + i);
		}
		guest_notifies(0);
		guest_notifies(1);
		work();
		for (unsigned again = 0; again < 3; again++) {
			uint8_t *ring = driver_at(RINGS + (unsigned)rand() % 3 * RING_STEP);

			for (unsigned i = 0; i < 3; i++)
				((uint8_t *)&file)[(size_t)rand() % sizeof(file)] = (uint8_t)rand();
			ring[(unsigned)rand() % (SIZE * 16 + 32)] = (uint8_t)rand();
			begin_again();
			transmit(1, 2, 300);
			guest_notifies(1);
			/* What no buffer took is still there. */
			if (send(peers[0], frame, sizeof(frame), 0) < 0)
				assert_int_equal(errno, EAGAIN);
			/* Turns are not without an end, whatever the rings say. */
			for (unsigned i = 0; i < 8; i++)
				net_work(&net);
			count_frames();
		}
	}
}

/* passt is started by the process: one whose successor goes on ends, and any other one goes on without. */
static void passt_ends(void **state)
{
	(void)state;
	for (unsigned kept = 0; kept < 2; kept++) {
		if (kept) {
			end(state);
			begin_user(state);
			keep();
		}
		bring_up(plain);
		add_receive_buffer(0, 0, 2000);
		guest_notifies(0);
		work();
		close(peers[0]);
		peers[0] = -1;
		net_work(&net);
		assert_int_equal(net.ends, kept);
		assert_int_equal(lines, 1);
		assert_int_equal(guest_read(guest_config + 6, 1), kept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_commands_set, begin),  CASE(what_a_file_says_wrong, begin),
		CASE(dies_under_traffic, begin), CASE(mutations, begin),
		CASE(passt_ends, begin_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

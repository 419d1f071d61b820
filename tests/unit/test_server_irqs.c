/* SPDX-License-Identifier: MIT */
/* Interrupts of a server: each form of SET_IRQS, masks, and pending bits. test_server_line.c has the line. */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/server_irqs.h"

static unsigned capability(struct server_stage *stage, uint8_t id)
{
	uint8_t bytes[256];
	unsigned at;

	assert_int_equal(peer_read(&stage->peer, LEND_REGION_CONFIG, 0, bytes, 256), 256);
	for (at = bytes[PCI_CAPABILITY_LIST]; at && bytes[at] != id; at = bytes[at + 1])
		;
	assert_int_not_equal(at, 0);
	return at;
}

static void libvfio_user_b646559_requests_that_make_no_sense(void **state)
{
	static const struct {
		unsigned index;
		uint32_t flags;
		unsigned start, count, fds;
	} rows[] = {
		{2, TRIGGER, 0, 1, 0},
		{2, NONE, 0, 1, 0},
		{2, NONE | BOOL | TRIGGER, 0, 1, 0},
		{2, NONE | TRIGGER | MASK, 0, 1, 0},
		{2, NONE | TRIGGER | 64, 0, 1, 0},
		{5, NONE | TRIGGER, 0, 0, 0},
		{UINT32_MAX, NONE | TRIGGER, 0, 0, 0},
		{2, EVENTFD | TRIGGER, 8, 1, 1},
		{2, EVENTFD | TRIGGER, 7, 2, 2},
		{2, EVENTFD | TRIGGER, 1, UINT32_MAX, 0},
		{2, EVENTFD | TRIGGER, UINT32_MAX, 1, 1},
		{2, EVENTFD | TRIGGER, 0, 4, 3},
		{2, EVENTFD | TRIGGER, 0, 1, 2},
		{2, EVENTFD | TRIGGER, 0, 0, 0},
		{2, EVENTFD | TRIGGER, 0, 0, 1},
		{2, NONE | TRIGGER, 1, 0, 0},
		{2, NONE | TRIGGER, 0, 1, 1},
		{2, NONE | TRIGGER, 0, 0, 1},
		{2, NONE | MASK, 0, 0, 0},
		{2, BOOL | TRIGGER, 0, 2, 0},
		{2, EVENTFD | MASK, 0, 1, 1},
		{3, NONE | MASK, 0, 1, 0},
		{3, EVENTFD | TRIGGER, 0, 2, 2},
		{4, EVENTFD | TRIGGER, 0, 1, 1},
		{0, EVENTFD | TRIGGER, 1, 1, 1},
	};
	struct server_stage *stage = *state;
	struct wire_set_irqs argsz = {19, NONE | TRIGGER, 0, 0, 0};
	unsigned fds;
	int events[4];

	fds = open_events(events, 4);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(set(stage, rows[i].index, rows[i].flags, rows[i].start, rows[i].count,
				     events, rows[i].fds),
				 -EINVAL);
		stage_is_in_step(stage, fds);
	}
	assert_int_equal(peer_ask(&stage->peer, WIRE_SET_IRQS, &argsz, sizeof(argsz)), -EINVAL);
	assert_int_equal(lend_server_irq_mode(stage->server), -1);
	close_all(events, 4);
}

static void vectors_are_set_and_dropped(void **state)
{
	struct server_stage *stage = *state;
	struct __attribute__((packed)) {
		struct wire_set_irqs set;
		uint8_t chosen[4];
	} some = {{24, BOOL | TRIGGER, 2, 0, 4}, {0, 1, 0, 2}};
	unsigned fds;
	int events[9];

	fds = open_events(events, 9);
	/* Switched on, and nobody listens. */
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 0, 1, NULL, 0), 0);
	assert_int_equal(lend_server_irq_mode(stage->server), LEND_IRQ_MSIX);
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 0, 8, events, 8), 0);
	stage_is_in_step(stage, fds + 8);
	for (unsigned i = 0; i < 8; i++)
		lend_server_signal(stage->server, i);
	lend_server_signal(stage->server, 8);
	lend_server_signal(stage->server, UINT32_MAX);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(stage_signals(events[i]), 1);
	/* Another one for vector 3; none for 5 and 6. */
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 3, 1, &events[8], 1), 0);
	stage_is_in_step(stage, fds + 8);
	lend_server_signal(stage->server, 3);
	assert_int_equal(stage_signals(events[3]), 0);
	assert_int_equal(stage_signals(events[8]), 1);
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 5, 2, NULL, 0), 0);
	stage_is_in_step(stage, fds + 6);
	/* Fired by the client: all of a range, and those whose byte is not 0. */
	assert_int_equal(set(stage, 2, NONE | TRIGGER, 0, 8, NULL, 0), 0);
	assert_true(stage_signals(events[0]) == 1 && !stage_signals(events[5]) &&
		    stage_signals(events[7]) == 1);
	stage_signals(events[1]), stage_signals(events[2]), stage_signals(events[8]);
	assert_int_equal(peer_ask(&stage->peer, WIRE_SET_IRQS, &some, sizeof(some)), 0);
	assert_true(!stage_signals(events[0]) && stage_signals(events[1]) == 1 && !stage_signals(events[2]) &&
		    stage_signals(events[8]) == 1);
	assert_int_equal(set(stage, 2, NONE | TRIGGER, 0, 0, NULL, 0), 0);
	assert_int_equal(lend_server_irq_mode(stage->server), -1);
	stage_is_in_step(stage, fds);
	/* An index that the device does not have can be switched off. */
	assert_int_equal(set(stage, 4, NONE | TRIGGER, 0, 0, NULL, 0), 0);
	assert_int_equal(set(stage, 3, EVENTFD | TRIGGER, 0, 1, events, 1), 0);
	stage_is_in_step(stage, fds + 1);
	/* The client goes, and all with it. */
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 0, 8, events, 8), 0);
	stage_connect(stage);
	stage_work(stage);
	assert_int_equal(open_fds(), fds);
	assert_int_equal(lend_server_irq_mode(stage->server), -1);
	close_all(events, 9);
}

static void pending_while_vectors_are_off(void **state)
{
	struct server_stage *stage = *state;
	int events[3];

	open_events(events, 3);
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 0, 1, events, 1), 0);
	lend_server_signal(stage->server, 1);
	lend_server_signal(stage->server, 2);
	assert_int_equal(peer_read32(&stage->peer, STAGE_MSIX, STAGE_PENDING), 6);
	/* As a client does that unmasks vector 1: everything is off for a moment. */
	assert_int_equal(set(stage, 2, NONE | TRIGGER, 0, 0, NULL, 0), 0);
	lend_server_signal(stage->server, 0);
	assert_int_equal(peer_read32(&stage->peer, STAGE_MSIX, STAGE_PENDING), 7);
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 0, 1, events, 1), 0);
	assert_int_equal(stage_signals(events[0]), 1);
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 1, 1, &events[1], 1), 0);
	assert_int_equal(stage_signals(events[1]), 1);
	assert_int_equal(stage_signals(events[2]), 0);
	assert_int_equal(peer_read32(&stage->peer, STAGE_MSIX, STAGE_PENDING), 4);
	/* The line takes over: what was pending means nothing any more. */
	assert_int_equal(set(stage, 2, NONE | TRIGGER, 0, 0, NULL, 0), 0);
	assert_int_equal(set(stage, 0, EVENTFD | TRIGGER, 0, 1, events, 1), 0);
	assert_int_equal(peer_read32(&stage->peer, STAGE_MSIX, STAGE_PENDING), 0);
	lend_server_signal(stage->server, 0);
	assert_int_equal(stage_signals(events[0]), 0);
	close_all(events, 3);
}

static void masks_of_messages(void **state)
{
	struct server_stage *stage = *state;
	unsigned msix = capability(stage, PCI_CAP_ID_MSIX), msi = capability(stage, PCI_CAP_ID_MSI);
	int events[4];

	open_events(events, 4);
	assert_int_equal(peer_read32(&stage->peer, STAGE_MSIX, 12), 1);
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 0, 4, events, 4), 0);
	/* A table that nobody writes masks nothing; one that is written does. */
	lend_server_signal(stage->server, 0);
	assert_int_equal(stage_signals(events[0]), 1);
	assert_int_equal(peer_write32(&stage->peer, STAGE_MSIX, 12, 0xffffffff), 0);
	assert_int_equal(peer_read32(&stage->peer, STAGE_MSIX, 12), 1);
	lend_server_signal(stage->server, 0);
	assert_int_equal(stage_signals(events[0]), 0);
	assert_int_equal(peer_write32(&stage->peer, STAGE_MSIX, 12, 0), 0);
	assert_int_equal(stage_signals(events[0]), 1);
	/* All of the function. */
	write16(stage, msix + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	lend_server_signal(stage->server, 1);
	assert_int_equal(stage_signals(events[1]), 0);
	write16(stage, msix + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
	assert_int_equal(stage_signals(events[1]), 1);
	/* By a message. */
	assert_int_equal(set(stage, 2, NONE | MASK, 1, 2, NULL, 0), 0);
	lend_server_signal(stage->server, 2);
	assert_int_equal(stage_signals(events[2]), 0);
	assert_int_equal(set(stage, 2, NONE | UNMASK, 1, 2, NULL, 0), 0);
	assert_int_equal(stage_signals(events[2]), 1);
	assert_int_equal(set(stage, 2, NONE | TRIGGER, 0, 0, NULL, 0), 0);
	/* MSI by its mask register. */
	assert_int_equal(set(stage, 1, EVENTFD | TRIGGER, 0, 4, events, 4), 0);
	assert_int_equal(lend_server_irq_mode(stage->server), LEND_IRQ_MSI);
	assert_int_equal(peer_write32(&stage->peer, LEND_REGION_CONFIG, msi + PCI_MSI_MASK_64, 0xfffffffa),
			 0);
	assert_int_equal(peer_read32(&stage->peer, LEND_REGION_CONFIG, msi + PCI_MSI_MASK_64), 0xa);
	for (unsigned i = 0; i < 4; i++)
		lend_server_signal(stage->server, i);
	assert_true(stage_signals(events[0]) == 1 && stage_signals(events[2]) == 1);
	assert_int_equal(peer_read32(&stage->peer, LEND_REGION_CONFIG, msi + PCI_MSI_PENDING_64), 0xa);
	assert_int_equal(peer_write32(&stage->peer, LEND_REGION_CONFIG, msi + PCI_MSI_MASK_64, 8), 0);
	assert_true(stage_signals(events[1]) == 1 && !stage_signals(events[3]));
	close_all(events, 4);
}

static void descriptors_that_are_no_eventfds(void **state)
{
	struct server_stage *stage = *state;
	int pipes[2], dead[2], sockets[2], full = eventfd(0, EFD_CLOEXEC), fds[5];
	uint64_t most = UINT64_MAX - 1;
	char page[4096] = {0};
	unsigned open;

	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(pipe(dead), 0);
	close(dead[0]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	close(sockets[0]);
	assert_int_equal(fcntl(pipes[1], F_SETFL, O_NONBLOCK), 0);
	while (write(pipes[1], page, sizeof(page)) > 0)
		;
	assert_int_equal(fcntl(pipes[1], F_SETFL, 0), 0);
	assert_int_equal(write(full, &most, sizeof(most)), sizeof(most));
	memcpy(fds, (int[]){pipes[1], dead[1], sockets[1], full, stage->memory}, sizeof(fds));
	open = open_fds();
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 0, 5, fds, 5), 0);
	for (unsigned i = 0; i < 5; i++)
		lend_server_signal(stage->server, i);
	assert_int_equal(set(stage, 2, NONE | TRIGGER, 0, 5, NULL, 0), 0);
	stage_is_in_step(stage, open + 5);
	assert_int_equal(set(stage, 2, NONE | TRIGGER, 0, 0, NULL, 0), 0);
	/* As the line's: one that is always readable is given up, a file cannot be waited for. */
	assert_int_equal(set(stage, 0, EVENTFD | UNMASK, 0, 1, &stage->memory, 1), -EINVAL);
	assert_int_equal(set(stage, 0, EVENTFD | UNMASK, 0, 1, &sockets[1], 1), 0);
	stage_work(stage);
	stage_is_in_step(stage, open);
	close_all(fds, 4);
	close(pipes[0]);
}

/* The client has the same open file: it takes O_NONBLOCK away when the server has looked. */
static void eventfds_that_block_later(void **state)
{
	struct server_stage *stage = *state;
	uint64_t most = UINT64_MAX - 1, count;
	int event = eventfd(0, EFD_NONBLOCK);

	alarm(300);
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 0, 1, &event, 1), 0);
	assert_int_equal(write(event, &most, sizeof(most)), sizeof(most));
	assert_int_equal(fcntl(event, F_SETFL, 0), 0);
	lend_server_signal(stage->server, 0);
	assert_int_equal(set(stage, 2, NONE | TRIGGER, 0, 1, NULL, 0), 0);
	assert_int_equal(read(event, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, most);
	lend_server_signal(stage->server, 0);
	assert_int_equal(stage_signals(event), 1);
	alarm(0);
	close(event);
}

static struct lend_irqs passed[64];
static int passed_fds[64];
static unsigned passed_count;
static int passed_result;

static int on_set_irqs(void *dev, const struct lend_irqs *irqs)
{
	(void)dev;
	passed_fds[passed_count] = irqs->fds ? irqs->fds[0] : -2;
	passed[passed_count++] = *irqs;
	return passed_result;
}

/* A device that does its interrupts itself is handed the client's own descriptors. */
static void interrupts_are_passed_on(void **state)
{
	struct server_stage *stage = *state;
	struct lend_server_ops ops = *stage->device.ops;
	struct __attribute__((packed)) {
		struct wire_set_irqs set;
		uint8_t chosen[3];
	} some = {{23, BOOL | TRIGGER, 2, 1, 3}, {1, 0, 1}};
	int event = eventfd(0, EFD_NONBLOCK);
	unsigned fds;

	ops.set_irqs = on_set_irqs;
	stage->device.ops = &ops;
	passed_count = 0;
	passed_result = 0;
	stage_serve(stage);
	assert_int_equal(peer_version(&stage->peer, 0, 0, wire_peer_text), 0);
	fds = open_fds();
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 2, 1, &event, 1), 0);
	assert_true(passed[0].action == LEND_IRQ_TRIGGER && passed[0].start == 2 && passed[0].count == 1);
	assert_int_not_equal(passed_fds[0], event);
	assert_int_equal(fcntl(passed_fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(set(stage, 2, EVENTFD | TRIGGER, 2, 1, NULL, 0), 0);
	assert_int_equal(passed_fds[1], -1);
	assert_int_equal(set(stage, 0, EVENTFD | UNMASK, 0, 1, &event, 1), 0);
	assert_true(passed[2].action == LEND_IRQ_UNMASK && passed_fds[2] >= 0);
	stage_is_in_step(stage, fds + 1);
	assert_int_equal(set(stage, 0, NONE | MASK, 0, 1, NULL, 0), 0);
	assert_true(passed[3].action == LEND_IRQ_MASK && passed_fds[3] == -2);
	assert_int_equal(peer_ask(&stage->peer, WIRE_SET_IRQS, &some, sizeof(some)), 0);
	assert_true(passed_count == 6 && passed[4].start == 1 && passed[5].start == 3);
	assert_int_equal(set(stage, 2, NONE | TRIGGER, 0, 0, NULL, 0), 0);
	assert_true(passed[6].count == 0 && passed[6].index == 2);
	/* What the device refuses changes nothing. */
	passed_result = -EBUSY;
	assert_int_equal(set(stage, 1, EVENTFD | TRIGGER, 0, 1, &event, 1), -EBUSY);
	passed_result = 1;
	assert_int_equal(set(stage, 1, EVENTFD | TRIGGER, 0, 1, &event, 1), -ENOSPC);
	assert_int_equal(lend_server_irq_mode(stage->server), -1);
	stage_is_in_step(stage, fds + 1);
	close(event);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		CASE(libvfio_user_b646559_requests_that_make_no_sense),
		CASE(vectors_are_set_and_dropped),
		CASE(pending_while_vectors_are_off),
		CASE(masks_of_messages),
		CASE(descriptors_that_are_no_eventfds),
		CASE(eventfds_that_block_later),
		CASE(interrupts_are_passed_on),
	};

	return cmocka_run_group_tests_name("server_irqs", tests, NULL, NULL);
}

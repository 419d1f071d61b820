/* SPDX-License-Identifier: MIT */
/*
 * The line of a server: a level, its masks, and the eventfds of the client that tell of an
 * interrupt's end.
 */
#include <linux/pci_regs.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/unit/server_irqs.h"

static void the_line_is_a_level(void **state)
{
	struct server_stage *stage = *state;
	uint64_t one = 1;
	unsigned fds;
	int events[3];

	fds = open_events(events, 3);
	assert_int_equal(set(stage, 0, EVENTFD | TRIGGER, 0, 1, events, 1), 0);
	assert_int_equal(lend_server_irq_mode(stage->server), LEND_IRQ_INTX);
	lend_server_line(stage->server, true);
	lend_server_line(stage->server, true);
	assert_int_equal(stage_signals(events[0]), 1);
	assert_int_equal(peer_read32(&stage->peer, LEND_REGION_CONFIG, 4) >> 16 & PCI_STATUS_INTERRUPT,
			 PCI_STATUS_INTERRUPT);
	/* The end of an interrupt, with and without its cause. */
	assert_int_equal(set(stage, 0, NONE | UNMASK, 0, 1, NULL, 0), 0);
	assert_int_equal(stage_signals(events[0]), 1);
	lend_server_line(stage->server, false);
	assert_int_equal(set(stage, 0, NONE | UNMASK, 0, 1, NULL, 0), 0);
	assert_int_equal(stage_signals(events[0]), 0);
	/* By an eventfd, as a client with KVM's interrupt controller does. */
	assert_int_equal(set(stage, 0, NONE | MASK, 0, 1, NULL, 0), 0);
	assert_int_equal(set(stage, 0, EVENTFD | UNMASK, 0, 1, &events[1], 1), 0);
	lend_server_line(stage->server, true);
	assert_int_equal(stage_signals(events[0]), 0);
	assert_int_equal(set(stage, 0, NONE | UNMASK, 0, 1, NULL, 0), 0);
	assert_int_equal(stage_signals(events[0]), 1);
	assert_int_equal(write(events[1], &one, 8), 8);
	stage_work(stage);
	assert_int_equal(stage_signals(events[0]), 1);
	/* Disabled in the command register. */
	write16(stage, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(set(stage, 0, NONE | UNMASK, 0, 1, NULL, 0), 0);
	assert_int_equal(stage_signals(events[0]), 0);
	write16(stage, PCI_COMMAND, 0);
	assert_int_equal(stage_signals(events[0]), 1);
	/* Switched off and on again while the cause is there. */
	stage_is_in_step(stage, fds + 2);
	assert_int_equal(set(stage, 0, NONE | TRIGGER, 0, 0, NULL, 0), 0);
	stage_is_in_step(stage, fds);
	assert_int_equal(set(stage, 0, EVENTFD | TRIGGER, 0, 1, events, 1), 0);
	assert_int_equal(stage_signals(events[0]), 1);
	/* The descriptor for unmask is replaced, and taken away. */
	assert_int_equal(set(stage, 0, EVENTFD | UNMASK, 0, 1, &events[1], 1), 0);
	assert_int_equal(set(stage, 0, EVENTFD | UNMASK, 0, 1, &events[2], 1), 0);
	assert_int_equal(write(events[1], &one, 8), 8);
	stage_work(stage);
	assert_int_equal(stage_signals(events[0]), 0);
	assert_int_equal(set(stage, 0, EVENTFD | UNMASK, 0, 1, NULL, 0), 0);
	assert_int_equal(write(events[2], &one, 8), 8);
	stage_work(stage);
	assert_int_equal(stage_signals(events[0]), 0);
	assert_int_equal(set(stage, 0, EVENTFD | MASK, 0, 1, &events[2], 1), 0);
	stage_is_in_step(stage, fds + 2);
	/* A reset lowers the line. */
	assert_int_equal(peer_ask(&stage->peer, WIRE_RESET, NULL, 0), 0);
	assert_int_equal(set(stage, 0, NONE | UNMASK, 0, 1, NULL, 0), 0);
	assert_int_equal(stage_signals(events[0]), 0);
	close_all(events, 3);
}

/* A client that always has messages does not keep the end of an interrupt from being seen. */
static void the_end_of_an_interrupt_has_its_turn(void **state)
{
	enum { WRITES = 4 * 64 };
	struct server_stage *stage = *state;
	struct __attribute__((packed)) {
		struct wire_header header;
		struct wire_region_access access;
		uint32_t value;
	} writes[WRITES];
	uint64_t one = 1;
	int events[2];

	open_events(events, 2);
	assert_int_equal(set(stage, 0, EVENTFD | TRIGGER, 0, 1, events, 1), 0);
	assert_int_equal(set(stage, 0, EVENTFD | UNMASK, 0, 1, &events[1], 1), 0);
	lend_server_line(stage->server, true);
	assert_int_equal(stage_signals(events[0]), 1);
	for (unsigned i = 0; i < WRITES; i++) {
		writes[i].header =
			(struct wire_header){0, WIRE_REGION_WRITE, sizeof(writes[0]), WIRE_NO_REPLY, 0};
		writes[i].access = (struct wire_region_access){0, STAGE_REGISTERS, 4};
		writes[i].value = i;
	}
	assert_int_equal(send(stage->peer.fd, writes, sizeof(writes), MSG_DONTWAIT), sizeof(writes));
	assert_int_equal(write(events[1], &one, 8), 8);
	lend_server_work(stage->server);
	lend_server_work(stage->server);
	assert_int_equal(stage->writes, 2 * 64);
	assert_int_equal(stage_signals(events[0]), 1);
	stage_is_in_step(stage, open_fds());
	assert_int_equal(stage->writes, WRITES);
	close_all(events, 2);
}

/* It stays readable for ever, and is no reason to work for ever. */
static void semaphores_for_the_line(void **state)
{
	const uint32_t actions[] = {UNMASK, MASK};
	struct server_stage *stage = *state;
	struct pollfd work = {lend_server_fd(stage->server), POLLIN, 0};
	uint64_t most = UINT64_MAX - 1, one = 1;
	int events[2];

	alarm(300);
	open_events(events, 1);
	assert_int_equal(set(stage, 0, EVENTFD | TRIGGER, 0, 1, events, 1), 0);
	for (unsigned i = 0; i < 2; i++) {
		events[1] = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
		assert_int_equal(write(events[1], &most, sizeof(most)), sizeof(most));
		assert_int_equal(set(stage, 0, EVENTFD | actions[i], 0, 1, &events[1], 1), 0);
		for (unsigned turn = 0; turn < 3; turn++)
			lend_server_work(stage->server);
		assert_int_equal(poll(&work, 1, 0), 0);
		if (!i) { /* each write to it is an end of interrupt */
			lend_server_line(stage->server, true);
			assert_int_equal(stage_signals(events[0]), 1);
			assert_int_equal(write(events[1], &one, sizeof(one)), sizeof(one));
			assert_int_equal(poll(&work, 1, 0), 1);
			lend_server_work(stage->server);
			assert_int_equal(stage_signals(events[0]), 1);
		}
		close(events[1]);
	}
	alarm(0);
	close(events[0]);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
		CASE(the_line_is_a_level),
		CASE(the_end_of_an_interrupt_has_its_turn),
		CASE(semaphores_for_the_line),
	};

	return cmocka_run_group_tests_name("server_line", tests, NULL, NULL);
}

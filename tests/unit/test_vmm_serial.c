/* SPDX-License-Identifier: MIT */
/* The 16550A as Linux's driver uses it, and a reader that is slow or gone. */
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "vmm/serial.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

struct line {
	struct loop loop;
	struct serial serial;
	int ends[2]; /* the port's, ours */
	int irq;
};

static int set_up(void **state)
{
	struct line *line = calloc(1, sizeof(*line));

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, line->ends), 0);
	line->irq = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(loop_init(&line->loop), 0);
	assert_int_equal(serial_init(&line->serial, &line->loop, line->ends[0], line->irq), 0);
	*state = line;
	return 0;
}

static int tear_down(void **state)
{
	struct line *line = *state;

	serial_free(&line->serial);
	loop_free(&line->loop);
	close(line->ends[0]);
	if (line->ends[1] >= 0)
		close(line->ends[1]);
	free(line);
	return 0;
}

static unsigned get(struct line *line, unsigned reg)
{
	return (unsigned)serial_ops.read(&line->serial, reg, 1);
}

static void set(struct line *line, unsigned reg, unsigned value)
{
	serial_ops.write(&line->serial, reg, 1, value);
}

/* Edges since the last look. */
static unsigned edges(struct line *line)
{
	uint64_t count = 0;

	return read(line->irq, &count, sizeof(count)) == sizeof(count) ? (unsigned)count : 0;
}

static void output_goes_out_at_once(void **state)
{
	struct line *line = *state;
	char byte;

	set(line, DATA, 'x');
	assert_int_equal(read(line->ends[1], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(get(line, LSR) & 0x60, 0x60);
}

static void input_interrupts_until_it_is_read(void **state)
{
	struct line *line = *state;

	set(line, MCR, 8);
	set(line, IER, 1);
	assert_int_equal(write(line->ends[1], "ab", 2), 2);
	assert_int_equal(loop_once(&line->loop), 0);
	assert_int_equal(edges(line), 1);
	assert_int_equal(get(line, IIR) & 0xf, 4);
	assert_int_equal(get(line, DATA), 'a');
	assert_int_equal(get(line, LSR) & 1, 1);
	assert_int_equal(get(line, DATA), 'b');
	assert_int_equal(get(line, LSR) & 1, 0);
	assert_int_equal(get(line, IIR) & 0xf, 1);
	assert_int_equal(write(line->ends[1], "c", 1), 1);
	assert_int_equal(loop_once(&line->loop), 0);
	assert_int_equal(edges(line), 1);
}

static void no_interrupt_without_out2(void **state)
{
	struct line *line = *state;

	set(line, IER, 3);
	assert_int_equal(edges(line), 0);
	set(line, MCR, 8);
	assert_int_equal(edges(line), 1);
}

static void an_empty_transmitter_interrupts_once_a_byte(void **state)
{
	struct line *line = *state;

	set(line, MCR, 8);
	set(line, IER, 2);
	assert_int_equal(edges(line), 1);
	assert_int_equal(get(line, IIR) & 0xf, 2); /* reading it clears it */
	assert_int_equal(get(line, IIR) & 0xf, 1);
	set(line, DATA, 'x');
	assert_int_equal(edges(line), 1);
}

static void drivers_find_a_16550a(void **state)
{
	struct line *line = *state;

	set(line, 2, 1);
	assert_int_equal(get(line, IIR) & 0xc0, 0xc0);
	set(line, SCR, 0x5a);
	assert_int_equal(get(line, SCR), 0x5a);
	set(line, MCR, 0x1a); /* loop: RTS and OUT2 come back as CTS and DCD */
	assert_int_equal(get(line, MSR) & 0xf0, 0x90);
	set(line, DATA, 'l');
	assert_int_equal(get(line, DATA), 'l');
	set(line, MCR, 0);
	set(line, LCR, 0x80);
	set(line, DATA, 0x34);
	set(line, IER, 0x12);
	assert_int_equal(get(line, DATA), 0x34);
	assert_int_equal(get(line, IER), 0x12);
	set(line, LCR, 3);
	assert_int_equal(get(line, IER), 0);
}

static void accesses_beyond_the_ports_are_ones(void **state)
{
	struct line *line = *state;

	set(line, SCR, 0x77);
	assert_int_equal(serial_ops.read(&line->serial, 7, 4), 0xffffff77);
	serial_ops.write(&line->serial, 7, 4, 0x11223344);
	assert_int_equal(get(line, SCR), 0x44);
}

static void a_slow_reader_keeps_the_transmitter_busy(void **state)
{
	struct line *line = *state;
	unsigned long sent = 0, got = 0;
	char buffer[4096];
	ssize_t n;

	set(line, MCR, 8);
	set(line, IER, 2);
	while (get(line, LSR) & 0x20) {
		for (unsigned i = 0; i < SERIAL_FIFO; i++) /* as drivers do: a FIFO full, then look again */
			set(line, DATA, (unsigned)(sent++ & 0x7f));
		assert_true(sent < 10000000);
	}
	edges(line);
	while (line->serial.tx_count < SERIAL_TX)
		set(line, DATA, (unsigned)(sent++ & 0x7f));
	set(line, DATA, 'z'); /* lost, as on a port whose transmitter is busy: nothing blocks */
	while (got < sent) {
		n = read(line->ends[1], buffer, sizeof(buffer));
		if (n < 0) {
			assert_int_equal(loop_once(&line->loop), 0);
			continue;
		}
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buffer[i], (char)(got++ & 0x7f));
	}
	assert_int_equal(get(line, LSR) & 0x20, 0x20);
	assert_true(edges(line) >= 1);
	assert_true(read(line->ends[1], buffer, 1) < 0);
}

static void output_of_a_reader_that_is_gone_is_discarded(void **state)
{
	struct line *line = *state;

	close(line->ends[1]);
	line->ends[1] = -1;
	for (unsigned i = 0; i < 100000; i++)
		set(line, DATA, 'x');
	assert_int_equal(get(line, LSR) & 0x60, 0x60);
	assert_true(line->serial.gone);
}

static void reset_leaves_nothing(void **state)
{
	struct line *line = *state;

	set(line, IER, 3);
	set(line, MCR, 8);
	set(line, SCR, 1);
	serial_reset(&line->serial);
	assert_int_equal(get(line, IER), 0);
	assert_int_equal(get(line, MCR), 0);
	assert_int_equal(get(line, SCR), 0);
	assert_int_equal(get(line, IIR) & 0xf, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(output_goes_out_at_once),
		TEST(input_interrupts_until_it_is_read),
		TEST(no_interrupt_without_out2),
		TEST(an_empty_transmitter_interrupts_once_a_byte),
		TEST(drivers_find_a_16550a),
		TEST(accesses_beyond_the_ports_are_ones),
		TEST(a_slow_reader_keeps_the_transmitter_busy),
		TEST(output_of_a_reader_that_is_gone_is_discarded),
		TEST(reset_leaves_nothing),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The guest's serial line; see console.h. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool/run/console.h"

enum {
	TO_GUEST = 4 << 10,
	FROM_GUEST = 256 << 10,
	PIECE = 16 << 10,
	/* One round takes no more than this from the guest, so that keys and signals get their turn. */
	ROUNDS = 8,
};

int console_init(struct console *console)
{
	int ret;

	*console = (struct console){.serial = -1, .input = -1, .output.fd = -1};
	ret = ring_init(&console->to_guest, TO_GUEST);
	if (ret)
		return ret;
	ret = sink_init(&console->output, FROM_GUEST);
	if (ret)
		ring_free(&console->to_guest);
	return ret;
}

static void close_serial(struct console *console)
{
	if (console->serial >= 0)
		close(console->serial);
	console->serial = -1;
}

void console_free(struct console *console)
{
	close_serial(console);
	ring_free(&console->to_guest);
	sink_free(&console->output);
}

/* A file or pipe is read as fast as the guest takes it. Keys are always read, so that Ctrl-a x works. */
static bool wants_input(const struct console *console)
{
	return console->input >= 0 && (console->escapes || ring_room(&console->to_guest));
}

void console_polls(const struct console *console, struct pollfd polls[CONSOLE_POLLS])
{
	short serial = console->to_guest.used ? POLLIN | POLLOUT : POLLIN;

	polls[CONSOLE_SERIAL] = (struct pollfd){.fd = console->serial, .events = serial};
	polls[CONSOLE_INPUT] =
		(struct pollfd){.fd = wants_input(console) ? console->input : -1, .events = POLLIN};
	polls[CONSOLE_OUTPUT] = (struct pollfd){.fd = sink_waits(&console->output) ? console->output.fd : -1,
						.events = POLLOUT};
}

/* Takes one piece of output; false: there is no more now. */
static bool read_serial(struct console *console)
{
	uint8_t data[PIECE];
	ssize_t length;

	if (console->serial < 0)
		return false;
	length = recv(console->serial, data, sizeof(data), MSG_DONTWAIT);
	if (length > 0)
		sink_write(&console->output, data, (size_t)length);
	else if (!length || (errno != EAGAIN && errno != EINTR))
		close_serial(console);
	return length > 0;
}

static void write_serial(struct console *console)
{
	const uint8_t *data;
	ssize_t done = 1;

	while (done > 0 && console->to_guest.used && console->serial >= 0) {
		size_t length = ring_peek(&console->to_guest, &data);

		done = send(console->serial, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (done > 0)
			ring_drop(&console->to_guest, (size_t)done);
	}
}

static enum escape_action take_typed(struct console *console, uint8_t *data, size_t length)
{
	enum escape_action asked = ESCAPE_SWALLOW;

	for (size_t i = 0; i < length && asked != ESCAPE_END; i++) {
		enum escape_action action = escape_byte(&console->escape, &data[i]);

		if (action == ESCAPE_SEND)
			ring_put(&console->to_guest, &data[i], 1);
		else if (action != ESCAPE_SWALLOW)
			asked = action;
	}
	return asked;
}

static enum escape_action read_input(struct console *console)
{
	uint8_t data[TO_GUEST];
	size_t most = console->escapes ? sizeof(data) : ring_room(&console->to_guest);
	ssize_t length = read(console->input, data, most);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return ESCAPE_SWALLOW;
	if (length <= 0) {
		console->input = -1;
		return ESCAPE_SWALLOW;
	}
	if (console->escapes)
		return take_typed(console, data, (size_t)length);
	ring_put(&console->to_guest, data, (size_t)length);
	return ESCAPE_SWALLOW;
}

enum escape_action console_serve(struct console *console, const struct pollfd polls[CONSOLE_POLLS])
{
	enum escape_action action = ESCAPE_SWALLOW;

	if (polls[CONSOLE_INPUT].revents && console->input >= 0)
		action = read_input(console);
	if (console->to_guest.used)
		write_serial(console);
	if (polls[CONSOLE_SERIAL].revents & ~POLLOUT)
		for (int i = 0; i < ROUNDS && read_serial(console); i++)
			;
	if (polls[CONSOLE_OUTPUT].revents)
		sink_flush(&console->output);
	return action;
}

void console_drain(struct console *console)
{
	while (read_serial(console))
		;
}

/* SPDX-License-Identifier: MIT */
/*
 * National Semiconductor PC16550D data sheet, section 8. Output by polling, as
 * many bytes at a time as the FIFO holds; input sleeps until the receiver's
 * interrupt, so that a guest that waits for a line costs the host nothing.
 */
#include <stdarg.h>
#include <stdint.h>

#include "io.h"
#include "irq.h"
#include "serial.h"

enum { PORT = 0x3f8, DATA = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };
enum { IER_RECEIVED = 1, FCR_ON = 7, LCR_8N1 = 3, MCR_ON = 0xb, LSR_READY = 1, LSR_EMPTY = 0x20 };
enum { FIFO = 16, GSI = 4 };

static unsigned room;

void serial_init(void)
{
	port_write(PORT + FCR, 1, FCR_ON);
	port_write(PORT + LCR, 1, LCR_8N1);
	port_write(PORT + MCR, 1, MCR_ON);
	irq_ioapic(GSI, VECTOR_SERIAL, false);
	port_write(PORT + IER, 1, IER_RECEIVED);
}

static void put(char c)
{
	while (!room)
		room = port_read(PORT + LSR, 1) & LSR_EMPTY ? FIFO : 0;
	port_write(PORT + DATA, 1, (uint8_t)c);
	room--;
}

static void put_number(uint64_t value, unsigned base, unsigned width)
{
	char digits[20];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (width > count) {
		put('0');
		width--;
	}
	while (count)
		put(digits[--count]);
}

void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	for (; *format; format++) {
		unsigned width = 0;
		bool wide = false;

		if (*format != '%') {
			put(*format);
			continue;
		}
		for (format++; *format >= '0' && *format <= '9'; format++)
			width = width * 10 + (unsigned)(*format - '0');
		for (; *format == 'l'; format++)
			wide = true;
		if (*format == 's') {
			for (const char *s = va_arg(list, const char *); *s; s++)
				put(*s);
		} else if (*format == 'c') {
			put((char)va_arg(list, int));
		} else {
			uint64_t value = wide ? va_arg(list, uint64_t) : va_arg(list, unsigned);

			put_number(value, *format == 'x' ? 16 : 10, width);
		}
	}
	va_end(list);
}

int serial_byte(void)
{
	return port_read(PORT + LSR, 1) & LSR_READY ? (int)port_read(PORT + DATA, 1) : -1;
}

void serial_line(char *line, size_t size)
{
	size_t length = 0;

	for (;;) {
		char c;

		while (!(port_read(PORT + LSR, 1) & LSR_READY))
			irq_idle();
		c = (char)port_read(PORT + DATA, 1);
		if (c == '\n' || c == '\r')
			break;
		if (length + 1 < size)
			line[length++] = c;
	}
	line[length] = 0;
}

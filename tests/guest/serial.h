/* SPDX-License-Identifier: MIT */
/* COM1, the only way to talk. */
#ifndef GUEST_SERIAL_H
#define GUEST_SERIAL_H

#include <stddef.h>

void serial_init(void);

/* Understands %s %c, and %u %x with l and a width padded with zeros. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A byte that has come, -1: none has. */
int serial_byte(void);

/* Waits for a line; it is cut where it does not fit. */
void serial_line(char *line, size_t size);

#endif
